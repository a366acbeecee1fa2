/**
 * D20: streams of built-ins, in the host's thread and in a worker, and what each message of one means on a worker's port.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PortLine } from "../../../host/builtins/port_line.ts";
import type { Host, PluginError, PluginHandle } from "../../../host/mod.ts";
import { lostError } from "../../../protocol/call_error.ts";
import { FIRST_CREDIT, MORE_CREDIT } from "../../../protocol/open_stream.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import { unitDispatcher } from "../../protocol/unit.ts";
import { bytes, text, withHost } from "../../support.ts";
import { endOf, make, read, seenBy, stalled } from "../streams/streaming.ts";
import { KINDS, withBuiltin } from "./kinds.ts";

const MIB = 1024 * 1024;
/** How many of its parts may be made for one that was read: on a port the credit, and one that waits for it to be taken. */
const AHEAD = { builtin: 2, worker: FIRST_CREDIT + 1 };
const runsOf = async (handle: PluginHandle) => (await seenBy(handle)).runs;

for (const kind of KINDS) {
  const name = kind.commType;
  const withStreams = (use: (handle: PluginHandle, host: Host) => Promise<void>, table?: Record<string, unknown>) =>
    withBuiltin({ kind, fixture: "streams", ...(table && { table }) }, (host) => use(host.get("streams"), host));

  test(`D20: ${name}: 1,000 parts come in their order with the right bytes; bytes are one part; copies are nobody else's`, async () => {
    await withStreams(async (handle) => {
      let count = 0;
      for await (const part of handle.stream("streams.make", make({ parts: 1000, bytes: 100 }))) {
        assert.deepEqual([part.length, part[0], part[99], part.buffer.byteLength], [100, count % 256, count % 256, 100]);
        count += 1;
      }
      assert.equal(count, 1000);
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 0 }))), { parts: [], code: "end" });
      assert.deepEqual(await read(handle.stream("streams.bytes")), { parts: ["o".charCodeAt(0)], code: "end" });
      const kept: Uint8Array[] = [];
      for await (const part of handle.stream("streams.reuse")) kept.push(part);
      assert.deepEqual(kept.map((part) => part[2]), Array.from({ length: 40 }, (_, i) => i));
      const payload = make({ parts: 3 });
      const stream = handle.stream("streams.make", payload)[Symbol.asyncIterator]();
      assert.equal((await stream.next()).value?.[0], 0);
      payload.fill(0);
      assert.equal((await stream.next()).value?.[0], 1);
    });
  });

  test(`D20: ${name}: who does not read holds the producer up, other calls go on, and leaving the loop ends the handler`, async () => {
    await withStreams(async (handle) => {
      const stream = handle.stream("streams.make", make({ bytes: MIB }))[Symbol.asyncIterator]();
      assert.equal((await stream.next()).value?.length, MIB);
      const { made } = await stalled(handle);
      assert.ok(made <= AHEAD[name], `${made} parts were made for one that was read`);
      assert.equal(text(await handle.exec("streams.bytes", new Uint8Array(300_000))), "one part");
      for (let i = 1; i < 50; i++) assert.equal((await stream.next()).value?.[0], i);
      assert.ok((await stalled(handle)).made <= 50 + AHEAD[name]);
      await stream.return?.();
      assert.equal((await endOf(handle)).signal, "exec.cancelled");
      for await (const part of handle.stream("streams.make", make({}))) if (part[0] === 20) break;
      assert.equal((await endOf(handle)).signal, "exec.cancelled");
    });
  });

  test(`D20: ${name}: a signal and a deadline reach the handler; a stream given up before it is read runs nothing`, async () => {
    await withStreams(async (handle) => {
      const controller = new AbortController();
      const { signal } = controller;
      const stream = handle.stream("streams.make", make({ parts: 2, then: "hang" }), { signal })[Symbol.asyncIterator]();
      for (const number of [0, 1]) assert.equal((await stream.next()).value?.[0], number);
      const aborted = assert.rejects(stream.next(), { code: "caller.aborted", plugin: "streams" });
      controller.abort();
      await aborted;
      assert.equal((await endOf(handle)).signal, "exec.cancelled");
      const idle = handle.stream("streams.make", make({ parts: 2, then: "hang" }), { timeoutMs: 300 });
      assert.deepEqual(await read(idle), { parts: [0, 1], code: "caller.timeout" });
      assert.equal((await endOf(handle)).signal, "exec.cancelled");
      const runs = await runsOf(handle);
      assert.deepEqual(await read(handle.stream("streams.make", make({}), { signal })), { parts: [], code: "caller.aborted" });
      assert.equal(await runsOf(handle), runs);
    });
  });

  test(`D20: ${name}: an error in the middle comes after the parts before it; so does a part over the limit`, async () => {
    await withStreams(async (handle) => {
      const failing = handle.stream("streams.make", make({ parts: 40, then: "fail" }))[Symbol.asyncIterator]();
      for (let i = 0; i < 40; i++) assert.equal((await failing.next()).value?.[0], i);
      await assert.rejects(failing.next(), { code: "streams.broken", message: "in the middle", origin: "plugin", plugin: "streams" });
      assert.deepEqual(await failing.next(), { done: true, value: undefined });
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 3, then: "wrong" }))), {
        parts: [0, 1, 2],
        code: "exec.failed",
      });
      assert.deepEqual(await read(handle.stream("streams.refuse")), { parts: [], code: "streams.refused" });
      assert.deepEqual(await read(handle.stream("streams.absent")), { parts: [], code: "exec.unknown_command" });
      await assert.rejects(handle.exec("streams.make", make({})), { code: "exec.bad_request", message: /call it with stream\(\)/ });
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 3, bytes: 1025 }))), { parts: [], code: "caller.too_large" });
      assert.ok((await endOf(handle)).ended);
      assert.deepEqual(await read(handle.stream("streams.make", new Uint8Array(1025))), { parts: [], code: "caller.too_large" });
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 2, bytes: 1024 }))), { parts: [0, 1], code: "end" });
    }, { max_payload: 1024 });
  });

  test(`D20: ${name}: a reload waits for a stream; one that outlasts a stop is caller.lost after its parts, never an end`, async () => {
    await withStreams(async (handle, host) => {
      const whole = handle.stream("streams.make", make({ parts: 100 }))[Symbol.asyncIterator]();
      assert.equal((await whole.next()).value?.[0], 0);
      const reloading = host.reload("streams");
      for (let i = 1; i < 100; i++) assert.equal((await whole.next()).value?.[0], i);
      assert.deepEqual(await whole.next(), { done: true, value: undefined });
      await reloading;
      const stream = handle.stream("streams.make", make({ parts: 2, then: "hang" }), { timeoutMs: Infinity })[Symbol.asyncIterator]();
      for (const number of [0, 1]) assert.equal((await stream.next()).value?.[0], number);
      const lost = assert.rejects(stream.next(), { code: "caller.lost", plugin: "streams" });
      await Promise.all([lost, host.stop("streams")]);
    }, { stop: { shutdown: 0.2, stdin: 20, term: 20 } });
  });

  test(`D20: ${name}: a host that is closed in the middle gives caller.lost to who reads, and to who reads later`, async () => {
    await withStreams(async (handle, host) => {
      const streams = [1, 2].map(() => handle.stream("streams.make", make({ parts: 1, then: "hang" }))[Symbol.asyncIterator]());
      for (const stream of streams) assert.equal((await stream.next()).value?.[0], 0);
      const reading = assert.rejects(streams[0]?.next() ?? Promise.resolve(), { code: "caller.lost" });
      await Promise.all([reading, host.close()]);
      await assert.rejects(streams[1]?.next() ?? Promise.resolve(), { code: "caller.lost" });
    }, { stop: { shutdown: 0.1, stdin: 0.1, term: 0.1 } });
  });

  test(`D20: ${name}: what a built-in reads of another, and of a service, is held up and left as its own is`, async () => {
    const ended = Promise.withResolvers<string>();
    const grants = { plugins: { b: ["streams.#"] }, services: ["numbers.*"] };
    const builtins = { a: kind.builtin("streams"), b: kind.builtin("streams") };
    await withHost({ a: { comm_type: "builtin", grants } }, async (host) => {
      using _service = host.provide("numbers", {
        async *count(_payload, ctx) {
          try {
            for (let i = 0;; i++) yield new Uint8Array([i % 256]);
          } finally {
            ended.resolve(`${ctx.from} ${ctx.signal.aborted}`);
          }
        },
      });
      const relay = (what: unknown) => host.get("a").stream("streams.relay", bytes(JSON.stringify(what)));
      assert.equal((await read(relay({ from: "b", parts: 500 }))).parts.length, 500);
      assert.deepEqual(await read(relay({ from: "b", parts: 3, then: "fail" })), { parts: [0, 1, 2], code: "streams.broken" });
      assert.deepEqual(await read(relay({ from: "c" })), { parts: [], code: "exec.not_granted" });
      for await (const part of relay({ from: "host", command: "numbers.count" })) if (part[0] === 100) break;
      assert.equal(await ended.promise, "a true");
    }, { builtins });
  });
}

