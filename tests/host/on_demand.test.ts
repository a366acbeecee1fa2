/**
 * Row C15: a plugin on demand runs only while it is called.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { openStandIn } from "./process/stand_in.ts";
import { languageSkip } from "../languages.ts";
import { assertNoneLeft, bytes, keysOf, measureLagMs, processesWith, pythonPlugin, text, typescriptPlugin, withHost } from "../support.ts";
import { reached } from "./process/observe.ts";

const skip = languageSkip("python");
const lively = { ...typescriptPlugin("tests/fixtures/lively.ts"), daemon: false, idle_time: 0.4 };
const plain = { ...pythonPlugin("tests/fixtures/process/plain.py"), daemon: false, idle_time: 0.4 };

const plugins = [
  ...["rest", "grpc", "connect", "stdio", "socket"].map((wire) => [wire, { ...lively, ...keysOf(wire) }, "lively.pid", false] as const),
  ["a plain Python plugin", plain, "test.pid", skip] as const,
];

for (const [title, plugin, command, skipped] of plugins) {
  test(`C15: ${title}: no process before a call, one during, none after idle_time, and again`, { skip: skipped }, async () => {
    const lagMs = await measureLagMs();
    await withHost({ plugin }, async (host, marker) => {
      const handle = host.get("plugin");
      await assertNoneLeft(marker);
      const pids = new Set<number>();
      for (let round = 1; round <= 2; round++) {
        assert.equal(handle.state.kind, "idle");
        const pid = Number(text(await handle.exec(command)));
        const answeredAt = performance.now();
        pids.add(pid);
        assert.deepEqual(await processesWith(marker), [pid]);
        assert.deepEqual(handle.state, { kind: "ready", pid, launch: round });
        await reached(handle, "idle");
        const keptMs = performance.now() - answeredAt;
        assert.ok(keptMs > 390 && keptMs < 2 * 400 + 10 * lagMs, `${keptMs} ms`);
        await gone(marker, 5000);
      }
      assert.equal(pids.size, 2);
      assert.equal(host.plugins[0]?.restarts, 0);
      assert.equal(host.plugins[0]?.pid, undefined);
    });
  });
}

/** Resolves when no process carries the marker any more; a process that is let go of is on its way out. */
async function gone(marker: string, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while ((await processesWith(marker)).length > 0) {
    assert.ok(performance.now() < deadline, "it still runs");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("C15: twenty parallel calls share one process", async () => {
  await withHost({ lively }, async (host, marker) => {
    const handle = host.get("lively");
    const pids = await Promise.all(Array.from({ length: 20 }, () => handle.exec("lively.pid")));
    assert.equal(new Set(pids.map(text)).size, 1);
    assert.deepEqual(await processesWith(marker), [Number(text(pids[0] ?? bytes("")))]);
    assert.equal(host.plugins[0]?.state.kind === "ready" && host.plugins[0].state.launch, 1);
  });
});

test("C15: a call longer than idle_time is not cut off, and the idle time begins at its end", async () => {
  await withHost({ lively }, async (host) => {
    const handle = host.get("lively");
    const pid = text(await handle.exec("lively.pid"));
    assert.equal(text(await handle.exec("lively.wait", bytes("1500"))), "1500");
    assert.equal(text(await handle.exec("lively.pid")), pid);
    assert.equal(host.plugins[0]?.state.kind === "ready" && host.plugins[0].state.launch, 1);
  });
});

test("C15: a plugin that is called now and then is kept", async () => {
  await withHost({ lively }, async (host) => {
    const handle = host.get("lively");
    const pid = text(await handle.exec("lively.pid"));
    for (let call = 0; call < 10; call++) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      assert.equal(text(await handle.exec("lively.pid")), pid);
    }
  });
});

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C15: ${wire}: calls that come just as it goes idle are all answered, none of them sent again`, async () => {
    await withHost({ lively: { ...lively, ...keysOf(wire), idle_time: 0.04 } }, async (host, marker) => {
      const handle = host.get("lively");
      // Around the end of the idle time, a little earlier and later each time.
      for (let call = 0; call < 12; call++) {
        assert.equal(text(await handle.exec("lively.greet", bytes(String(call)), { retry: "never" })), `Hello ${call}!`);
        await new Promise((resolve) => setTimeout(resolve, 30 + 3 * call));
      }
      await reached(handle, "idle");
      const waiting = handle.exec("lively.greet", bytes("Ann"), { retry: "never" });
      assert.equal(text(await waiting), "Hello Ann!");
      await reached(handle, "idle");
      await gone(marker, 5000);
    });
  });
}

test("C15: one with a fixed port starts again when its old process has let go of the port", async () => {
  const free = await openStandIn(() => ({}));
  await free.close();
  await withHost({ lively: { ...lively, comm_port: free.port, idle_time: 0.04 } }, async (host, marker) => {
    const handle = host.get("lively");
    const pids = new Set<string>();
    for (let round = 0; round < 4; round++) {
      pids.add(text(await handle.exec("lively.pid", undefined, { retry: "never" })));
      assert.equal((await processesWith(marker)).length, 1);
      await reached(handle, "idle");
    }
    assert.equal(pids.size, 4);
  });
});

test("C15: start() starts one too, startAll() does not, and after stop() it stays stopped", { skip }, async () => {
  const always = pythonPlugin("tests/fixtures/process/plain.py");
  await withHost({ plain, always }, async (host, marker) => {
    await host.startAll();
    assert.deepEqual(host.plugins.map(({ state }) => state.kind), ["idle", "ready"]);
    await host.start("plain");
    assert.equal((await processesWith(marker)).length, 2);
    await reached(host.get("plain"), "idle");
    assert.equal(host.plugins[1]?.state.kind, "ready");
    await host.stop("plain");
    assert.equal(host.plugins[0]?.state.kind, "stopped");
    await assert.rejects(host.get("plain").exec("test.pid"), { code: "host.stopped" });
    await host.start("plain");
    await reached(host.get("plain"), "idle");
  });
});

test("C15: one that dies while nobody calls it is idle, and the next call starts it", async () => {
  await withHost({ lively: { ...lively, idle_time: 30 } }, async (host, marker) => {
    const handle = host.get("lively");
    const pid = Number(text(await handle.exec("lively.pid")));
    process.kill(pid, "SIGKILL");
    await reached(handle, "idle");
    await assertNoneLeft(marker);
    assert.notEqual(Number(text(await handle.exec("lively.pid"))), pid);
    assert.deepEqual([host.plugins[0]?.restarts, host.plugins[0]?.lastExit?.signal], [1, "SIGKILL"]);
  });
});

test("C15: close() waits for a process that is on its way out", async () => {
  await withHost({ lively: { ...lively, idle_time: 0.04 } }, async (host) => {
    const handle = host.get("lively");
    await handle.ping();
    await reached(handle, "idle");
    // withHost() closes now, and fails when a process is left.
  });
});

test("C15: it is retired under supervise: false as well", async () => {
  await withHost({ lively }, async (host, marker) => {
    await host.get("lively").ping();
    await reached(host.get("lively"), "idle");
    await gone(marker, 5000);
  }, { supervise: false });
});

test("C15: with the default idle_time of 30 s it is still there after a second", async () => {
  const { idle_time: _, ...kept } = lively;
  await withHost({ kept }, async (host) => {
    const handle = host.get("kept");
    await handle.ping();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(handle.state.kind, "ready");
  });
});
