/**
 * Row C17: how the plugins of a host and their parts are, as one tree of names.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openHost } from "../../host/mod.ts";
import { languageSkip } from "../languages.ts";
import { assertNoneLeft, configOf, keysOf, measureLagMs, pythonPlugin, typescriptPlugin, withFolder, withHost } from "../support.ts";
import { reached } from "./process/observe.ts";

const skip = languageSkip("python");
const lively = typescriptPlugin("tests/fixtures/lively.ts");
const plain = pythonPlugin("tests/fixtures/process/plain.py");
const early = pythonPlugin("tests/fixtures/process/early_exit.py", ["3"]);

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C17: ${wire}: the host, its plugin and the part of it that is down`, async () => {
    await withFolder(async (folder) => {
      const a = { ...lively, ...keysOf(wire), config: { health: { db: "down", web: null } } };
      const config = { ...configOf({ a }, join(folder, "state")), hosts: { host: { plugins: ["a"] } } };
      await using host = await openHost("host", { config });
      await host.startAll();
      assert.deepEqual(await host.health(), { host: null, "host.a": null, "host.a.db": "down", "host.a.web": null });
    });
  });
}

test("C17: a plugin that does not tell its health is well when it answers; asking starts nothing", { skip }, async () => {
  const plugins = { plain, never: plain, demand: { ...plain, daemon: false }, off: { ...plain, enabled: false } };
  await withHost(plugins, async (host, marker) => {
    assert.deepEqual(await host.health(), { test: null, "test.plain": null, "test.never": null, "test.demand": null });
    await assertNoneLeft(marker);
    await host.start("plain");
    assert.deepEqual(await host.health(), { test: null, "test.plain": null, "test.never": null, "test.demand": null });
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["ready", "idle", "idle", "inactive"]);
  });
});

test("C17: the entry of a plugin that cannot be reached holds the error within 1 s, the others are told too", async () => {
  const lagMs = await measureLagMs();
  const well = { ...lively, config: { health: { db: "slow" } } };
  await withHost({ stopped: lively, well, hung: { ...lively, config: { health: "hang" } } }, async (host) => {
    await host.startAll();
    const pid = host.plugins[0]?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    const began = performance.now();
    const health = await host.health();
    const tookMs = performance.now() - began;
    process.kill(pid, "SIGCONT");
    assert.ok(tookMs < 1000 + 10 * lagMs, `${tookMs} ms`);
    assert.partialDeepStrictEqual(health, { test: null, "test.well": null, "test.well.db": "slow" });
    for (const name of ["stopped", "hung"]) assert.match(String(health[`test.${name}`]), /health.*was not answered within 900 ms/);
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["ready", "ready", "ready"]);
  });
});

test("C17: a plugin that has no process says why: it starts, waits for a restart, was given up, was stopped", { skip }, async () => {
  const restart = { max: 1, min_delay: 60, max_delay: 60 };
  await withHost({ lively: { ...lively, restart }, early: { ...early, restart: { max: 0 } }, plain }, async (host) => {
    await assert.rejects(host.start("early"), { code: "ready.exited" });
    const starting = host.start("plain");
    assert.equal((await host.health())["test.plain"], "it is starting");
    await starting;
    const handle = await host.start("lively");
    process.kill(host.plugins[0]?.pid ?? 0, "SIGKILL");
    await reached(handle, "restarting");
    await reached(handle, "ready");
    process.kill(host.plugins[0]?.pid ?? 0, "SIGKILL");
    await reached(handle, "crashed");
    await host.stop("plain");
    assert.deepEqual(await host.health(), {
      test: null,
      "test.lively": 'Plugin "lively" was ended by SIGKILL',
      "test.early": host.plugins[1]?.state.kind === "crashed" ? host.plugins[1].state.reason.message : "",
      "test.plain": "it was stopped",
    });
    assert.match((await host.health())["test.early"] ?? "", /exited with code 3/);
  });
});

test("C17: a health that throws, or is no table, is what is wrong; a part may be told as anything", async () => {
  const told = (health: unknown) => ({ ...lively, config: { health } });
  const plugins = { throws: told("throw"), list: told(["db"]), text: told("fine"), odd: told({ db: 3, web: { up: false }, "": "x" }) };
  await withHost(plugins, async (host) => {
    await host.startAll();
    assert.deepEqual(await host.health(), {
      test: null,
      "test.throws": "nobody knows",
      "test.list": 'It told its health as ["db"], not as an object',
      "test.text": 'It told its health as "fine", not as an object',
      "test.odd": null,
      "test.odd.db": "3",
      "test.odd.web": '{"up":false}',
      "test.odd.": "x",
    });
  });
});

test("C17: asking for the health keeps no plugin on demand", async () => {
  await withHost({ lively: { ...lively, daemon: false, idle_time: 0.3 } }, async (host) => {
    const handle = await host.start("lively");
    let isIdle = false;
    const idle = reached(handle, "idle").then(() => isIdle = true);
    while (!isIdle) {
      await host.health();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await idle;
    assert.equal((await host.health())["test.lively"], null);
  });
});
