/**
 * D20, stage 7: what a handler that is asked for parts may give and throw, and how it is told that nobody waits.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dispatcher, DispatchRequest } from "../../protocol/dispatch.ts";
import type { PluginContext, RawHandler } from "../../protocol/plugin.ts";
import { bytes, text } from "../support.ts";
import { unitDispatcher } from "./unit.ts";

const dispatcherOf = (run: RawHandler): Dispatcher => unitDispatcher({ commands: { run } });

function request(more: Partial<DispatchRequest> = {}): DispatchRequest {
  return {
    command: "run",
    payload: bytes("in"),
    requestId: "id",
    from: "app",
    traceparent: undefined,
    hops: 0,
    target: undefined,
    signal: new AbortController().signal,
    timeoutMs: undefined,
    ...more,
  };
}

async function textsOf(stream: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const part of stream) texts.push(text(part));
  return texts;
}

const firstOf = (stream: AsyncIterable<Uint8Array>) => Promise.resolve(stream[Symbol.asyncIterator]().next());

test("D20: an async generator, any async iterable, a promise of one, bytes and a promise of bytes are streams", async () => {
  const two = async function* () {
    yield* [bytes("a"), bytes("b")];
  };
  const web = () => new ReadableStream<Uint8Array>({ start: (it) => (it.enqueue(bytes("a")), it.enqueue(bytes("b")), it.close()) });
  const promised = (() => Promise.resolve(two())) as unknown as RawHandler;
  for (const handler of [two, web as unknown as RawHandler, promised]) {
    assert.deepEqual(await textsOf(dispatcherOf(handler).stream(request())), ["a", "b"]);
    await assert.rejects(dispatcherOf(handler).exec(request()), { code: "exec.bad_request" });
  }
  for (const handler of [(payload: Uint8Array) => payload, (payload: Uint8Array) => Promise.resolve(payload)]) {
    assert.deepEqual(await textsOf(dispatcherOf(handler).stream(request())), ["in"]);
  }
});

test("D20: parts are made as they are asked for, none before the first", async () => {
  let made = 0;
  const parts = dispatcherOf(async function* () {
    for (;;) yield new Uint8Array([made++]);
  }).stream(request())[Symbol.asyncIterator]();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(made, 0);
  await parts.next();
  await parts.next();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(made, 2);
  await parts.return?.();
});

test("D20: what a handler throws, before or between parts, is the stream's error; what is no part is exec.failed", async () => {
  const thrown = Object.assign(new Error("no"), { code: "own.code" });
  const atOnce = () => {
    throw thrown;
  };
  const later = async function* () {
    yield bytes("a");
    throw thrown;
  };
  await assert.rejects(textsOf(dispatcherOf(atOnce).stream(request())), { code: "own.code", message: "no" });
  const parts = dispatcherOf(later).stream(request())[Symbol.asyncIterator]();
  assert.equal((await parts.next()).done, false);
  await assert.rejects(Promise.resolve(parts.next()), { code: "own.code" });
  assert.deepEqual(await parts.next(), { done: true, value: undefined });
  for (const wrong of [undefined, "text", 7]) {
    const yields = async function* () {
      yield wrong as unknown as Uint8Array;
    };
    await assert.rejects(firstOf(dispatcherOf(yields).stream(request())), {
      code: "exec.failed",
      message: /yielded \w+, not a Uint8Array/,
    });
    const returns = () => wrong as unknown as Uint8Array;
    await assert.rejects(firstOf(dispatcherOf(returns).stream(request())), { code: "exec.failed", message: /returned \w+, not/ });
  }
  await assert.rejects(firstOf(dispatcherOf(later).stream(request({ command: "none" }))), { code: "exec.unknown_command" });
  await assert.rejects(firstOf(dispatcherOf(later).stream(request({ signal: AbortSignal.abort() }))), { code: "exec.cancelled" });
});

/** A stream that hangs after its first part, and how it ended. */
function hanging(): { readonly handler: RawHandler; readonly ended: Promise<string> } {
  const ended = Promise.withResolvers<string>();
  const handler = async function* (_payload: Uint8Array, { signal }: PluginContext) {
    try {
      yield bytes("a");
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    } finally {
      ended.resolve(String(signal.reason?.code));
    }
  };
  return { handler, ended: ended.promise };
}

test("D20: leaving between parts, and a signal that fires within one, end the generator and fire its signal", async () => {
  const left = hanging();
  const parts = dispatcherOf(left.handler).stream(request())[Symbol.asyncIterator]();
  await parts.next();
  await parts.return?.();
  assert.equal(await left.ended, "exec.cancelled");

  const gone = new AbortController();
  const aborted = hanging();
  const waiting = textsOf(dispatcherOf(aborted.handler).stream(request({ signal: gone.signal })));
  setImmediate(() => gone.abort());
  await assert.rejects(waiting, { code: "exec.cancelled" });
  assert.equal(await aborted.ended, "exec.cancelled");
});

test("D20: the time that the caller told is that until the first part", async () => {
  const slow = (waits: readonly number[]): RawHandler =>
    async function* () {
      for (const ms of waits) {
        await new Promise((resolve) => setTimeout(resolve, ms));
        yield bytes("a");
      }
    };
  await assert.rejects(textsOf(dispatcherOf(slow([1000])).stream(request({ timeoutMs: 30 }))), { code: "exec.timeout" });
  assert.deepEqual(await textsOf(dispatcherOf(slow([0, 300])).stream(request({ timeoutMs: 150 }))), ["a", "a"]);
});

test("D20: drain() waits for streams that are open, refuses new ones, and does not wait for one that was given up", async () => {
  const gate = Promise.withResolvers<void>();
  const dispatcher = dispatcherOf(async function* () {
    yield bytes("a");
    await gate.promise;
  });
  const open = dispatcher.stream(request())[Symbol.asyncIterator]();
  const left = dispatcher.stream(request())[Symbol.asyncIterator]();
  await open.next();
  await left.next();
  let isDrained = false;
  const drained = dispatcher.drain().then(() => isDrained = true);
  await assert.rejects(firstOf(dispatcher.stream(request())), { code: "exec.unavailable" });
  await left.return?.();
  assert.equal(isDrained, false);
  gate.resolve();
  assert.deepEqual(await open.next(), { done: true, value: undefined });
  await drained;
});
