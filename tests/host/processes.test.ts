/**
 * Rows A16 and C14: starting and stopping plugins, one and all, in one host and in several.
 * @module
 */
import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type Driver, isPluginError, openExecutor, openHost, type PluginLog } from "../../host/mod.ts";
import { isBindable } from "../../host/process/ports.ts";
import { languageSkip } from "../languages.ts";
import {
  assertNoneLeft,
  bytes,
  configOf,
  measureLagMs,
  processesWith,
  pythonPlugin,
  text,
  typescriptPlugin,
  withFolder,
  withHost,
} from "../support.ts";
import { processesSeen, reached } from "./process/observe.ts";

const skip = languageSkip("python");
const workbench = typescriptPlugin("tests/fixtures/workbench.ts");
const plain = pythonPlugin("tests/fixtures/process/plain.py");
const early = pythonPlugin("tests/fixtures/process/early_exit.py", ["3"]);
const late = pythonPlugin("tests/fixtures/process/late.py", ["60"]);

test("A16: start() gives the handle when the plugin can be called, and a second one changes nothing", async () => {
  await withHost({ workbench }, async (host, marker) => {
    const handle = await host.start("workbench");
    assert.equal(handle, host.get("workbench"));
    const { pid, startedAt, restarts, lastExit, state } = host.plugins[0] ?? {};
    assert.deepEqual(state, { kind: "ready", pid, launch: 1 });
    assert.deepEqual(await processesWith(marker), [pid]);
    assert.ok(startedAt instanceof Date && restarts === 0 && lastExit === undefined);
    assert.equal(await host.start("workbench"), handle);
    assert.equal(host.plugins[0]?.pid, pid);
  });
});

test("A16: stop() leaves no process, frees the port, and tells how it ended", async () => {
  await withHost({ workbench }, async (host, marker) => {
    await host.start("workbench");
    const pid = host.plugins[0]?.pid;
    await host.stop("workbench");
    await assertNoneLeft(marker);
    assert.throws(() => process.kill(pid ?? 0, 0), { code: "ESRCH" });
    assert.deepEqual(host.plugins[0]?.state, { kind: "stopped" });
    assert.equal(host.plugins[0]?.lastExit?.code, 0);
    assert.equal(host.plugins[0]?.pid, undefined);
    assert.equal(host.plugins[0]?.restarts, 0);
    await host.stop("workbench");
    assert.deepEqual(host.plugins[0]?.state, { kind: "stopped" });
  });
});

test("A16: stop() of a plugin that never ran makes it stopped", async () => {
  await withHost({ workbench }, async (host) => {
    await host.stop("workbench");
    await assert.rejects(host.get("workbench").ping(), { code: "host.stopped" });
    assert.equal((await host.start("workbench")).state.kind, "ready");
  });
});

test("A16, C14: startAll() starts all, stopAll() stops all, and they can be started again", { skip }, async () => {
  const names = ["a", "b", "c", "d"];
  await withHost(Object.fromEntries(names.map((name) => [name, plain])), async (host, marker) => {
    await host.startAll();
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), names.map(() => "ready"));
    assert.equal((await processesWith(marker)).length, names.length);
    await host.stopAll();
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), names.map(() => "stopped"));
    await assertNoneLeft(marker);
    await host.startAll();
    assert.equal((await processesWith(marker)).length, names.length);
  });
});

test("A16, C14: startAll() with more plugins than it starts at once", { skip }, async () => {
  await withHost(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`p${i}`, plain])), async (host) => {
    await host.startAll();
    assert.equal(new Set(host.plugins.map(({ pid }) => pid)).size, 20);
    const pids = await Promise.all(host.plugins.map(({ name }) => host.get(name).exec("test.pid")));
    assert.deepEqual(pids.map(text).map(Number), host.plugins.map(({ pid }) => pid));
  });
});

test("A16, C14: startAll(): the second of three fails, it rejects naming that one, and the others are stopped", { skip }, async () => {
  await withHost({ first: plain, second: early, third: late }, async (host, marker) => {
    const error: unknown = await host.startAll().then(() => undefined, (reason: unknown) => reason);
    assert.ok(isPluginError(error));
    assert.equal(error.code, "ready.exited");
    assert.equal(error.plugin, "second");
    assert.match(error.message, /"second"/);
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["stopped", "stopped", "stopped"]);
    await assertNoneLeft(marker);
  });
});

