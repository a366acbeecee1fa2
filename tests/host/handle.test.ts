/**
 * Row A9: what a handle does in each state, and drivers of the application's own.
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import type { Driver, PluginHandle } from "../../host/mod.ts";
import { bytes, text, typescriptPlugin, withHost } from "../support.ts";
import { reached } from "./process/observe.ts";

const listener = typescriptPlugin("tests/fixtures/listener.ts");
const workbench = typescriptPlugin("tests/fixtures/workbench.ts");

async function pidOf(handle: PluginHandle): Promise<number> {
  return JSON.parse(text(await handle.exec("test.pid")));
}

/** Resolves at the first state of this kind, the current one included. */
test("A9: get() starts nothing and gives the same handle each time", async () => {
  await withHost({ workbench }, (host) => {
    assert.equal(host.get("workbench"), host.get("workbench"));
    assert.deepEqual(host.get("workbench").state, { kind: "idle" });
    assert.equal(host.plugins[0]?.pid, undefined);
    return Promise.resolve();
  });
});

test("A9: idle: a call starts the plugin, once for many", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    const pids = await Promise.all(Array.from({ length: 20 }, () => pidOf(handle)));
    assert.equal(new Set(pids).size, 1);
    assert.deepEqual(handle.state, { kind: "ready", pid: pids[0], launch: 1 });
  });
});

test("A9: starting: a call waits, and aborting one wait leaves the start alone", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    const controller = new AbortController();
    const given = assert.rejects(handle.ping({ signal: controller.signal }), { code: "caller.aborted" });
    const waiting = handle.ping();
    assert.equal(handle.state.kind, "starting");
    controller.abort();
    await given;
    assert.equal(await waiting, "pong");
  });
});

test("A9: stopped: a call is host.stopped until start()", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    const first = await pidOf(handle);
    const stopping = host.stop("workbench");
    assert.equal(handle.state.kind, "stopping");
    await assert.rejects(handle.ping(), { code: "host.stopped" });
    await stopping;
    assert.equal(handle.state.kind, "stopped");
    await assert.rejects(handle.ping(), { code: "host.stopped", hint: /start\(\)/ });
    assert.equal(await host.start("workbench"), handle);
    assert.notEqual(await pidOf(handle), first);
  });
});

test("A9: inactive: calls and start() are host.inactive", async () => {
  await withHost({ workbench: { ...workbench, enabled: false } }, async (host) => {
    const handle = host.get("workbench");
    assert.equal(handle.state.kind, "inactive");
    await assert.rejects(handle.ping(), { code: "host.inactive" });
    await assert.rejects(host.start("workbench"), { code: "host.inactive" });
    await host.startAll();
    assert.equal(handle.state.kind, "inactive");
  });
});

test("A9: inactive: nobody asks for the files of a plugin that is not enabled", async () => {
  await withHost({ gone: { exec: "./nowhere", enabled: false } }, (host) => {
    assert.equal(host.get("gone").state.kind, "inactive");
    assert.equal(host.rejected.size, 0);
    return Promise.resolve();
  });
});

test("A9: host closed: calls and start() are host.closed", async () => {
  const handle = await withHost({ workbench }, async (host) => {
    await host.get("workbench").ping();
    return host.get("workbench");
  });
  await assert.rejects(handle.ping(), { code: "host.closed" });
  await assert.rejects(handle.ready(), { code: "host.closed" });
});

test("A9: an exit leads to idle, and the next call starts the plugin again on the same handle", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    const first = await pidOf(handle);
    process.kill(first, "SIGKILL");
    await reached(handle, "idle");
    const second = await pidOf(handle);
    assert.notEqual(second, first);
    const status = host.plugins[0];
    assert.equal(status?.restarts, 1);
    assert.equal(status?.lastExit?.signal, "SIGKILL");
    assert.deepEqual(handle.state, { kind: "ready", pid: second, launch: 2 });
  }, { supervise: false });
});

