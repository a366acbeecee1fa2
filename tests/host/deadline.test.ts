/**
 * Row A12: every call has an end, and the plugin's handler learns of it.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PluginHandle } from "../../host/mod.ts";
import { bytes, measureLagMs, text, typescriptPlugin, withHost } from "../support.ts";

const workbench = typescriptPlugin("tests/fixtures/workbench.ts");

/** Asks the plugin until it has seen the end of a call, and gives how that end looked from inside. */
async function endOf(handle: PluginHandle, requestId: string): Promise<string> {
  for (;;) {
    const { ends } = JSON.parse(text(await handle.exec("test.ends")));
    if (Object.hasOwn(ends, requestId)) return ends[requestId];
  }
}

test("A12: exec() rejects at its deadline, and the handler's signal fires", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    await handle.ready();
    const lagMs = await measureLagMs();
    const started = performance.now();
    const call = handle.exec("test.hang", undefined, { timeoutMs: 200, requestId: "one" });
    await assert.rejects(call, { code: "caller.timeout", origin: "host", plugin: "workbench" });
    const elapsed = performance.now() - started;
    assert.ok(elapsed >= 195 && elapsed <= 200 + 10 * lagMs, `${elapsed} ms, timers lag ${lagMs} ms`);
    assert.match(await endOf(handle, "one"), /^exec\.(cancelled|timeout)$/);
  });
});

test("A12: an AbortSignal rejects at once, and the handler's signal fires", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    const controller = new AbortController();
    const call = handle.exec("test.hang", undefined, { signal: controller.signal, requestId: "two" });
    const failed = assert.rejects(call, { code: "caller.aborted", origin: "host", cause: "enough" });
    while (!JSON.parse(text(await handle.exec("test.ends"))).calls.includes("two"));
    const started = performance.now();
    controller.abort("enough");
    await failed;
    assert.ok(performance.now() - started < 50 + 10 * await measureLagMs());
    assert.equal(await endOf(handle, "two"), "exec.cancelled");
  });
});

test("A12: a call whose signal has fired already is not sent and starts nothing", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    await assert.rejects(handle.exec("test.echo", undefined, { signal: AbortSignal.abort() }), { code: "caller.aborted" });
    assert.equal(handle.state.kind, "idle");
  });
});

test("A12: the plugin is told how long the caller waits and gives up by itself", async () => {
  await withHost({ workbench: { ...workbench, timeout: 0.2 } }, async (host) => {
    const handle = host.get("workbench");
    await handle.ready();
    await assert.rejects(handle.exec("test.hang", undefined, { requestId: "three" }), { code: "caller.timeout" });
    assert.match(await endOf(handle, "three"), /^exec\.(cancelled|timeout)$/);
  });
});

test("A12: the deadline covers the wait for a start", async () => {
  const never = { ...typescriptPlugin("tests/fixtures/never_listens.ts"), start_timeout: 60 };
  await withHost({ never }, async (host) => {
    const started = performance.now();
    await assert.rejects(host.get("never").exec("x", undefined, { timeoutMs: 150 }), { code: "caller.timeout" });
    assert.ok(performance.now() - started < 150 + 10 * await measureLagMs());
  });
});

test("A12: without options a call has the plugin's timeout; Infinity has none", async () => {
  await withHost({ workbench: { ...workbench, timeout: 0.1 } }, async (host) => {
    const handle = host.get("workbench");
    await handle.ready();
    await assert.rejects(handle.exec("test.wait", bytes("5000")), { code: "caller.timeout" });
    assert.equal(text(await handle.exec("test.wait", bytes("300"), { timeoutMs: Infinity })), "300");
  });
});

for (const timeoutMs of [0, -1, Number.NaN]) {
  test(`A12: timeoutMs ${timeoutMs} is a RangeError`, async () => {
    await withHost({ workbench }, async (host) => {
      await assert.rejects(async () => await host.get("workbench").ping({ timeoutMs }), RangeError);
    });
  });
}

test("A12: one caller's deadline leaves the others' calls alone", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    await handle.ready();
    const long = handle.exec("test.wait", bytes("400"));
    await assert.rejects(handle.exec("test.hang", undefined, { timeoutMs: 100 }), { code: "caller.timeout" });
    assert.equal(text(await long), "400");
  });
});
