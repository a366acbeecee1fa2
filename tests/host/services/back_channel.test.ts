/**
 * D1, D3, D5: plugins call services of the host, and one another through it.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Host, PluginLog } from "../../../host/mod.ts";
import { bytes, keysOf, text, typescriptPlugin, withHost } from "../../support.ts";

const WIRES = ["rest", "grpc", "connect", "stdio", "socket"];
const json = (value: unknown) => bytes(JSON.stringify(value));
const agent = (keys: Record<string, unknown> = {}) => ({ ...typescriptPlugin("tests/fixtures/agent.ts"), ...keys });

/** What the plugin says of a call that it tries. */
async function tried(
  host: Host,
  plugin: string,
  call: unknown,
): Promise<{ answer?: string; code?: string; message?: string; origin?: string }> {
  return JSON.parse(text(await host.get(plugin).exec("agent.try", json(call))));
}

for (const wire of WIRES) {
  test(`D1: over ${wire}: a plugin calls a service of the host, which sees who calls`, async () => {
    await withHost({ a: agent({ ...keysOf(wire), grants: { services: ["keys.*"] } }) }, async (host) => {
      using _service = host.provide("keys", { sign: (payload, ctx) => bytes(`${text(payload)} for ${ctx.from}`) });
      assert.equal(text(await host.get("a").exec("agent.call", json({ command: "keys.sign", payload: "this" }))), "this for a");
    });
  });

  test(`D5: over ${wire}: plugin to plugin, the bytes as they are, the caller named; nothing of the other's address or token`, async () => {
    const plugins = { a: agent({ ...keysOf(wire), grants: { plugins: { target: ["agent.#"] } } }), target: agent(keysOf(wire)) };
    await withHost(plugins, async (host) => {
      const payload = crypto.getRandomValues(new Uint8Array(65_536));
      const back = await host.get("a").exec("agent.relay", payload);
      const sum = (of: Uint8Array) => createHash("sha256").update(of).digest("hex");
      assert.equal(sum(back), sum(payload));
      const { answer } = await tried(host, "a", { plugin: "target", command: "agent.context" });
      assert.equal(JSON.parse(answer ?? "").from, "a");
      assert.equal(JSON.parse(text(await host.get("a").exec("agent.context"))).from, "test");
      assert.deepEqual(JSON.parse((await tried(host, "a", { plugin: "target", command: "agent.environment" })).answer ?? ""), [
        "POLYPLUG_DATA_DIR",
      ]);
    });
  });
}

test("D5: across wires, unknown commands reach the other plugin, and its own errors come back as they are", async () => {
  const plugins = {
    a: agent({ ...keysOf("grpc"), grants: { plugins: { target: ["#"] } } }),
    target: { ...typescriptPlugin("tests/fixtures/workbench.ts"), comm_type: "rest" },
  };
  await withHost(plugins, async (host) => {
    const unknown = await tried(host, "a", { plugin: "target", command: "no.such" });
    assert.deepEqual([unknown.code, unknown.origin], ["exec.unknown_command", "plugin"]);
    assert.match(unknown.message ?? "", /"no\.such"; it has: test\./);
    const thrown = await tried(host, "a", { plugin: "target", command: "test.throw", payload: '{"code":"Own","message":"mine"}' });
    assert.deepEqual([thrown.code, thrown.message, thrown.origin], ["Own", "mine", "plugin"]);
  });
});

test("D5: it survives a restart of the target", async () => {
  const plugins = { a: agent({ socket: true, grants: { plugins: { target: ["agent.#"] } } }), target: agent({ socket: true }) };
  await withHost(plugins, async (host) => {
    const pid = async () => Number((await tried(host, "a", { plugin: "target", command: "agent.pid" })).answer);
    const first = await pid();
    process.kill(first, "SIGKILL");
    const second = await pid();
    assert.notEqual(second, first);
  });
});