test("A9: a call that a plugin took with it is caller.lost", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    await assert.rejects(handle.exec("test.exit"), { code: "caller.lost", origin: "host", hint: /idempotent/ });
    await reached(handle, "idle");
    assert.equal(host.plugins[0]?.lastExit?.code, 7);
  }, { supervise: false });
});

test("A9: a call to a plugin that has just been killed is sent again when the caller allows it", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    const first = await pidOf(handle);
    process.kill(first, "SIGKILL");
    const answer = await handle.exec("test.pid", undefined, { retry: "idempotent" });
    assert.notEqual(JSON.parse(text(answer)), first);
  });
});

test("A9: states() gives the current state first and misses none", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    const ended = new AbortController();
    const seen = (async () => {
      const kinds: string[] = [];
      for await (const { kind } of handle.states({ signal: ended.signal })) kinds.push(kind);
      return kinds;
    })();
    await handle.ping();
    await host.stop("workbench");
    await host.start("workbench");
    process.kill(await pidOf(handle), "SIGKILL");
    await reached(handle, "idle");
    await host.stop("workbench");
    ended.abort();
    const expected = ["idle", "starting", "ready", "stopping", "stopped", "idle", "starting", "ready", "idle", "stopping", "stopped"];
    assert.deepEqual(await seen, expected);
  }, { supervise: false });
});

test("A9: info() and supports() tell what a plugin can do", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    const info = await handle.info();
    assert.equal(info.name, "workbench");
    assert.ok(info.commands.some(({ name }) => name === "test.echo"));
    assert.ok(await handle.supports("test"));
    assert.ok(await handle.supports("test.echo"));
    assert.ok(!await handle.supports("tes"));
  });
});

test("A9: a custom driver is chosen by its name and closed with the process", async () => {
  const closed = new EventTarget();
  const nano: Driver = (endpoint, { plugin }) => ({
    ping: () => Promise.resolve("pong"),
    exec: (command) => Promise.resolve(bytes(`${plugin}: ${command} over ${endpoint.kind}`)),
    close: () => Promise.resolve(void closed.dispatchEvent(new Event("closed"))),
  });
  const wasClosed = once(closed, "closed");
  await withHost({ workbench: { ...listener, comm_type: "nano" } }, async (host) => {
    assert.equal(text(await host.get("workbench").exec("any")), "workbench: any over tcp");
  }, { drivers: { nano } });
  await wasClosed;
});

test("A9: comm_type nano without a driver is caller.unknown_comm_type and starts nothing", async () => {
  await withHost({ workbench: { ...workbench, comm_type: "nano" } }, async (host) => {
    await assert.rejects(host.get("workbench").ping(), { code: "caller.unknown_comm_type", message: /nano.*rest/ });
    assert.equal(host.plugins[0]?.lastExit, undefined);
    assert.equal(host.get("workbench").state.kind, "idle");
  });
});

test("A9: wrong use is a TypeError: reserved and malformed commands, payloads that are no bytes", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    for (const command of ["polyplug.info", "polyplug", "", "a\nb", "x".repeat(256), "\ud800"]) {
      await assert.rejects(handle.exec(command), TypeError);
    }
    await assert.rejects(handle.exec("test.echo", "text" as unknown as Uint8Array), TypeError);
    assert.throws(() => host.get("nobody"), { code: "host.unknown_plugin", message: /workbench/ });
    assert.equal(handle.state.kind, "idle");
  });
});

test("A9: a driver that ignores its deadline cannot hold the caller", async () => {
  const deaf: Driver = () => ({ ping: () => Promise.resolve("pong"), exec: () => new Promise(() => {}), close: () => Promise.resolve() });
  await withHost({ workbench: { ...listener, comm_type: "deaf", stop: { shutdown: 0.1 } } }, async (host) => {
    await assert.rejects(host.get("workbench").exec("any", undefined, { timeoutMs: 300 }), { code: "caller.timeout" });
  }, { drivers: { deaf } });
});
