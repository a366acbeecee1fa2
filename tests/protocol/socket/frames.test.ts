/**
 * Row B12: frames as they are written and read: any chunks, any sizes, and bytes that are no frames.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameBatch } from "../../../protocol/socket/batch.ts";
import { FrameReader } from "../../../protocol/socket/reader.ts";
import { type Call, decodeError, decodeHello, KIND, ReceivedCall } from "../../../protocol/socket/wire.ts";
import { bytes, text } from "../../support.ts";

interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** Everything that a batch has to send, as one array. */
function written(batch: FrameBatch): Uint8Array {
  return new Uint8Array(batch.take().flatMap((piece) => [...piece]));
}

/** Reads bytes in chunks that end at these places. */
function read(all: Uint8Array, { cap = 1 << 20, cuts = [] as readonly number[] } = {}) {
  const frames: Frame[] = [];
  const oversized: { kind: number; id: number; bytes: number }[] = [];
  const reader = new FrameReader(
    cap,
    (kind, id, body) => void frames.push({ kind, id, body: new Uint8Array(body) }),
    (kind, id, size) => void oversized.push({ kind, id, bytes: size }),
  );
  const ends = [...new Set([...cuts.map((cut) => cut % (all.length + 1)), all.length])].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    reader.push(all.subarray(from, end));
    from = end;
  }
  return { frames, oversized, isInFrame: reader.isInFrame };
}

function call(more: Partial<Call> = {}): Call {
  return {
    timeoutMs: 0,
    attempt: 1,
    hops: 0,
    requestId: "id",
    traceparent: "",
    party: "",
    command: "a.b",
    payload: new Uint8Array(0),
    ...more,
  };
}

test("B12: frames come out as they went in, whatever the chunks are", () => {
  const frame = fc.record({
    kind: fc.integer({ min: 1, max: 10 }),
    id: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    body: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 16_000, maxLength: 20_000 })),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 30 }), (frames, cuts) => {
      const batch = new FrameBatch();
      for (const { kind, id, body } of frames) batch.add(kind, id, body);
      const { frames: found, isInFrame } = read(written(batch), { cuts });
      assert.deepEqual(found.map(({ kind, id, body }) => [kind, id, [...body]]), frames.map(({ kind, id, body }) => [kind, id, [...body]]));
      assert.equal(isInFrame, false);
    }),
    { numRuns: 60 },
  );
});

test("B12: a call comes out as it went in, with every character in its texts", () => {
  const short = fc.string({ unit: "binary", maxLength: 60 });
  const calls = fc.record({
    timeoutMs: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    attempt: fc.integer({ min: 1, max: 255 }),
    hops: fc.integer({ min: 0, max: 255 }),
    requestId: short,
    traceparent: short,
    party: short,
    command: fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
    payload: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 16_380, maxLength: 16_390 })),
  });
  fc.assert(
    fc.property(fc.array(calls, { minLength: 1, maxLength: 5 }), fc.array(fc.nat(), { maxLength: 10 }), (given, cuts) => {
      const batch = new FrameBatch();
      for (const [index, each] of given.entries()) batch.addCall(2 * index + 1, each);
      const { frames } = read(written(batch), { cuts });
      assert.deepEqual(frames.map(({ kind, id }) => [kind, id]), given.map((_, index) => [KIND.call, 2 * index + 1]));
      for (const [index, { body }] of frames.entries()) {
        const found = ReceivedCall.from(body);
        const { timeoutMs, attempt, hops, requestId, traceparent, party, command, payload } = found ?? call();
        assert.deepEqual({ timeoutMs, attempt, hops, requestId, traceparent, party, command, payload: [...payload] }, {
          ...given[index],
          payload: [...given[index]?.payload ?? []],
        });
      }
    }),
    { numRuns: 100 },
  );
});

test("B12: what is written stays as it is while the next frames are written", () => {
  const batch = new FrameBatch();
  batch.add(KIND.result, 1, bytes("first"));
  const first = batch.take();
  for (let id = 2; id < 5000; id++) batch.add(KIND.result, id, new Uint8Array(40).fill(255));
  assert.equal(text(first[0] ?? bytes("")).endsWith("first"), true);
  assert.equal(batch.isEmpty, false);
  batch.take();
  assert.deepEqual([batch.isEmpty, batch.take()], [true, []]);
});

