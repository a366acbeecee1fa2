/**
 * Row A14: a plugin that misbehaves fails the call it misbehaves on, with that call's code; the host and the other plugins go on.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { Host } from "../../host/mod.ts";
import { languageSkip } from "../languages.ts";
import { bytes, measureLagMs, pythonPlugin, text, typescriptPlugin, withHost } from "../support.ts";

const MIB = 1024 * 1024;
const skip = languageSkip("python");
const bad = pythonPlugin("tests/fixtures/bad_plugin.py");
const good = typescriptPlugin("tests/fixtures/workbench.ts");

/** Runs the work, and gives by how many bytes this process's resident size grew meanwhile, looked at every 50 ms. */
async function measureGrowth(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => peak = Math.max(peak, process.memoryUsage().rss), 50);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, process.memoryUsage().rss) - before;
}

/** Both plugins answer, the bad one from the same process as before. */
async function assertBothServe(host: Host, pid: number | undefined): Promise<void> {
  assert.equal(text(await host.get("bad").exec("echo", bytes("still here"))), "still here");
  assert.equal(text(await host.get("good").exec("test.echo", bytes("good"))), "good");
  assert.equal(host.plugins.find(({ name }) => name === "bad")?.pid, pid);
  assert.equal(host.plugins.find(({ name }) => name === "bad")?.restarts, 0);
}

/** Opens a host of both plugins, both started. */
async function withBoth(use: (host: Host, badPid: number | undefined) => Promise<void>): Promise<void> {
  await withHost({ bad, good }, async (host) => {
    await host.startAll();
    await use(host, host.plugins.find(({ name }) => name === "bad")?.pid);
  }, { supervise: false });
}

const faults: readonly (readonly [title: string, command: string, code: string])[] = [
  ["invalid JSON", "bad.json", "caller.bad_response"],
  ["odd hex", "bad.odd_hex", "caller.bad_response"],
  ["200 instead of 202", "bad.status_200", "caller.bad_response"],
  ["a redirect to itself", "bad.redirect", "caller.bad_response"],
  ["bytes that are not HTTP", "bad.not_http", "caller.bad_response"],
  ["100 MB with a length", "bad.large_length", "caller.too_large"],
  ["100 MB in chunks", "bad.large_chunks", "caller.too_large"],
  ["100 MB of headers", "bad.large_headers", "caller.bad_response"],
];

for (const [title, command, code] of faults) {
  test(`A14: an answer of ${title} fails its call with ${code}, and memory stays bounded`, { skip }, async () => {
    await withBoth(async (host, pid) => {
      const other = host.get("good").exec("test.wait", bytes("300"));
      const beside = host.get("bad").exec("echo", bytes("beside"));
      const growth = await measureGrowth(async () => {
        await assert.rejects(host.get("bad").exec(command), { name: "PluginError", code, origin: "host", plugin: "bad" });
      });
      assert.ok(growth <= 64 * MIB, `${Math.round(growth / MIB)} MiB`);
      assert.equal(text(await beside), "beside");
      assert.equal(text(await other), "300");
      await assertBothServe(host, pid);
    });
  });
}

test("A14: ten answers of 100 MB at once fail their calls, and memory stays bounded", { skip }, async () => {
  const small = { ...bad, max_payload: MIB };
  await withHost({ bad: small, good }, async (host) => {
    await host.startAll();
    const growth = await measureGrowth(async () => {
      const calls = Array.from({ length: 10 }, (_, i) => host.get("bad").exec(i % 2 === 0 ? "bad.large_length" : "bad.large_chunks"));
      const ends = await Promise.allSettled(calls);
      assert.deepEqual(new Set(ends.map((end) => end.status === "rejected" && end.reason.code)), new Set(["caller.too_large"]));
    });
    assert.ok(growth <= 64 * MIB, `${Math.round(growth / MIB)} MiB`);
    assert.equal(text(await host.get("bad").exec("echo", bytes("on"))), "on");
  });
});

test("A14: an answer that drips in ends with its call's deadline", { skip }, async () => {
  await withBoth(async (host, pid) => {
    const lagMs = await measureLagMs();
    const started = performance.now();
    await assert.rejects(host.get("bad").exec("bad.drip", undefined, { timeoutMs: 300 }), { code: "caller.timeout", plugin: "bad" });
    const elapsed = performance.now() - started;
    assert.ok(elapsed >= 295 && elapsed <= 300 + 10 * lagMs, `${elapsed} ms, timers lag ${lagMs} ms`);
    await assertBothServe(host, pid);
  });
});

test("A14: an exit in the middle of an answer is caller.lost, sent once, and the next call has a new process", { skip }, async () => {
  await withBoth(async (host, pid) => {
    await assert.rejects(host.get("bad").exec("bad.exit"), { code: "caller.lost", origin: "host", plugin: "bad" });
    // Until the host has seen the exit, a call may still go to what is left of the old process, and be lost as well.
    for await (const { kind } of host.get("bad").states()) if (kind === "idle") break;
    assert.equal(text(await host.get("bad").exec("echo", bytes("again"))), "again");
    const status = host.plugins.find(({ name }) => name === "bad");
    assert.notEqual(status?.pid, pid);
    assert.deepEqual([status?.restarts, status?.lastExit?.code], [1, 3]);
    assert.equal(text(await host.get("good").exec("test.echo", bytes("good"))), "good");
  });
});

test("A14: an answer to nobody is given to no later call", { skip }, async () => {
  await withBoth(async (host, pid) => {
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(await host.get("bad").exec("bad.stray"), new Uint8Array([1]));
      // The stray answer follows 50 ms after the right one, on a connection that is idle then.
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(text(await host.get("bad").exec("echo", bytes(`call-${i}`))), `call-${i}`);
    }
    await assertBothServe(host, pid);
  });
});
