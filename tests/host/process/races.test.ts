/**
 * Row A16, at awkward moments: many calls at once, start and stop that cross each other, plugins killed at random.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { type Host, isPluginError, type PluginLog } from "../../../host/mod.ts";
import { languageSkip } from "../../languages.ts";
import { assertNoneLeft, bytes, processesWith, pythonPlugin, text, typescriptPlugin, withHost } from "../../support.ts";
import { processesSeen, reached } from "./observe.ts";

const skip = languageSkip("python");
const plain = pythonPlugin("tests/fixtures/process/plain.py");
const workbench = typescriptPlugin("tests/fixtures/workbench.ts");
const late = (delayS: string) => pythonPlugin("tests/fixtures/process/late.py", [delayS]);
const KILLS = process.env["POLYPLUG_LONG"] ? 50 : 12;

/** The code of a call's error, or "ok". */
async function outcome(call: Promise<unknown>): Promise<string> {
  return await call.then(() => "ok", (error: unknown) => isPluginError(error) ? error.code : String(error));
}

/** How often the fixture `late.py` was started, by its own words. */
const launches = (logs: readonly PluginLog[]) => logs.filter(({ message }) => message.startsWith("listening")).length;

test("A16: 50 calls at once to an idle plugin cause one spawn", { skip }, async () => {
  const logs: PluginLog[] = [];
  await withHost({ plugin: late("0.2") }, async (host, marker) => {
    const handle = host.get("plugin");
    await Promise.all(Array.from({ length: 50 }, (_, i) => [handle.ping(), handle.exec("test.pid"), host.start("plugin")][i % 3]));
    assert.deepEqual(handle.state, { kind: "ready", pid: host.plugins[0]?.pid, launch: 1 });
    assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
    assert.equal(launches(logs), 1);
  }, { onLog: (record) => void logs.push(record) });
});

test("A16: 50 calls at once to a plugin that cannot start fail with one spawn's error", { skip }, async () => {
  const logs: PluginLog[] = [];
  await withHost({ plugin: pythonPlugin("tests/fixtures/process/early_exit.py", ["3"]) }, async (host) => {
    const codes = await Promise.all(Array.from({ length: 50 }, () => outcome(host.get("plugin").ping())));
    assert.deepEqual([...new Set(codes)], ["ready.exited"]);
    assert.equal(logs.filter(({ message }) => message === "out 1").length, 1);
  }, { onLog: (record) => void logs.push(record) });
});

test("A16: start() during stop() waits for it and then starts another process", { skip }, async () => {
  await withHost({ plain }, async (host, marker) => {
    await host.start("plain");
    const first = host.plugins[0]?.pid;
    const stopping = host.stop("plain");
    const [handle] = await Promise.all([host.start("plain"), host.start("plain"), stopping]);
    assert.equal(handle.state.kind, "ready");
    assert.notEqual(host.plugins[0]?.pid, first);
    assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
  });
});

test("A16: stop() during start, and start() again at once", { skip }, async () => {
  await withHost({ plugin: late("0.3") }, async (host, marker) => {
    for (const pauseMs of [0, 1, 30, 150, 350, 450]) {
      const started = outcome(host.start("plugin"));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const stopped = host.stop("plugin");
      const again = outcome(host.start("plugin"));
      await stopped;
      assert.ok(["ok", "host.stopped"].includes(await started), await started);
      assert.equal(await again, "ok");
      assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
      await host.stop("plugin");
      await assertNoneLeft(marker);
    }
  });
});

for (const pauseMs of [0, 1, 5, 20, 80, 250]) {
  test(`A16: close() ${pauseMs} ms after start() leaves nothing`, { skip }, async () => {
    await withHost({ plain, workbench, late: late("60") }, async (host, marker) => {
      const starts = host.plugins.map(({ name }) => outcome(host.start(name)));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      await host.close();
      await assertNoneLeft(marker);
      for (const code of await Promise.all(starts)) assert.ok(["ok", "host.stopped", "host.closed"].includes(code), code);
      assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["stopped", "stopped", "stopped"]);
    });
  });
}