test("A16, C14: startAll({ bestEffort }) keeps the good ones, and the log says why the others are missing", { skip }, async () => {
  const logs: PluginLog[] = [];
  await withHost({ first: plain, second: early, third: plain, off: { ...plain, enabled: false } }, async (host) => {
    await host.startAll({ bestEffort: true });
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["ready", "idle", "ready", "inactive"]);
    assert.equal(await host.get("third").ping(), "pong");
    const said = logs.filter(({ plugin, level }) => plugin === "second" && level === "error");
    assert.deepEqual(said.map(({ values }) => values["code"]), ["ready.exited"]);
    assert.match(said[0]?.message ?? "", /exited with code 3/);
  }, { onLog: (record) => void logs.push(record) });
});

test("C14: startAll() leaves plugins on demand alone, also when another fails", { skip }, async () => {
  await withHost({ demand: { ...plain, daemon: false }, always: plain }, async (host, marker) => {
    await host.startAll();
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["idle", "ready"]);
    assert.deepEqual(await processesWith(marker), [host.plugins[1]?.pid]);
  });
});

test("C14: startAll() that fails stops what ran before it too; start() and startAll() work afterwards", { skip }, async () => {
  await withHost({ first: plain, second: early }, async (host, marker) => {
    await host.start("first");
    await assert.rejects(host.startAll(), { code: "ready.exited", plugin: "second" });
    await assertNoneLeft(marker);
    await host.startAll({ bestEffort: true });
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["ready", "idle"]);
  });
});

test("C14: stopAll() stops every plugin, and gathers what went wrong with each", { skip }, async () => {
  const clinging: Driver = () => {
    const close = () => Promise.reject(new Error("it would not let go"));
    return Promise.resolve({
      ping: () => Promise.resolve("pong"),
      exec: () => Promise.resolve(bytes("")),
      close,
    });
  };
  const attached = { attach: "http://127.0.0.1:9", comm_type: "clinging" };
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const marked = { ...plain, env: { TEST_MARKER: marker } };
    // What is there to attach to is asked for by a connection first, so something listens.
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const odd = { ...attached, attach: `http://127.0.0.1:${port}` };
    const config = configOf({ a: marked, odd, b: marked, even: odd }, join(folder, "state"));
    const host = await openHost("test", { config, drivers: { clinging } });
    await host.startAll();
    const error: unknown = await host.stopAll().then(() => undefined, (reason: unknown) => reason);
    assert.ok(error instanceof AggregateError);
    assert.equal(error.message, 'Host "test" could not stop 2 of its plugins');
    assert.deepEqual(error.errors.map(({ message }) => message), ["it would not let go", "it would not let go"]);
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["stopped", "stopped", "stopped", "stopped"]);
    await assertNoneLeft(marker);
    await host.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

test("A16: the ports of stopped plugins are free again", { skip }, async () => {
  const ports: number[] = [];
  await withHost({ one: plain, two: plain }, async (host) => {
    await host.startAll();
    for (const { name } of host.plugins) ports.push(Number(JSON.parse(text(await host.get(name).exec("test.args"))).at(-1)));
    for (const port of ports) assert.ok(!(await isBindable(port)));
  });
  for (const port of ports) {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    await new Promise((resolve) => server.close(resolve));
  }
});

test("A16: two hosts in one executor have their own processes", async () => {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const both = { ...workbench, env: { TEST_MARKER: marker } };
    const config = { ...configOf({ both }, join(folder, "state")), hosts: { a: { plugins: ["both"] }, b: { plugins: ["both"] } } };
    const executor = await openExecutor({ config, hosts: ["a", "b"] });
    const [a, b] = [executor.fromHost("a"), executor.fromHost("b")];
    await Promise.all([a.startAll(), b.startAll()]);
    const pids = [a, b].map((host) => host.plugins[0]?.pid);
    assert.notEqual(pids[0], pids[1]);
    for (const [host, name] of [[a, "a"], [b, "b"]] as const) {
      assert.equal(JSON.parse(text(await host.get("both").exec("test.from"))), name);
      assert.equal(JSON.parse(text(await host.get("both").exec("test.pid"))), host.plugins[0]?.pid);
    }
    await a.close();
    assert.deepEqual(await processesWith(marker), [pids[1]]);
    assert.equal(await b.get("both").ping(), "pong");
    await assert.rejects(a.get("both").ping(), { code: "host.closed" });
    assert.throws(() => executor.fromHost("c"), RangeError);
    await executor.close();
    await assertNoneLeft(marker);
  });
});

