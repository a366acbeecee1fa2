/**
 * Row C21: `max_concurrent` calls at once, a queue of ten times as many, then `caller.overloaded`.
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openHost, type PluginHandle } from "../../host/mod.ts";
import { assertNoneLeft, bytes, configOf, keysOf, text, typescriptPlugin, withFolder, withHost } from "../support.ts";

const counts = typescriptPlugin("tests/fixtures/counts.ts");
const lively = typescriptPlugin("tests/fixtures/lively.ts");

/** A call that ends when it is told to. */
interface Held {
  readonly ended: Promise<unknown>;
  abort(): void;
}

function hold(handle: PluginHandle, requestId: string): Held {
  const controller = new AbortController();
  const ended = assert.rejects(handle.exec("counts.hold", undefined, { requestId, signal: controller.signal }), { code: "caller.aborted" });
  return { ended, abort: () => controller.abort() };
}

function holdMany(handle: PluginHandle, ids: readonly string[]): readonly Held[] {
  return ids.map((id) => hold(handle, id));
}

async function endAll(held: readonly Held[]): Promise<void> {
  for (const each of [...held].reverse()) each.abort(); // Those that wait first, so that none of them begins.
  await Promise.all(held.map(({ ended }) => ended));
}

async function seen(handle: PluginHandle): Promise<{ readonly begun: readonly string[]; readonly most: number }> {
  return JSON.parse(text(await handle.exec("counts.seen")));
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => String(number));

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C21: ${wire}: max_concurrent = 2: of twenty calls never three run at once, each in its turn`, async () => {
    await withHost({ counts: { ...counts, ...keysOf(wire), max_concurrent: 2 } }, async (host) => {
      const handle = host.get("counts");
      const ids = numbers(20);
      await Promise.all(ids.map((requestId) => handle.exec("counts.wait", bytes("5"), { requestId })));
      const { begun, most } = await seen(handle);
      assert.equal(most, 2);
      // Two that are sent at once may arrive in either order.
      begun.forEach((id, at) => assert.ok(Math.abs(Number(id) - at) <= 2, begun.join(" ")));
      assert.deepEqual([...begun].sort(), [...ids].sort());
    });
  });
}

test("C21: without max_concurrent twenty calls run at once", async () => {
  await withHost({ counts }, async (host) => {
    const handle = host.get("counts");
    await handle.ready();
    await Promise.all(numbers(20).map(() => handle.exec("counts.wait", bytes("300"))));
    assert.ok((await seen(handle)).most > 2);
  });
});

test("C21: twenty wait for two, the next one is caller.overloaded at once; who gives up makes room", async () => {
  await withHost({ counts: { ...counts, max_concurrent: 2 } }, async (host) => {
    const handle = await host.start("counts");
    const held = holdMany(handle, numbers(22));
    const error = { code: "caller.overloaded", origin: "host", plugin: "counts", message: /2 calls of the plugin run and 20 wait/ };
    await assert.rejects(handle.exec("counts.seen"), error);
    held[10]?.abort();
    await held[10]?.ended;
    const late = hold(handle, "late");
    await assert.rejects(handle.exec("counts.seen"), error);
    const [first, ...others] = held;
    await endAll([...others.slice(1), late]);
    first?.abort();
    await runs(handle, ["1"]);
    await endAll([first, others[0]].flatMap((each) => each ?? []));
    const { begun } = await seen(handle);
    assert.deepEqual(begun.filter((id) => Number(id) > 1), []);
  });
});

test("C21: ping, info() and health() need no place", async () => {
  await withHost({ counts: { ...counts, max_concurrent: 1 } }, async (host) => {
    const handle = await host.start("counts");
    const held = holdMany(handle, numbers(11));
    assert.equal(await handle.ping(), "pong");
    assert.equal((await handle.info()).name, "counts");
    assert.deepEqual(await host.health(), { test: null, "test.counts": null });
    await endAll(held);
  });
});

test("C21: the deadline of a call runs while it waits, and then it is never sent", async () => {
  await withHost({ counts: { ...counts, max_concurrent: 1 } }, async (host) => {
    const handle = await host.start("counts");
    const held = hold(handle, "held");
    const began = performance.now();
    await assert.rejects(handle.exec("counts.wait", bytes("0"), { requestId: "late", timeoutMs: 50 }), { code: "caller.timeout" });
    assert.ok(performance.now() - began >= 49);
    await endAll([held]);
    assert.deepEqual((await seen(handle)).begun, ["held"]);
  });
});

test("C21: a call that is sent again keeps its place", async () => {
  await withFolder(async (folder) => {
    await withHost({ lively: { ...lively, max_concurrent: 1 } }, async (host) => {
      const handle = await host.start("lively");
      const file = join(folder, "notes");
      const first = handle.exec("lively.note", bytes(`${file} 1`), { requestId: "first", retry: "idempotent" });
      const second = handle.exec("lively.note", bytes(file), { requestId: "second" });
      await Promise.all([first, second]);
      assert.equal(await readFile(file, "utf8"), "first\nfirst\nsecond\n");
    });
  });
});

test("C21: the limit is what the configuration says after a reload, for calls that wait already too", async () => {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const table: Record<string, unknown> = { ...counts, env: { TEST_MARKER: marker } };
    const config = { ...configOf({}, join(folder, "state")), plugins: { counts: table }, hosts: { test: { plugins: ["counts"] } } };
    const host = await openHost("test", { config });
    const handle = host.get("counts");
    const reload = (max_concurrent: number | undefined) => {
      table["max_concurrent"] = max_concurrent;
      return host.reload("counts");
    };
    table["max_concurrent"] = 1;
    await host.reload("counts");
    const held = holdMany(handle, ["first", "second", "third"]);
    const [first, ...others] = held;
    const reloaded = reload(4);
    await runs(handle, ["second", "third"]);
    first?.abort();
    await reloaded;
    await endAll(others);
    await reload(undefined);
    await Promise.all(numbers(20).map(() => handle.exec("counts.wait", bytes("300"))));
    assert.ok((await seen(handle)).most > 4);
    await host.close();
    await assertNoneLeft(marker);
  });
});

/** Waits until these calls run in the process that answers now. */
async function runs(handle: PluginHandle, ids: readonly string[]): Promise<void> {
  for (;;) {
    const { begun } = await seen(handle);
    if (ids.every((id) => begun.includes(id))) return;
  }
}

test("C21: a stop refuses those that wait at once, and those that come while it lasts", async () => {
  await withHost({ counts: { ...counts, max_concurrent: 1, stop: { shutdown: 0.5 } } }, async (host) => {
    const handle = await host.start("counts");
    const running = handle.exec("counts.wait", bytes("200"), { requestId: "running" });
    const waiting = assert.rejects(handle.exec("counts.wait", bytes("0")), { code: "host.stopped" });
    let ran = false;
    const answered = running.then(() => ran = true);
    const stopped = host.stop("counts");
    await waiting;
    await assert.rejects(handle.exec("counts.wait", bytes("0")), { code: "host.stopped" });
    assert.equal(ran, false);
    await Promise.all([answered, stopped]);
  });
});

test("C21: one failed start is told to all who wait, those in the queue too", async () => {
  await withHost({ counts: { ...counts, max_concurrent: 1, config: "exit" } }, async (host) => {
    const handle = host.get("counts");
    const calls = numbers(5).map(() => assert.rejects(handle.exec("counts.seen"), { code: "ready.exited" }));
    await Promise.all(calls);
    assert.equal(host.plugins[0]?.restarts, 0);
    assert.equal(handle.state.kind, "idle");
  });
});