test("B12: a large payload is not copied, and small frames share one piece", () => {
  const batch = new FrameBatch();
  const large = new Uint8Array(1 << 20);
  batch.addCall(1, call({ payload: large }));
  batch.add(KIND.result, 2, bytes("a"));
  batch.add(KIND.result, 3, bytes("b"));
  const pieces = batch.take();
  assert.equal(pieces.length, 3);
  assert.equal(pieces[1], large);
});

test("B12: a frame over the limit is passed over without being kept, and the next one is read", () => {
  const batch = new FrameBatch();
  batch.add(KIND.call, 7, new Uint8Array(101));
  batch.add(KIND.call, 9, new Uint8Array(100));
  const all = written(batch);
  for (const cuts of [[], [3], [9, 50], [...all.keys()]]) {
    const { frames, oversized } = read(all, { cap: 100, cuts });
    assert.deepEqual(oversized, [{ kind: KIND.call, id: 7, bytes: 101 }]);
    assert.deepEqual(frames.map(({ id, body }) => [id, body.length]), [[9, 100]]);
  }
});

test("B12: a declared length of 4 GiB costs nothing", () => {
  const { frames, oversized, isInFrame } = read(new Uint8Array([0xff, 0xff, 0xff, 0xff, KIND.result, 0, 0, 0, 1, 1, 2, 3]));
  assert.deepEqual([frames, oversized, isInFrame], [[], [{ kind: KIND.result, id: 1, bytes: 0xffffffff - 5 }], true]);
});

for (
  const [what, header] of [
    ["a length that leaves no room for kind and id", [0, 0, 0, 4, 2, 0, 0, 0, 1]],
    ["kind 0", [0, 0, 0, 5, 0, 0, 0, 0, 1]],
    ["kind 12", [0, 0, 0, 5, 12, 0, 0, 0, 1]],
    ["HTTP", [...bytes("GET / HTTP/1.1\r\n\r\n")]],
  ] as const
) {
  test(`B12: ${what} is no frame`, () => {
    assert.throws(() => read(new Uint8Array(header)), { code: "caller.bad_response" });
    assert.throws(() => read(new Uint8Array(header), { cuts: [...header.keys()] }), { code: "caller.bad_response" });
  });
}

test("B12: a cut-off frame is known as one", () => {
  const batch = new FrameBatch();
  batch.add(KIND.result, 1, bytes("hello"));
  const all = written(batch);
  for (let length = 1; length < all.length; length++) assert.equal(read(all.subarray(0, length)).isInFrame, true, String(length));
});

test("B12: a call whose lengths do not fit is none", () => {
  const batch = new FrameBatch();
  batch.addCall(1, call({ requestId: "abc", traceparent: "de", command: "f" }));
  const [frame] = read(written(batch)).frames;
  const body = frame?.body ?? bytes("");
  for (let length = 0; length < body.length; length++) assert.equal(ReceivedCall.from(body.subarray(0, length)), undefined, String(length));
  assert.equal(ReceivedCall.from(body)?.command, "f");
});

test("B12: errors and hellos come out as they went in; what is neither is undefined", () => {
  const batch = new FrameBatch();
  batch.addError(5, "hello.refused", "Nein, für niemanden");
  batch.addHello({ polyplug: 1, features: ["a"] });
  const [error, hello] = read(written(batch)).frames;
  assert.deepEqual(decodeError(error?.body ?? bytes("")), { code: "hello.refused", message: "Nein, für niemanden" });
  assert.deepEqual(decodeHello(hello?.body ?? bytes("")), { polyplug: 1, features: ["a"] });
  assert.equal(decodeError(new Uint8Array([5, 1])), undefined);
  for (const wrong of ["", "[]", "null", "7", "{"]) assert.equal(decodeHello(bytes(wrong)), undefined, wrong);
});