test("A16: openExecutor() with an unknown host opens none", async () => {
  await withFolder(async (folder) => {
    const config = configOf({ workbench }, join(folder, "state"));
    await assert.rejects(openExecutor({ config, hosts: ["test", "nobody"] }), { code: "discover.unknown_host" });
  });
});

test("A16: close() is the same promise each time, ends every plugin, and await using does it too", async () => {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const config = configOf({ one: { ...workbench, env: { TEST_MARKER: marker } } }, join(folder, "state"));
    {
      await using host = await openHost("test", { config });
      await host.get("one").ping();
      assert.equal((await processesWith(marker)).length, 1);
    }
    await assertNoneLeft(marker);
    const host = await openHost("test", { config });
    await host.start("one");
    await Promise.all([host.close(), host.close(), host[Symbol.asyncDispose]()]);
    await assertNoneLeft(marker);
    await assert.rejects(host.start("one"), { code: "host.closed" });
    await assert.rejects(host.startAll(), { code: "host.closed" });
    await host.stop("one");
    await host.stopAll();
  });
});

test("A16: the signal of openHost() closes the host when it fires later", { skip }, async () => {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const controller = new AbortController();
    const config = configOf({ plain: { ...plain, env: { TEST_MARKER: marker } } }, join(folder, "state"));
    const host = await openHost("test", { config, signal: controller.signal });
    await host.start("plain");
    controller.abort();
    await reached(host.get("plain"), "stopped");
    await assertNoneLeft(marker);
    await assert.rejects(host.start("plain"), { code: "host.closed" });
  });
});

for (const [title, plugin, call] of [["workbench", workbench, "500"], ["a plain plugin", plain, "0.5"]] as const) {
  test(`A16: open calls of ${title} finish during stop, new ones are refused`, { skip: title === "workbench" ? false : skip }, async () => {
    await withHost({ plugin: { ...plugin } }, async (host) => {
      const handle = await host.start("plugin");
      const open = Array.from({ length: 5 }, () => handle.exec("test.wait", bytes(call)));
      await handle.ping();
      const stopping = host.stop("plugin");
      await assert.rejects(handle.exec("test.wait", bytes(call)), { code: "host.stopped" });
      assert.deepEqual((await Promise.all(open)).map(text), Array.from({ length: 5 }, () => call));
      await stopping;
    });
  });
}

test("A16: a plugin killed by SIGKILL is idle with its last exit, and the next call starts it again", { skip }, async () => {
  const lagMs = await measureLagMs();
  await withHost({ plain }, async (host, marker) => {
    const handle = await host.start("plain");
    const first = host.plugins[0]?.pid ?? 0;
    process.kill(first, "SIGKILL");
    const killedAt = performance.now();
    await reached(handle, "idle");
    assert.ok(performance.now() - killedAt < 500 + 10 * lagMs);
    const { code, signal, at } = host.plugins[0]?.lastExit ?? {};
    assert.deepEqual({ code, signal }, { code: null, signal: "SIGKILL" });
    assert.ok(at instanceof Date);
    assert.equal(host.plugins[0]?.pid, undefined);
    await assertNoneLeft(marker);
    assert.notEqual(Number(text(await handle.exec("test.pid"))), first);
    assert.equal(host.plugins[0]?.restarts, 1);
    assert.equal((await processesSeen(marker)).length, 1);
  }, { supervise: false });
});

test("A16: stop() with graceMs = 0 during a gentle stop ends the plugin at once", async () => {
  const patient = { ...workbench, stop: { shutdown: 60 } };
  await withHost({ patient }, async (host) => {
    const handle = host.get("patient");
    await handle.ready();
    const lost = assert.rejects(handle.exec("test.hang", undefined, { timeoutMs: Infinity }), { code: "caller.lost" });
    // A stop before the call has reached the plugin would refuse it.
    while (JSON.parse(text(await handle.exec("test.ends"))).calls.length === 0);
    const gentle = host.stop("patient");
    await host.stop("patient", { graceMs: 0 });
    await Promise.all([gentle, lost]);
    assert.equal(host.plugins[0]?.lastExit?.signal, "SIGKILL");
    assert.equal(handle.state.kind, "stopped");
  });
});