test("D3: what is not granted is exec.not_granted and a record; what is granted works", async () => {
  const records: PluginLog[] = [];
  const plugins = {
    a: agent({ grants: { services: ["kv.get"], plugins: { target: ["agent.echo"] } } }),
    target: agent(),
    b: agent(),
  };
  await withHost(plugins, async (host) => {
    for (
      const [call, what] of [
        [{ command: "kv.set", payload: '{"key":"k","value":""}' }, /the service "kv\.set"/],
        [{ plugin: "target", command: "agent.pid" }, /the command "agent\.pid" of plugin "target"/],
        [{ plugin: "b", command: "agent.echo" }, /the command "agent\.echo" of plugin "b"/],
        [{ command: "events.publish", payload: '{"topic":"x","data":""}' }, /the service "events\.publish"/],
      ] as const
    ) {
      const { code, message } = await tried(host, "a", call);
      assert.equal(code, "exec.not_granted", JSON.stringify(call));
      assert.match(message ?? "", what);
    }
    const record = records.find(({ plugin, values }) => plugin === "a" && values["code"] === "exec.not_granted");
    assert.match(record?.message ?? "", /kv\.set/);
    assert.equal((await tried(host, "a", { plugin: "target", command: "agent.echo", payload: "x" })).answer, "x");
    assert.equal((await tried(host, "a", { command: "kv.get", payload: '{"key":"k"}' })).answer, '{"value":null}');
    const none = await tried(host, "b", { command: "kv.get" });
    assert.equal(none.code, "exec.not_granted");
    assert.match(none.message ?? "", /no way back/);
  }, { onLog: (record) => records.push(record) });
});

test("D3: the host's own plugins are named by grants alone: an unknown plugin, and no plugin at all", async () => {
  await withHost({ a: agent({ grants: { plugins: { ghost: ["#"] }, services: ["nothing.*"] } }) }, async (host) => {
    const ghost = await tried(host, "a", { plugin: "ghost", command: "x" });
    assert.deepEqual([ghost.code, ghost.origin], ["host.unknown_plugin", "host"]);
    const nothing = await tried(host, "a", { command: "nothing.there" });
    assert.equal(nothing.code, "exec.unknown_command");
    assert.match(nothing.message ?? "", /events, kv, log, registry, settings/);
  });
});

test("D1: a call has no more time than the handler, ends with it, and one made later has its own", async () => {
  const plugins = { a: agent({ socket: true, grants: { plugins: { target: ["agent.#"] } } }), target: agent({ socket: true }) };
  await withHost(plugins, async (host) => {
    await host.startAll();
    const hang = json({ plugin: "target", command: "agent.hang" });
    await assert.rejects(host.get("a").exec("agent.call", hang, { timeoutMs: 200 }), { code: "caller.timeout" });
    const told = async () => text(await host.get("target").exec("agent.ended")) === '"told"';
    for (let tries = 0; tries < 100 && !await told(); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(await told());
    assert.equal(text(await host.get("a").exec("agent.later", json({ plugin: "target", command: "agent.echo", payload: "late" }))), "late");
    const own = await tried(host, "a", { plugin: "target", command: "agent.hang", options: { timeoutMs: 50 } });
    assert.equal(own.code, "caller.timeout");
  });
});

test("D1: ctx.log writes a record that onLog gets with its level and values", async () => {
  const records: PluginLog[] = [];
  await withHost({ a: agent() }, async (host) => {
    await host.get("a").exec("agent.log");
    const found = () => records.find(({ message }) => message === "from within");
    for (let tries = 0; tries < 100 && found() === undefined; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual([found()?.level, found()?.plugin, found()?.values["answer"]], ["warn", "a", 42]);
  }, { onLog: (record) => records.push(record) });
});

test("D1: provide() refuses names that are none or taken, and a disposed service is gone", async () => {
  await withHost({ a: agent({ grants: { services: ["own.#"] } }) }, async (host) => {
    for (const name of ["", "a.b", "kv", "events", "polyplug"]) assert.throws(() => host.provide(name, {}), TypeError, name);
    const service = host.provide("own", { hi: () => bytes("hi") });
    assert.throws(() => host.provide("own", {}), /already/);
    assert.equal((await tried(host, "a", { command: "own.hi" })).answer, "hi");
    service[Symbol.dispose]();
    assert.equal((await tried(host, "a", { command: "own.hi" })).code, "exec.unknown_command");
    using _again = host.provide("own", { hi: () => bytes("again") });
    assert.equal((await tried(host, "a", { command: "own.hi" })).answer, "again");
  });
});
