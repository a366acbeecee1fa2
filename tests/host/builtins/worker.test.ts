/**
 * Row D16: a worker that dies is restarted, one that loops is replaced, and one that cannot be loaded says why.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, PluginLog } from "../../../host/mod.ts";
import { bytes, RUNTIME, text, withHost } from "../../support.ts";
import { eventually } from "../events/listening.ts";
import { KINDS, withBuiltin } from "./kinds.ts";

const [, kind] = KINDS;
if (kind === undefined) throw new Error("There is no worker");

async function readyAgain(host: Host, launch: number): Promise<void> {
  for await (const state of host.get("resident").states()) if (state.kind === "ready" && state.launch === launch) return;
}

test("D16: worker: one that exits, or throws where nobody catches it, is started again and initialised anew", async () => {
  await withBuiltin({ kind, fixture: "resident", table: { config: "mine", restart: { min_delay: 0 } } }, async (host) => {
    const handle = host.get("resident");
    await handle.ready();
    await assert.rejects(handle.exec("resident.exit"), { code: "caller.lost", origin: "host", plugin: "resident" });
    await readyAgain(host, 2);
    assert.equal(host.plugins[0]?.lastExit?.code, 7);
    assert.equal(text(await handle.exec("resident.inits")), "1", "the module was loaded afresh");
    assert.equal(text(await handle.exec("resident.config")), "mine");
    await handle.exec("resident.throw_later");
    await readyAgain(host, 3);
    assert.match(host.plugins[0]?.lastExit?.stderr ?? "", /nobody catches this/);
    assert.equal(host.plugins[0]?.restarts, 2);
  });
});

test("D16: worker: one that ends too often is given up", async () => {
  await withBuiltin({ kind, fixture: "resident", table: { restart: { max: 0 } } }, async (host) => {
    await assert.rejects(host.get("resident").exec("resident.exit"), { code: "caller.lost" });
    for await (const state of host.get("resident").states()) if (state.kind === "crashed") break;
    await assert.rejects(host.get("resident").exec("resident.ticks"), { code: "host.crashed", message: /exited with code 7/ });
  });
});

test("D16: worker: one that loops for ever is found out by ping and replaced, while the host goes on", async () => {
  const records: PluginLog[] = [];
  const supervise = { pingIntervalMs: 100, pingTimeoutMs: 200 };
  await withBuiltin({ kind, fixture: "resident", table: { restart: { min_delay: 0 } } }, async (host) => {
    const handle = host.get("resident");
    await handle.ready();
    await assert.rejects(handle.exec("resident.loop", undefined, { timeoutMs: 300 }), { code: "caller.timeout" });
    await readyAgain(host, 2);
    assert.equal(text(await handle.exec("resident.inits")), "1");
  }, { supervise, onLog: (record) => records.push(record) });
  const told = records.filter(({ values }) => values["code"] === "host.left_worker");
  assert.equal(told.length, RUNTIME === "deno" ? 1 : 0);
});

test("D16: worker: a module that is missing, exports no plugin or several, says so at its start", async () => {
  const at = (file: string) => ({ worker: new URL(`../../fixtures/${file}`, import.meta.url) });
  const builtins = {
    none: at("no_plugin.ts"),
    two: at("two_plugins.ts"),
    gone: at("is_not_there.ts"),
    throws: at("throws_at_load.ts"),
    exits: at("exits_at_load.ts"),
  };
  await withHost({}, async (host) => {
    const because = (message: RegExp, plugin: string) => ({ code: "spawn.not_executable", message, plugin });
    await assert.rejects(
      host.start("none"),
      because(/Cannot start plugin "none": .*no_plugin\.ts.* exports no plugin, but answer/, "none"),
    );
    await assert.rejects(host.start("two"), because(/exports several plugins, \w+, \w+;/, "two"));
    await assert.rejects(host.start("gone"), because(/is_not_there\.ts/, "gone"));
    await assert.rejects(host.start("throws"), because(/broken at load/, "throws"));
    await assert.rejects(host.start("exits"), {
      code: "ready.exited",
      message: /it exited with code 4 before it was ready/,
      plugin: "exits",
    });
  }, { builtins });
});

test("D16: worker: what it posts that is no message of ours harms nobody", async () => {
  await withHost({}, async (host) => {
    const handle = host.get("rude");
    assert.equal(text(await handle.exec("rude.post")), "answered");
    await assert.rejects(handle.exec("rude.wrong_answer"), { code: "exec.failed", message: /no bytes/ });
    // The other wrong answers are still on their way, and may be to the calls of now.
    await eventually(async () => text(await handle.exec("rude.post").catch(() => bytes(""))) === "answered");
  }, { builtins: { rude: { worker: new URL("../../fixtures/rude.ts", import.meta.url) } } });
});

test("D16: worker: a start that does not end in time is given up", async () => {
  const builtins = { never: { worker: new URL("../../fixtures/never_loads.ts", import.meta.url) } };
  await withHost({ never: { comm_type: "builtin", start_timeout: 0.5 } }, async (host) => {
    await assert.rejects(host.start("never"), { code: "ready.timeout", plugin: "never", hint: /start_timeout/ });
    await assert.rejects(host.get("never").exec("a", bytes("")), { code: "ready.timeout" });
  }, { builtins });
});

test("D16: worker: a start that is under way when the host is closed is given up at once", async () => {
  const builtins = { never: { worker: new URL("../../fixtures/never_loads.ts", import.meta.url) } };
  await withHost({}, async (host) => {
    const starting = assert.rejects(host.start("never"), { code: /^host\.(stopped|closed)$/ });
    for await (const state of host.get("never").states()) if (state.kind === "starting") break;
    await host.close();
    await starting;
  }, { builtins });
});