test("A16: a storm of start, stop and calls ends in the state that the last one asked for", async () => {
  await withHost({ workbench }, async (host, marker) => {
    const known = ["ok", "host.stopped", "caller.lost", "caller.refused", "exec.unavailable"];
    const acts = [
      () => host.start("workbench"),
      () => host.stop("workbench"),
      () => host.get("workbench").ping(),
      () => host.stop("workbench", { graceMs: 0 }),
    ];
    const codes: Promise<string>[] = [];
    for (let i = 0; i < 60; i++) {
      codes.push(outcome((acts[(i * 7 + (i >> 2)) % acts.length] ?? acts[0]!)()));
      await new Promise((resolve) => setTimeout(resolve, i % 5 === 0 ? 15 : 0));
    }
    for (const code of await Promise.all(codes)) assert.ok(known.includes(code), code);
    await host.stop("workbench");
    await assertNoneLeft(marker);
    await host.start("workbench");
    assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
  });
});

/** Kills the plugin after each of some pauses, while calls go on, and gives the codes of the calls. */
async function killAtRandom(host: Host, name: string): Promise<Set<string>> {
  const codes = new Set<string>();
  let running = true;
  const load = Array.from({ length: 4 }, async () => {
    while (running) {
      codes.add(await outcome(host.get(name).exec("test.pid")));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  for (let kill = 0; kill < KILLS; kill++) {
    await reached(host.get(name), "ready");
    await new Promise((resolve) => setTimeout(resolve, (kill * 37) % 90));
    try {
      process.kill(host.plugins[0]?.pid ?? 0x7fffffff, "SIGKILL");
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ESRCH"); // It had just been killed.
    }
  }
  running = false;
  await Promise.all(load);
  return codes;
}

for (const [title, plugin, skipped] of [["a plain plugin", plain, skip], ["a plugin of ours", workbench, false]] as const) {
  test(`A16: ${title} that is killed ${KILLS} times under load always comes back`, { skip: skipped }, async () => {
    await withHost({ plugin: { ...plugin, restart: { max: 1000, min_delay: 0, max_delay: 0 } } }, async (host, marker) => {
      const codes = await killAtRandom(host, "plugin");
      const known = ["ok", "caller.lost", "caller.refused"];
      assert.deepEqual([...codes].filter((code) => !known.includes(code)), []);
      assert.equal(await host.get("plugin").ping({ retry: "idempotent" }), "pong");
      assert.deepEqual(await processesWith(marker), [host.plugins[0]?.pid]);
      assert.notEqual(host.plugins[0]?.restarts, 0);
    });
  });
}

test("A16: a plugin killed while it starts fails that start, and the next call starts it", { skip }, async () => {
  await withHost({ plugin: late("0.4") }, async (host, marker) => {
    const started = outcome(host.start("plugin"));
    const [pid] = await processesSeen(marker);
    process.kill(pid ?? 0, "SIGKILL");
    assert.equal(await started, "ready.exited");
    assert.ok((await host.get("plugin").exec("test.pid")).length > 0);
  });
});

test("A16: a plugin starved of the processor is still stopped and answers as long as it runs", async () => {
  await withHost({ workbench }, async (host, marker) => {
    const handle = await host.start("workbench");
    const pid = host.plugins[0]?.pid ?? 0;
    const calls = Array.from({ length: 20 }, (_, i) => handle.exec("test.echo", bytes(String(i))));
    for (let i = 0; i < 10; i++) {
      process.kill(pid, "SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 20));
      process.kill(pid, "SIGCONT");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.deepEqual((await Promise.all(calls)).map(text), Array.from({ length: 20 }, (_, i) => String(i)));
    await host.stop("workbench");
    await assertNoneLeft(marker);
  });
});
