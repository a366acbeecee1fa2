/**
 * D4: the key-value store of each plugin.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { type Host, openHost } from "../../../host/mod.ts";
import { bytes, configOf, pathOf, RUNTIME, text, typescriptPlugin, withFolder, withHost } from "../../support.ts";

const agent = { ...typescriptPlugin("tests/fixtures/agent.ts"), socket: true, grants: { services: ["kv.*"] } };

/** What a method of `kv` answers to a plugin. */
async function kv(host: Host, plugin: string, method: string, input: unknown): Promise<Record<string, unknown>> {
  const call = bytes(JSON.stringify({ command: `kv.${method}`, payload: JSON.stringify(input) }));
  return JSON.parse(text(await host.get(plugin).exec("agent.call", call)));
}

test("D4: set, get, delete, list and prune; what one plugin writes another does not see", async () => {
  await withHost({ a: agent, b: agent }, async (host) => {
    assert.deepEqual(await kv(host, "a", "get", { key: "k" }), { value: null });
    assert.deepEqual(await kv(host, "a", "set", { key: "k", value: "00ff" }), {});
    assert.deepEqual(await kv(host, "a", "get", { key: "k" }), { value: "00ff" });
    assert.deepEqual(await kv(host, "b", "get", { key: "k" }), { value: null });
    await kv(host, "a", "set", { key: "k", value: "" });
    assert.deepEqual(await kv(host, "a", "get", { key: "k" }), { value: "" });
    for (const key of ["item.2", "item.1", "item.3", "j\u00e4", "item"]) await kv(host, "a", "set", { key, value: "01" });
    assert.deepEqual(await kv(host, "a", "list", {}), { keys: ["item", "item.1", "item.2", "item.3", "j\u00e4", "k"] });
    const first = await kv(host, "a", "list", { prefix: "item.", limit: 2 });
    assert.deepEqual(first, { keys: ["item.1", "item.2"], cursor: "item.2" });
    assert.deepEqual(await kv(host, "a", "list", { prefix: "item.", limit: 2, cursor: first["cursor"] }), { keys: ["item.3"] });
    assert.deepEqual(await kv(host, "a", "delete", { key: "k" }), { deleted: true });
    assert.deepEqual(await kv(host, "a", "delete", { key: "k" }), { deleted: false });
    assert.deepEqual(await kv(host, "a", "prune", { older_than_ms: 60_000 }), { removed: 0 });
    assert.deepEqual(await kv(host, "a", "prune", { older_than_ms: 0 }), { removed: 5 });
    assert.deepEqual(await kv(host, "a", "list", {}), { keys: [] });
  });
});

test("D4: a key with ttl_ms is gone after that", async () => {
  await withHost({ a: agent }, async (host) => {
    await kv(host, "a", "set", { key: "short", value: "01", ttl_ms: 1 });
    await kv(host, "a", "set", { key: "long", value: "01", ttl_ms: 60_000 });
    let left = await kv(host, "a", "get", { key: "short" });
    for (let tries = 0; tries < 100 && left["value"] !== null; tries++) left = await kv(host, "a", "get", { key: "short" });
    assert.deepEqual(left, { value: null });
    assert.deepEqual(await kv(host, "a", "list", {}), { keys: ["long"] });
  });
});

test("D4: wrong input is exec.invalid_input with the field's path", async () => {
  await withHost({ a: agent }, async (host) => {
    for (
      const [method, payload, field] of [
        ["get", "{}", /key/],
        ["get", '{"key":""}', /key/],
        ["set", '{"key":"k","value":"0"}', /value: is not hex/],
        ["set", '{"key":"k","value":"00","ttl_ms":-1}', /ttl_ms/],
        ["list", '{"limit":0}', /limit/],
        ["prune", "[]", /input does not fit/],
        ["get", "{", /not JSON/],
      ] as const
    ) {
      const call = bytes(JSON.stringify({ command: `kv.${method}`, payload }));
      const { code, message } = JSON.parse(text(await host.get("a").exec("agent.try", call)));
      assert.equal(code, "exec.invalid_input", payload);
      assert.match(message, field);
    }
  });
});

test("D4: an acknowledged set survives SIGKILL of the host, ten times", async () => {
  await withFolder(async (folder) => {
    const config = configOf({ a: agent }, join(folder, "state"));
    const file = join(folder, "config.json");
    await writeFile(file, JSON.stringify(config));
    const written: string[] = [];
    for (let round = 0; round < 10; round++) {
      const flags = RUNTIME === "deno" ? ["run", "-A", "-q"] : [];
      const host = spawn(process.execPath, [...flags, pathOf("tests/fixtures/sets_keys.ts"), file, String(round)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = once(host, "exit");
      let inRound = 0;
      for await (const line of createInterface({ input: host.stdout })) {
        written.push(line);
        inRound += 1;
        if (inRound === 5) host.kill("SIGKILL"); // While further sets are on their way.
      }
      await exit;
    }
    assert.ok(written.length >= 50, `${written.length} keys`);
    await using host = await openHost("test", { config });
    const { keys } = await kv(host, "a", "list", {});
    assert.deepEqual(written.filter((key) => !(keys as string[]).includes(key)), []);
  });
});

test("D4: a folder that cannot be written is host.state, with the path and what to do", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "hosts"), "in the way");
    await using host = await openHost("test", { config: configOf({ a: agent }, folder) });
    const call = bytes(JSON.stringify({ command: "kv.get", payload: '{"key":"k"}' }));
    const { code, message } = JSON.parse(text(await host.get("a").exec("agent.try", call)));
    assert.equal(code, "host.state");
    assert.match(message, /hosts/);
  });
});
