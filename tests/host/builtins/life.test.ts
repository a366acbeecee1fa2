/**
 * Row D16: a built-in lives as a process does: start, stop, reload, init, health, events, ticks, and the way back to its host.
 * @module
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { type Host, openHost, type PluginLog } from "../../../host/mod.ts";
import { bytes, pathOf, RUNTIME, text, withFolder } from "../../support.ts";
import { eventually } from "../events/listening.ts";
import { KINDS, withBuiltin } from "./kinds.ts";

async function ask(host: Host, command: string, payload: unknown = ""): Promise<unknown> {
  const [plugin = ""] = command.split(".");
  return JSON.parse(text(await host.get(plugin).exec(command, bytes(typeof payload === "string" ? payload : JSON.stringify(payload)))));
}

for (const kind of KINDS) {
  const name = kind.commType;

  test(`D16: ${name}: it is listed beside the others without a process id, and starts, stops and starts again`, async () => {
    await withBuiltin({ kind, fixture: "resident" }, async (host) => {
      const handle = host.get("resident");
      assert.deepEqual(host.plugins, [{ name: "resident", commType: name, state: { kind: "idle" }, restarts: 0 }]);
      await host.startAll();
      assert.deepEqual(handle.state, { kind: "ready", pid: undefined, launch: 1 });
      await eventually(() => host.plugins[0]?.version === "2.1.0");
      assert.ok(host.plugins[0]?.startedAt instanceof Date);
      assert.ok(!("pid" in (host.plugins[0] ?? {})));
      assert.equal((await handle.info()).version, "2.1.0");
      assert.deepEqual([await handle.supports("resident"), await handle.supports("other")], [true, false]);
      assert.equal(await handle.ping(), "pong");
      assert.deepEqual(await ask(host, "resident.thread"), { isMainThread: name === "builtin", main: false });
      await host.stop("resident");
      await assert.rejects(handle.exec("resident.ticks"), { code: "host.stopped" });
      await host.start("resident");
      assert.deepEqual(handle.state, { kind: "ready", pid: undefined, launch: 2 });
    });
  });

  test(`D16: ${name}: it takes its configuration, tells its health, and one that refuses its configuration does not start`, async () => {
    await withBuiltin({ kind, fixture: "resident", table: { config: { lang: "en" } } }, async (host) => {
      assert.deepEqual(await ask(host, "resident.config"), { lang: "en" });
      assert.deepEqual(await host.health(), { test: null, "test.resident": null, "test.resident.store": "is full" });
    });
    await withBuiltin({ kind, fixture: "resident", table: { config: "refuse" } }, async (host) => {
      await assert.rejects(host.start("resident"), { code: "ready.init", message: /there is no such store/, plugin: "resident" });
      assert.equal(host.get("resident").state.kind, "idle");
    });
  });

  test(`D16: ${name}: it gets events that its table subscribes it to, and ticks, and none after a stop`, async () => {
    await withBuiltin({ kind, fixture: "resident", table: { subscribes: ["item.new"] } }, async (host) => {
      await host.start("resident");
      await host.events.publish("item.new", bytes("a"));
      await host.events.publish("item.other", bytes("b"));
      await host.events.publish("item.new", bytes("c"));
      await eventually(async () => (await ask(host, "resident.heard") as string[]).length >= 2);
      const heard = await ask(host, "resident.heard") as string[];
      assert.deepEqual(heard.slice(-2), ["item.new:a", "item.new:c"]);
      await eventually(async () => Number(await ask(host, "resident.ticks")) > 2);
    });
  });

  test(`D16: ${name}: it calls the host's services and other plugins where it is granted to, and nothing else`, async () => {
    const records: PluginLog[] = [];
    const grants = { services: ["kv.*", "slow.*"], plugins: { agent: ["agent.echo"] } };
    await withBuiltin({ kind, fixture: "agent", table: { grants } }, async (host) => {
      host.provide("slow", { wait: () => new Promise(() => {}) });
      const call = (given: unknown) => ask(host, "agent.try", given) as Promise<{ code?: string; origin?: string; answer?: string }>;
      assert.deepEqual(await call({ command: "kv.set", payload: '{"key":"a","value":"00"}' }), { answer: "{}" });
      assert.equal((await call({ command: "kv.get", payload: '{"key":"a"}' })).answer, '{"value":"00"}');
      assert.equal((await call({ plugin: "agent", command: "agent.echo", payload: "hi" })).answer, "hi");
      assert.equal((await call({ plugin: "agent", command: "agent.pid" })).code, "exec.not_granted");
      assert.equal((await call({ command: "log.write", payload: "{}" })).code, "exec.not_granted");
      assert.equal((await call({ plugin: "nobody", command: "a" })).code, "exec.not_granted");
      assert.equal((await call({ command: "kv.get", payload: "{" })).code, "exec.invalid_input");
      // Both sides know the deadline, and either may see it first.
      assert.match((await call({ command: "slow.wait", options: { timeoutMs: 50 } })).code ?? "", /^(caller|exec)\.timeout$/);
      assert.ok(records.some(({ plugin, values }) => plugin === "agent" && values["code"] === "exec.not_granted"));
      await host.get("agent").exec("agent.log");
      await eventually(() => records.some(({ message }) => message === "from within"));
      const { plugin, level, values } = records.find(({ message }) => message === "from within") ?? assert.fail();
      assert.deepEqual({ plugin, level, values }, { plugin: "agent", level: "warn", values: { answer: 42 } });
    }, { onLog: (record) => records.push(record) });
  });

  test(`D16: ${name}: without a table it is granted nothing`, async () => {
    await withBuiltin({ kind, fixture: "agent" }, async (host) => {
      const { code } = await ask(host, "agent.try", { command: "kv.list", payload: "{}" }) as { code: string };
      assert.equal(code, "exec.not_granted");
    });
  });

  test(`D16: ${name}: what it keeps of its way back does no more once it has ended`, async () => {
    await withBuiltin({ kind, fixture: "agent", table: { grants: { services: ["keep.*"] } } }, async (host) => {
      let calls = 0;
      const late = Promise.withResolvers<void>();
      host.provide("keep", {
        going: async (payload) => {
          calls += 1;
          await late.promise;
          return payload;
        },
      });
      const call = host.get("agent").exec("agent.call", bytes('{"command":"keep.going"}'));
      const failed = assert.rejects(call, { code: "caller.lost", origin: "host", plugin: "agent" });
      await eventually(() => calls === 1);
      await host.stop("agent", { graceMs: 0 });
      await failed;
      late.resolve();
      assert.equal(calls, 1);
    });
  });

  test(`D16: ${name}: a stop lets open calls finish, and gives up one that does not when its time is over`, async () => {
    await withBuiltin({ kind, fixture: "workbench", table: { stop: { shutdown: 0.2, stdin: 0, term: 0 } } }, async (host) => {
      const handle = host.get("workbench");
      await handle.ready();
      const [short, endless] = [handle.exec("test.wait", bytes("50")), handle.exec("test.hang")];
      const lost = assert.rejects(endless, { code: "caller.lost" });
      const stopping = host.stop("workbench");
      assert.equal(text(await short), "50");
      await Promise.all([stopping, lost]);
      assert.equal(handle.state.kind, "stopped");
    });
  });

  test(`D16: ${name}: a reload reads its table anew; one whose configuration is refused leaves the old one serving`, async () => {
    await withFolder(async (folder) => {
      const table: Record<string, unknown> = { comm_type: "builtin", config: "first" };
      const config = { settings: { state_dir: join(folder, "state") }, plugins: { resident: table }, hosts: { test: {} } };
      await using host = await openHost("test", { config, builtins: { resident: kind.builtin("resident") } });
      const handle = host.get("resident");
      assert.equal(text(await handle.exec("resident.config")), "first");
      table["config"] = "second";
      await host.reload("resident");
      assert.equal(text(await handle.exec("resident.config")), "second");
      assert.deepEqual(handle.state, { kind: "ready", pid: undefined, launch: 2 });
      table["config"] = "refuse";
      await assert.rejects(host.reload("resident"), { code: "ready.init" });
      assert.equal(text(await handle.exec("resident.config")), "second");
      table["exec"] = "./program";
      await assert.rejects(host.reload("resident"), { code: "config.invalid" });
      assert.equal(text(await handle.exec("resident.config")), "second");
    });
  });
}

test("D16: a program with built-ins ends by itself once its host is closed, whatever their handlers still do", async () => {
  await withFolder(async (folder) => {
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), pathOf("tests/fixtures/holds_builtins.ts"), folder];
    const { stdout } = await promisify(execFile)(RUNTIME, args, { timeout: 15_000 });
    assert.equal(stdout, "inside caller.timeout\nbeside caller.timeout\nclosed\n");
  });
});
