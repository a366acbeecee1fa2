/**
 * D20 on the framed socket, both halves: what each frame of a stream means, credit, and what is no right frame.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FrameBatch } from "../../../protocol/socket/batch.ts";
import { FIRST_CREDIT, MORE_CREDIT } from "../../../protocol/open_stream.ts";
import { KIND } from "../../../protocol/socket/wire.ts";
import { bytes, text } from "../../support.ts";
import { partsOf } from "../streams.ts";
import { greet, hello, nextCall, said, type Seen, type Wire, withPeer, withSocketServer } from "./peers.ts";

const part = (value: string) => (batch: FrameBatch, id: number) => batch.add(KIND.part, id, bytes(value));
const end = (batch: FrameBatch, id: number) => batch.add(KIND.end, id);
type Frames = readonly ((batch: FrameBatch, id: number) => void)[];
const RIGHT: Frames = [part("a"), part("b"), end];

/** Each answer, the parts that come of it, and how the stream ends. */
const ANSWERS: readonly (readonly [title: string, frames: Frames, parts: readonly string[], end: string])[] = [
  ["a right one", RIGHT, ["a", "b"], "end"],
  ["no part", [end], [], "end"],
  ["an empty part", [part(""), end], [""], "end"],
  ["an error", [part("a"), (batch, id) => batch.addError(id, "own.code", "no")], ["a"], "peer: own.code"],
  ["an error with a code of the host's", [(batch, id) => batch.addError(id, "host.stopped", "no")], [], "peer: exec.failed"],
  ["a result", [part("a"), (batch, id) => batch.add(KIND.result, id, bytes("b"))], ["a"], "peer: caller.bad_response"],
  ["a pong", [(batch, id) => batch.add(KIND.pong, id)], [], "peer: caller.bad_response"],
  ["a part of the limit", [part("x".repeat(1024)), end], ["1024 bytes"], "end"],
  ["a part over the limit", [part("a"), part("x".repeat(1025)), end], ["a"], "peer: caller.too_large"],
  ["a part over the cap", [part("a"), part("x".repeat(8192)), end], ["a"], "peer: caller.too_large"],
  ["a part behind the end", [part("a"), end, part("b"), end], ["a"], "end"],
  ["credit from a plugin", [(batch, id) => batch.addCredit(id, 1)], [], "peer: caller.bad_response"],
];

for (const [title, frames, parts, ended] of ANSWERS) {
  test(`D20: socket: ${title}: ${parts.length} parts, then ${ended.replace("peer: ", "")}; the next stream is right`, async () => {
    let calls = 0;
    await withPeer(async (wire) => {
      await greet(wire);
      for (;;) {
        const { id, kind } = await wire.next();
        if (kind !== KIND.stream) continue;
        calls += 1;
        wire.send((batch) => (calls === 1 ? frames : RIGHT).forEach((add) => add(batch, id)));
      }
    }, async (caller) => {
      assert.deepEqual(await partsOf(caller), [parts, ended]);
      assert.deepEqual(await partsOf(caller), [["a", "b"], "end"]);
    });
  });
}

test("D20: socket: the request is a call of kind 11; what comes of a stream that has ended is told once", async () => {
  const notices: string[] = [];
  await withPeer(async (wire) => {
    await greet(wire);
    for (;;) {
      const { id, call } = await nextCall(wire);
      const { command, payload, timeoutMs, attempt } = call;
      wire.send((batch) => {
        part(JSON.stringify({ command, payload: text(payload), timeoutMs, attempt }))(batch, id);
        end(batch, id);
        part("late")(batch, id);
      });
    }
  }, async (caller) => {
    const parts: string[] = [];
    for await (const each of caller.stream?.("a.b", bytes("in"), { timeoutMs: 1500.5, attempt: 2 }) ?? []) parts.push(text(each));
    assert.deepEqual(parts, ['{"command":"a.b","payload":"in","timeoutMs":1500,"attempt":2}']);
    assert.equal((await partsOf(caller))[1], "end");
    assert.equal((await partsOf(caller))[1], "end");
    assert.equal(notices.length, 1);
    assert.match(notices[0] ?? "", /a part of a stream that had ended/);
  }, { onNotice: (message) => notices.push(message) });
});

test("D20: socket: a part for a call, and an end, are caller.bad_response for that call alone", async () => {
  await withPeer(async (wire) => {
    await greet(wire);
    for (const add of [part("a"), end]) {
      const { id } = await nextCall(wire);
      wire.send((batch) => add(batch, id));
      assert.equal((await wire.next()).kind, KIND.cancel);
    }
    const { id } = await nextCall(wire);
    wire.send((batch) => batch.add(KIND.result, id, bytes("right")));
  }, async (caller) => {
    await assert.rejects(caller.exec("a.b"), { code: "caller.bad_response" });
    await assert.rejects(caller.exec("a.b"), { code: "caller.bad_response" });
    assert.equal(text(await caller.exec("a.b")), "right");
  });
});

