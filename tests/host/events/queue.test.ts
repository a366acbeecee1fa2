/**
 * The bounded queue of one subscriber, compared with a slow and obvious one, and its policies.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PublishedEvent } from "../../../host/events/published.ts";
import { EventQueue, type Waiting } from "../../../host/events/queue.ts";

let made = 0;

function event(topic: string, { kind = "passing", size = 1 }: { kind?: PublishedEvent["kind"]; size?: number } = {}): PublishedEvent {
  return { id: String(made++), topic, from: "p", data: new Uint8Array(size), kind };
}

function idsOf(taken: Iterable<Waiting>): string[] {
  return [...taken].map((waiting) => waiting.event.id);
}

test("EventQueue gives the first of each lane, and the next when that is done", () => {
  const queue = new EventQueue(() => ({ queue: 10, overflow: "drop-oldest" }));
  const [a, b, other] = [event("a"), event("a"), event("other")];
  for (const each of [a, b, other]) queue.add(each);
  const taken = [...queue.take(16)];
  assert.deepEqual(idsOf(taken), [a.id, other.id]);
  assert.deepEqual(idsOf(queue.take(16)), []);
  queue.retry(taken[0]!);
  assert.deepEqual(idsOf(queue.take(16)), [a.id]);
  queue.done(taken[0]!);
  assert.deepEqual(idsOf(queue.take(16)), [b.id]);
  assert.equal(queue.size, 2);
});

test("EventQueue gives no more than it is asked for, and begins with the lane that waited longest", () => {
  const queue = new EventQueue(() => ({ queue: 10, overflow: "drop-oldest" }));
  for (const topic of ["a", "b", "c", "a"]) queue.add(event(topic));
  const [first] = [...queue.take(1)];
  queue.done(first!);
  assert.deepEqual([...queue.take(2)].map((waiting) => waiting.event.topic), ["b", "c"]);
});

test("EventQueue never drops what is on its way, nor what the database has", () => {
  const queue = new EventQueue(() => ({ queue: 2, overflow: "drop-oldest" }));
  const [sent, kept, late] = [event("a"), event("b", { kind: "durable" }), event("c")];
  queue.add(sent);
  queue.add(kept);
  assert.deepEqual(idsOf(queue.take(1)), [sent.id]);
  queue.add(late);
  assert.deepEqual([queue.size, queue.dropped], [2, 1]);
  assert.deepEqual(idsOf(queue.take(16)), [kept.id]);
});

test("EventQueue counts bytes too: 64 MiB are its most, whatever their number", () => {
  const queue = new EventQueue(() => ({ queue: 1000, overflow: "drop-oldest" }));
  const mebibyte = 1024 * 1024;
  for (let count = 0; count < 100; count++) queue.add(event("a", { size: mebibyte }));
  assert.ok(queue.size <= 64, `${queue.size}`);
  assert.equal(queue.size + queue.dropped, 100);
  queue.add(event("a", { size: 100 * mebibyte }));
  queue.add(event("a", { size: mebibyte }));
  assert.equal(queue.size, 1);
});

test("EventQueue.replace() leaves what is on its way and the newest", () => {
  const queue = new EventQueue(() => ({ queue: 10, overflow: "drop-oldest" }));
  const events = [event("a"), event("a"), event("a"), event("a")];
  for (const each of events) queue.replace(each);
  const [only] = [...queue.take(16)];
  assert.deepEqual([only?.event.id, queue.size, queue.hasNewer(only!)], [events[3]!.id, 1, false]);
  queue.replace(event("a"));
  const newest = event("a");
  queue.replace(newest);
  assert.deepEqual([queue.size, queue.hasNewer(only!)], [2, true]);
  queue.done(only!);
  assert.deepEqual(idsOf(queue.take(16)), [newest.id]);
});

/** The same in few words, and slowly: one list, of which nothing is known but its order. */
class Obvious {
  readonly items: { id: string; topic: string; busy: boolean; kept: boolean; rank: number }[] = [];
  dropped = 0;
  #rank = 0;
  readonly #limit: number;
  readonly #oldest: boolean;

  constructor(limit: number, oldest: boolean) {
    this.#limit = limit;
    this.#oldest = oldest;
  }

  add({ id, topic, kind }: PublishedEvent): void {
    if (this.items.length >= this.#limit) {
      this.dropped += 1;
      const mayGo = this.items.filter(({ busy, kept }) => !busy && !kept).sort((a, b) => a.rank - b.rank);
      const [gone] = mayGo;
      if (!this.#oldest || gone === undefined) return;
      this.items.splice(this.items.indexOf(gone), 1);
    }
    this.items.push({ id, topic, busy: false, kept: kind === "durable", rank: this.#rank++ });
  }

  /** The first of each topic of which none is busy. */
  ready(): string[] {
    const firsts = this.items.filter(({ topic }, at) => this.items.findIndex((other) => other.topic === topic) === at);
    return firsts.filter(({ busy }) => !busy).map(({ id }) => id);
  }

  item(id: string) {
    return this.items.find((each) => each.id === id)!;
  }

  retry(id: string): void {
    Object.assign(this.item(id), { busy: false, rank: this.#rank++ });
  }

  done(id: string): void {
    this.items.splice(this.items.indexOf(this.item(id)), 1);
  }
}

test("EventQueue does what a slow and obvious one does", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("add" as const), topic: fc.constantFrom("a", "b", "c"), kept: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("take" as const), most: fc.integer({ min: 0, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("done" as const, "retry" as const), which: fc.nat(10) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), fc.boolean(), (steps, limit, oldest) => {
      const queue = new EventQueue(() => ({ queue: limit, overflow: oldest ? "drop-oldest" : "drop-newest" }));
      const obvious = new Obvious(limit, oldest);
      const busy: Waiting[] = [];
      for (const each of steps) {
        if (each.kind === "add") {
          const added = event(each.topic, { kind: each.kept ? "durable" : "passing" });
          queue.add(added);
          obvious.add(added);
        } else if (each.kind === "take") {
          const ready = obvious.ready();
          const taken = [...queue.take(each.most)];
          assert.equal(taken.length, Math.min(each.most, ready.length));
          for (const waiting of taken) {
            assert.ok(ready.includes(waiting.event.id));
            obvious.item(waiting.event.id).busy = true;
          }
          busy.push(...taken);
        } else {
          for (const waiting of busy.splice(each.which % Math.max(1, busy.length), 1)) {
            queue[each.kind](waiting);
            obvious[each.kind](waiting.event.id);
          }
        }
        assert.deepEqual([queue.size, queue.dropped], [obvious.items.length, obvious.dropped]);
      }
      for (const waiting of busy) {
        queue.done(waiting);
        obvious.done(waiting.event.id);
      }
      assert.deepEqual(idsOf(queue.take(Infinity)).sort(), obvious.ready().sort());
    }),
    { numRuns: 500 },
  );
});
