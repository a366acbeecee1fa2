/**
 * Row D17: a role is played by a built-in, and by an active plugin of the configuration in its place.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Host, openHost, type PluginState } from "../../host/mod.ts";
import { agent } from "../fixtures/agent.ts";
import { storeOf } from "../fixtures/store.ts";
import { bytes, configOf, text, typescriptPlugin, withFolder, withHost } from "../support.ts";
import { eventually } from "./events/listening.ts";

const outside = { ...typescriptPlugin("tests/fixtures/store.ts"), socket: true, role: "store", restart: { max: 0 } };
const inside = { comm_type: "builtin", role: "store" };
const builtins = { inside: storeOf("inside") };

async function whoPlays(host: Host): Promise<string> {
  return text(await host.get("store").exec("store.who"));
}

test("D17: a role without another plugin is played by the built-in", async () => {
  await withHost({ inside }, async (host) => {
    const role = host.get("store");
    assert.equal(role.name, "store");
    assert.equal(role, host.get("store"));
    assert.equal(role.state.kind, "idle", "to get it starts nothing");
    assert.equal(await whoPlays(host), "inside");
    assert.equal(await role.ping(), "pong");
    assert.equal((await role.info()).name, "inside");
    assert.deepEqual([await role.supports("store"), await role.supports("other")], [true, false]);
    await role.ready();
    assert.equal(role.state, host.get("inside").state);
  }, { builtins });
});

test("D17: an active plugin takes it over, and gives it back when it is stopped, and takes it again", async () => {
  await withHost({ inside, outside }, async (host) => {
    const role = host.get("store");
    assert.equal(await whoPlays(host), "outside");
    const slow = role.exec("store.wait", bytes("300"));
    await eventually(() => host.get("outside").state.kind === "ready");
    const stopping = host.stop("outside");
    assert.equal(await whoPlays(host), "inside", "from when it is stopped");
    assert.equal(text(await slow), "outside", "a call that it has begun it ends");
    await stopping;
    assert.equal(await whoPlays(host), "inside");
    await host.start("outside");
    assert.equal(await whoPlays(host), "outside");
    assert.equal(text(await host.get("inside").exec("store.who")), "inside", "the built-in itself is still there");
  }, { builtins });
});

test("D17: one that has crashed for good gives it back", async () => {
  await withHost({ inside, outside }, async (host) => {
    await assert.rejects(host.get("store").exec("store.exit"), { code: "caller.lost", plugin: "outside" });
    for await (const state of host.get("outside").states()) if (state.kind === "crashed") break;
    assert.equal(await whoPlays(host), "inside");
  }, { builtins });
});

test("D17: one that is not enabled, or was rejected, does not take it", async () => {
  await withHost({ inside, outside: { ...outside, enabled: false } }, async (host) => {
    assert.equal(await whoPlays(host), "inside");
  }, { builtins });
  await withHost({ inside, outside: { ...outside, md5: "0".repeat(32) } }, async (host) => {
    assert.equal(await whoPlays(host), "inside");
    assert.equal(host.rejected.get("outside")?.code, "verify.checksum_mismatch");
  }, { builtins });
});

test("D17: without a built-in the role is that of its plugin, and tells in which state it is", async () => {
  await withHost({ outside }, async (host) => {
    assert.equal(await whoPlays(host), "outside");
    await host.stop("outside");
    await assert.rejects(host.get("store").exec("store.who"), { code: "host.stopped", plugin: "outside" });
    assert.throws(() => host.get("storage"), { code: "host.unknown_plugin" });
  });
});

test("D17: states() follows whatever plays it", async () => {
  await withHost({ inside, outside }, async (host) => {
    await host.startAll();
    const seen: PluginState[] = [];
    const controller = new AbortController();
    const following = (async () => {
      for await (const state of host.get("store").states({ signal: controller.signal })) seen.push(state);
    })();
    await eventually(() => seen.length === 1);
    assert.deepEqual(seen, [host.get("outside").state]);
    await host.stop("outside");
    await eventually(() => seen.at(-1) === host.get("inside").state);
    await host.start("outside");
    await eventually(() => seen.at(-1) === host.get("outside").state && seen.at(-1)?.kind === "ready");
    assert.ok(seen.some(({ kind }) => kind === "starting"), "those on the way are told too");
    controller.abort();
    await following;
  }, { builtins });
});

test("D17: two active plugins of one role are an error when the host is opened, and so are two built-ins", async () => {
  await withFolder(async (folder) => {
    const both = openHost("test", { config: configOf({ one: outside, two: outside, inside }, folder), builtins });
    await assert.rejects(both, { code: "config.invalid", message: 'Plugins "one" and "two" both provide "role store"' });
    const twice = openHost("test", { config: configOf({ inside, second: inside }, folder), builtins: { ...builtins, second: agent } });
    await assert.rejects(twice, { code: "config.invalid", message: 'Plugins "inside" and "second" both provide "default of role store"' });
    const one = await openHost("test", { config: configOf({ one: outside, two: { ...outside, enabled: false } }, folder) });
    await one.close();
  });
});

test("D17: a second one cannot come by a reload or a start while the first is active, and can when it is not", async () => {
  await withFolder(async (folder) => {
    const table = (more: Record<string, unknown>) => ({ socket: false, ...typescriptPlugin("tests/fixtures/store.ts"), ...more });
    const plugins: Record<string, unknown> = {
      one: table({ role: "store", env: { STORE: "one" } }),
      two: table({ env: { STORE: "two" } }),
    };
    const settings = { allow_unverified: true, state_dir: join(folder, "state") };
    const config = { settings, plugins, hosts: { test: { plugins: ["one", "two"] } } };
    await using host = await openHost("test", { config });
    await host.start("two");
    plugins["two"] = table({ role: "store", env: { STORE: "two" } });
    await assert.rejects(host.reload("two"), { code: "config.invalid", message: /"one" and "two" both provide "role store"/ });
    assert.equal(await whoPlays(host), "one");
    await host.stop("one");
    await host.reload("two");
    assert.equal(await whoPlays(host), "two");
    await assert.rejects(host.start("one"), { code: "host.duplicate", message: /"role store".*"two"/ });
    plugins["two"] = table({ env: { STORE: "two" } });
    await host.reload("two");
    await host.start("one");
    assert.equal(await whoPlays(host), "one");
  });
});

test("D17: a role has a name of its own", async () => {
  await withFolder(async (folder) => {
    for (const role of ["outside", "Outside", "inside"]) {
      const opening = openHost("test", { config: configOf({ outside: { ...outside, role } }, folder), builtins });
      await assert.rejects(opening, { code: "config.invalid", message: /name of (plugin|the role)/ });
    }
    for (const role of ["no name", "", 7, "a.b"]) {
      const opening = openHost("test", { config: configOf({ outside: { ...outside, role } }, folder) });
      await assert.rejects(opening, { code: "config.invalid", message: /plugins\.outside\.role must / });
    }
    const cases = openHost("test", { config: configOf({ outside, another: { ...outside, role: "Store" } }, folder) });
    await assert.rejects(cases, { code: "config.invalid", message: /plugins\.another\.role differs from the role "store"/ });
  });
});

test("D17: plugins reach a role by its name, where that is what they are granted", async () => {
  const grants = { plugins: { store: ["store.who"] } };
  await withHost({ inside, outside, asker: { ...typescriptPlugin("tests/fixtures/agent.ts"), grants } }, async (host) => {
    const ask = async (plugin: string, command = "store.who") => {
      const answer = await host.get("asker").exec("agent.try", bytes(JSON.stringify({ plugin, command })));
      return JSON.parse(text(answer));
    };
    assert.deepEqual(await ask("store"), { answer: "outside" });
    await host.stop("outside");
    assert.deepEqual(await ask("store"), { answer: "inside" });
    assert.equal((await ask("store", "store.exit")).code, "exec.not_granted");
    assert.equal((await ask("inside")).code, "exec.not_granted");
  }, { builtins });
});

test("D17: the application's services reach a role by its name too", async () => {
  await withHost({ inside, caller: { comm_type: "builtin", grants: { services: ["ask.*"] } } }, async (host) => {
    host.provide("ask", { store: async (_payload, ctx) => await ctx.plugin("store").exec("store.who") });
    assert.equal(text(await host.get("caller").exec("agent.call", bytes('{"command":"ask.store"}'))), "inside");
  }, { builtins: { ...builtins, caller: agent } });
});