test("D20: socket: the host gives credit for 8 parts when 8 were taken, and refuses a plugin that sends without it", async () => {
  const kinds: number[] = [];
  const done = Promise.withResolvers<void>();
  await withPeer(async (wire) => {
    await greet(wire);
    const first = await nextCall(wire);
    wire.send((batch) => Array.from({ length: FIRST_CREDIT }, () => part("a")(batch, first.id)));
    const credit = await wire.next();
    kinds.push(credit.kind, new DataView(credit.body.buffer).getUint32(0));
    wire.send((batch) => end(batch, first.id));
    let { kind, id } = await wire.next();
    while (kind !== KIND.stream) ({ kind, id } = await wire.next());
    wire.send((batch) => Array.from({ length: 20 * FIRST_CREDIT }, () => part("a")(batch, id)));
    for (let frame = await wire.next(); kinds.push(frame.kind), frame.kind !== KIND.cancel;) frame = await wire.next();
    done.resolve();
  }, async (caller) => {
    const [parts, ended] = await partsOf(caller);
    assert.deepEqual([parts.length, ended], [FIRST_CREDIT, "end"]);
    const [more, code] = await partsOf(caller);
    assert.equal(code, "peer: caller.bad_response");
    assert.ok(more.length <= FIRST_CREDIT + MORE_CREDIT, `${more.length} parts`);
    await done.promise;
    assert.deepEqual([kinds[0], kinds[1], kinds.at(-1)], [KIND.credit, MORE_CREDIT, KIND.cancel]);
  });
});

const commands = {
  "count.up": async function* () {
    for (let i = 0;; i++) yield new Uint8Array([i % 256]);
  },
  "count.three": async function* () {
    yield* [bytes("a"), bytes("b"), bytes("c")];
  },
  "test.echo": (payload: Uint8Array) => payload,
};

function ask(wire: Wire, id: number, command: string): void {
  const call = { timeoutMs: 0, attempt: 1, hops: 0, requestId: "", traceparent: "", party: "", command, payload: new Uint8Array(0) };
  wire.send((batch) => batch.addCall(id, call, KIND.stream));
}

async function take(wire: Wire, count: number): Promise<readonly Seen[]> {
  const frames: Seen[] = [];
  while (frames.length < count) frames.push(await wire.next());
  return frames;
}

test("D20: socket: a plugin sends 16 parts, then as many as there is credit for, and nothing after a cancel", async () => {
  await withSocketServer(commands, async (connectTo) => {
    const wire = await connectTo();
    await hello(wire);
    ask(wire, 1, "count.up");
    const first = await take(wire, FIRST_CREDIT);
    assert.deepEqual(first.map(({ kind, id, body }) => [kind, id, body[0]]), first.map((_, i) => [KIND.part, 1, i]));
    wire.send((batch) => batch.add(KIND.ping, 3));
    assert.equal((await wire.next()).kind, KIND.pong);
    wire.send((batch) => batch.addCredit(1, 2));
    assert.deepEqual((await take(wire, 2)).map(({ body }) => body[0]), [16, 17]);
    wire.send((batch) => {
      batch.add(KIND.cancel, 1);
      batch.addCredit(1, 100);
      batch.addCredit(99, 100); // Of no stream: passed over.
    });
    ask(wire, 3, "count.three");
    const last = await take(wire, 4);
    assert.deepEqual(last.map(said), [[3, "kind 5"], [3, "kind 5"], [3, "kind 5"], [3, "kind 6"]]);
    ask(wire, 5, "test.echo");
    assert.deepEqual((await take(wire, 2)).map(said), [[5, "kind 5"], [5, "kind 6"]]);
    ask(wire, 7, "no.such");
    assert.deepEqual(said(await wire.next()), [7, "exec.unknown_command"]);
  });
});

test("D20: socket: a credit of another length, a part from a host, and two streams of one id end the connection", async () => {
  await withSocketServer(commands, async (connectTo) => {
    const bad: readonly ((batch: FrameBatch) => void)[] = [
      (batch) => batch.add(KIND.credit, 1, new Uint8Array(3)),
      (batch) => batch.add(KIND.part, 1),
      (batch) => batch.add(KIND.end, 1),
    ];
    for (const add of bad) {
      const wire = await connectTo();
      await hello(wire);
      ask(wire, 1, "count.up");
      await take(wire, FIRST_CREDIT);
      wire.send(add);
      assert.deepEqual(said(await wire.next()), [0, "exec.bad_request"]);
      await wire.closed;
    }
    const wire = await connectTo();
    await hello(wire);
    ask(wire, 1, "count.up");
    ask(wire, 1, "count.up");
    const frames = await take(wire, 1);
    assert.ok(frames.length === 1);
    await wire.closed;
  });
});
