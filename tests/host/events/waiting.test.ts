/**
 * Those who wait: publishers for room, in their order, and durable events in the database for their queue.
 * @module
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { Backlog } from "../../../host/events/backlog.ts";
import type { KeptEvent, PublishedEvent } from "../../../host/events/published.ts";
import { EventQueue } from "../../../host/events/queue.ts";
import { Room } from "../../../host/events/room.ts";
import type { EventStore } from "../../../host/events/store.ts";
import { Turns } from "../../../host/events/turns.ts";
import { CLOCK } from "../../../host/supervise/clock.ts";
import { upTo } from "./listening.ts";

function event(topic: string, id: string): PublishedEvent {
  return { id, topic, from: "p", data: new Uint8Array(1), kind: "passing" };
}

test("Turns lets none of a lane overtake one that waits, though there is room again", async () => {
  const turns = new Turns();
  const room = new Room();
  const given: string[] = [];
  let isFull = true;
  const publish = (topic: string, id: string) =>
    turns.run(event(topic, id), { room: () => isFull ? room.wait() : undefined, give: () => void given.push(id) });
  const first = publish("a", "first");
  assert.equal(turns.waiting, 1);
  isFull = false;
  const second = publish("a", "second");
  assert.equal(publish("b", "other"), undefined);
  assert.deepEqual(given, ["other"]);
  room.open();
  await Promise.all([first, second]);
  assert.deepEqual(given, ["other", "first", "second"]);
  assert.equal(turns.waiting, 0);
  await setImmediate();
  assert.equal(publish("a", "third"), undefined);
});

test("Room lets go of all when something has left, and of each at once when its patience is over", async () => {
  const delays: (() => void)[] = [];
  const clock = { now: () => 0, after: (_ms: number, run: () => void) => (delays.push(run), () => {}) };
  const room = new Room({ clock, ms: () => 5 });
  const [one, other] = [room.wait(), room.wait()];
  room.open();
  await Promise.all([one, other]);
  const last = room.wait();
  assert.equal(delays.length, 2);
  delays[1]!();
  await last;
  assert.equal(room.wait(), undefined);
  room.open();
  assert.ok(room.wait() instanceof Promise);
});

/** Events that stand in a database of which only what is pending is known. */
function standIn() {
  const kept: KeptEvent[] = [];
  const acknowledged = new Set<number>();
  const pending = async (_subscriber: string, afterSeq: number, room: { events: number }) => {
    await setImmediate();
    return kept.filter(({ seq }) => seq > afterSeq && !acknowledged.has(seq)).slice(0, room.events);
  };
  return { kept, acknowledged, store: { pending } as unknown as EventStore };
}

test("Backlog gives each event to the queue once, in order, whether it comes directly, over the database, or while that is read", async () => {
  const { kept, acknowledged, store } = standIn();
  const queue = new EventQueue(() => ({ queue: 4, overflow: "drop-oldest" }));
  const backlog = new Backlog(false, { plugin: () => "s", queue, store, clock: CLOCK, onLoaded: () => {} });
  const taken: string[] = [];
  const publish = (count: number) => {
    for (const _each of upTo(count)) {
      const seq = kept.length + 1;
      kept.push({ ...event("n", String(seq)), kind: "durable", seq });
      backlog.add(kept.at(-1)!);
    }
  };
  const takeOne = () => {
    for (const waiting of queue.take(1)) {
      taken.push(waiting.event.id);
      acknowledged.add(Number(waiting.event.id));
      queue.done(waiting);
    }
  };
  publish(3);
  takeOne();
  publish(5); // Two of them fit.
  takeOne();
  takeOne();
  for (const _round of upTo(10)) {
    const loading = backlog.load();
    publish(1);
    await loading;
    takeOne();
    takeOne();
  }
  while (queue.size > 0) {
    takeOne();
    await backlog.load();
  }
  assert.deepEqual(taken, kept.map(({ id }) => id));
  assert.equal(queue.dropped, 0);
  backlog.close();
});

test("Backlog reads again later when the database could not be read", async () => {
  const again: (() => void)[] = [];
  const clock = { now: () => 0, after: (_ms: number, run: () => void) => (again.push(run), () => {}) };
  const queue = new EventQueue(() => ({ queue: 4, overflow: "drop-oldest" }));
  const results = [() => Promise.reject(new Error("locked")), () => Promise.resolve([{ ...event("n", "1"), kind: "durable", seq: 1 }])];
  const store = { pending: () => (results.shift() ?? (() => Promise.resolve([])))() } as unknown as EventStore;
  const backlog = new Backlog(true, { plugin: () => "s", queue, store, clock, onLoaded: () => void backlog.load() });
  await backlog.load();
  assert.deepEqual([queue.size, again.length], [0, 1]);
  again[0]!();
  await setImmediate();
  assert.equal(queue.size, 1);
  backlog.close();
});