test("D20: worker: one that ends itself in the middle gives caller.lost, never an end, and is started again", async () => {
  const [, worker] = KINDS;
  assert.ok(worker !== undefined);
  await withBuiltin({ kind: worker, fixture: "streams", table: { restart: { min_delay: 0 } } }, async (host) => {
    const handle = host.get("streams");
    assert.equal((await read(handle.stream("streams.make", make({ parts: 3, then: "exit" })))).code, "caller.lost");
    assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 3 }), { retry: "idempotent" })), {
      parts: [0, 1, 2],
      code: "end",
    });
  });
});

/** One end of a port, the other in the test's hand; its plugin has these commands. */
function hold(commands: Commands = {}) {
  const posted: Record<string, unknown>[] = [];
  const line = new PortLine({
    plugin: "other",
    from: "unit",
    maxPayloadBytes: 1024,
    runner: unitDispatcher({ commands }),
    post: (message) => void posted.push(message),
  });
  return { line, posted, of: (kind: string) => posted.filter((message) => message["kind"] === kind) };
}

const part = (size = 1) => ({ kind: "part", id: 1, payload: new ArrayBuffer(size) });
const turns = async (count = 50) => {
  while (count-- > 0) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** Each answer to a stream, how many parts come of it, and what is posted about it. */
const ANSWERS:
  readonly (readonly [title: string, messages: readonly Record<string, unknown>[], parts: number, end: string, posted: string])[] = [
    ["a right one", [part(), part(1024), { kind: "end", id: 1 }, part()], 2, "end", ""],
    ["an error", [part(), { kind: "error", id: 1, code: "own.code", message: "no" }, part()], 1, "own.code", ""],
    ["a result", [part(), { kind: "result", id: 1, payload: new ArrayBuffer(1) }], 1, "caller.bad_response", ""],
    ["a pong", [{ kind: "pong", id: 1 }], 0, "caller.bad_response", ""],
    ["a part that is no bytes", [part(), { kind: "part", id: 1, payload: "text" }, part()], 1, "exec.failed", "cancel"],
    ["a part over the limit", [part(), part(1025), part()], 1, "caller.too_large", "cancel"],
    ["parts without credit", Array.from({ length: FIRST_CREDIT + 1 }, () => part()), FIRST_CREDIT, "caller.bad_response", "cancel"],
  ];

for (const [title, messages, parts, ended, said] of ANSWERS) {
  test(`D20: worker: ${title} on the port: ${parts} parts, then ${ended}`, async () => {
    const { line, posted, of } = hold();
    const stream = line.stream("a.b");
    for (const message of messages) assert.equal(line.read(message), true);
    const { parts: came, code } = await read(stream);
    assert.deepEqual([came.length, code, of("cancel").map(({ kind }) => kind).join()], [parts, ended, said]);
    assert.deepEqual([posted[0]?.["kind"], posted[0]?.["command"], posted[0]?.["from"]], ["stream", "a.b", "unit"]);
  });
}

test("D20: worker: the port's credit, a part and an end for a call, and the end of the worker after the parts", async () => {
  const { line, of } = hold();
  const call = line.exec("a.b");
  const second = line.exec("a.b");
  line.read({ kind: "part", id: 1, payload: new ArrayBuffer(1) });
  line.read({ kind: "end", id: 2 });
  for (const each of [call, second]) await assert.rejects(each, { code: "caller.bad_response", plugin: "other" });
  const stream = line.stream("a.b")[Symbol.asyncIterator]();
  for (let i = 0; i < FIRST_CREDIT; i++) line.read({ ...part(), id: 3 });
  for (let i = 0; i <= MORE_CREDIT; i++) await stream.next();
  assert.deepEqual(of("more"), [{ kind: "more", id: 3, count: MORE_CREDIT }]);
  line.end(lostError("it has ended"));
  for (let i = MORE_CREDIT + 1; i < FIRST_CREDIT; i++) assert.equal((await stream.next()).done, false);
  await assert.rejects(Promise.resolve(stream.next()), { code: "caller.lost", plugin: "other" });
  assert.deepEqual(await read(line.stream("a.b")), { parts: [], code: "caller.refused" });
});

test("D20: worker: the port's other end sends 16 parts, then as many as there is credit for, and nothing after a cancel", async () => {
  const ended: string[] = [];
  const { line, posted, of } = hold({
    "count.up": async function* (_payload, { signal }) {
      try {
        for (let i = 0;; i++) yield Uint8Array.of(i);
      } finally {
        ended.push(String((signal.reason as PluginError).code));
      }
    },
  });
  line.read({ kind: "stream", id: 7, command: "count.up", payload: new ArrayBuffer(0) });
  await turns();
  assert.equal(of("part").length, FIRST_CREDIT);
  for (const count of [0, -1, 1.5, "2", undefined, Infinity]) line.read({ kind: "more", id: 7, count });
  line.read({ kind: "more", id: 8, count: 5 });
  line.read({ kind: "more", id: 7, count: 2 });
  await turns();
  assert.equal(of("part").length, FIRST_CREDIT + 2);
  line.read({ kind: "cancel", id: 7 });
  line.read({ kind: "more", id: 7, count: 5 });
  await turns();
  assert.deepEqual([posted.length, ended], [FIRST_CREDIT + 2, ["exec.cancelled"]]);
  line.read({ kind: "stream", id: 9, command: "count.up", payload: new ArrayBuffer(1025) });
  line.read({ kind: "stream", id: 10, command: "no.such", payload: new ArrayBuffer(0) });
  await turns();
  assert.deepEqual(of("error").map(({ id, code }) => [id, code]), [[9, "exec.too_large"], [10, "exec.unknown_command"]]);
});
