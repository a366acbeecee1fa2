/**
 * The limits of what is kept of durable events, and of what is remembered of dead ones.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DeadLetters } from "../../../host/events/dead_letters.ts";
import type { KeptEvent, PublishedEvent } from "../../../host/events/published.ts";
import { EventStore } from "../../../host/events/store.ts";
import { Database } from "../../../host/services/database.ts";
import { withFolder } from "../../support.ts";
import { upTo } from "./listening.ts";

const mebibyte = 1024 * 1024;

function event(size = 1): PublishedEvent {
  return { id: crypto.randomUUID(), topic: "n", from: "p", data: new Uint8Array(size), kind: "durable" };
}

async function withStore(mostKept: number, use: (store: EventStore, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const database = new Database(join(folder, "state"), "test");
    const store = new EventStore(database, { mostKept, onTrouble: assert.ifError });
    try {
      await use(store, folder);
    } finally {
      await store.close();
      await database.close();
    }
  });
}

/** Keeps events for these and gives them as they were kept. */
async function keep(store: EventStore, subscribers: readonly string[], sizes: readonly number[]): Promise<readonly KeptEvent[]> {
  const kept: KeptEvent[] = [];
  await Promise.all(sizes.map((size) => store.add(event(size), { subscribers, onKept: (each) => kept.push(each) })));
  return kept;
}

test("D10: EventStore keeps so many for a subscriber, refuses the next, and takes it again when there is room", async () => {
  await withStore(3, async (store) => {
    const [first] = await keep(store, ["s"], [1, 1, 1]);
    await assert.rejects(keep(store, ["s"], [1]), { code: "caller.overloaded", message: /"s" has 3 durable events waiting/ });
    await assert.rejects(keep(store, ["f", "s"], [1]), { code: "caller.overloaded" });
    await keep(store, ["f"], [1]);
    assert.deepEqual([store.keptOf("s"), store.keptOf("f"), store.waiting], [3, 1, 0]);
    await store.acknowledge("s", first!.seq);
    await keep(store, ["s"], [1]);
    assert.equal((await store.pending("s", 0, { events: 10, bytes: mebibyte })).length, 3);
  });
});

test("D10: EventStore counts what a host before it has kept", async () => {
  await withStore(5, async (store, folder) => {
    const [first] = await keep(store, ["s"], [1, 1, 1, 1]);
    const database = new Database(join(folder, "state"), "test");
    const next = new EventStore(database, { mostKept: 5, onTrouble: assert.ifError });
    await next.acknowledge("s", first!.seq);
    assert.equal((await next.pending("s", 0, { events: 1, bytes: 0 })).length, 1);
    assert.equal(next.keptOf("s"), 3);
    await keep(next, ["s"], [1, 1]);
    await assert.rejects(keep(next, ["s"], [1]), { code: "caller.overloaded" });
    await next.close();
    await database.close();
  });
});

test("D10: EventStore.pending() gives as many as fit, in their order, the first in any case", async () => {
  await withStore(100, async (store) => {
    const kept = await keep(store, ["s"], [...Array(10).fill(mebibyte), 5 * mebibyte, 1]);
    const pending = async (after: number, events: number, bytes: number) =>
      (await store.pending("s", after, { events, bytes })).map(({ seq }) => seq);
    const seqs = kept.map(({ seq }) => seq);
    assert.deepEqual(await pending(0, 100, 3 * mebibyte), seqs.slice(0, 3));
    assert.deepEqual(await pending(0, 2, 100 * mebibyte), seqs.slice(0, 2));
    assert.deepEqual(await pending(seqs[9]!, 100, 1), seqs.slice(10, 11));
    assert.deepEqual(await pending(seqs[9]!, 100, 10 * mebibyte), seqs.slice(10));
    assert.deepEqual(await pending(seqs[11]!, 100, mebibyte), []);
    assert.deepEqual(await store.pending("other", 0, { events: 100, bytes: mebibyte }), []);
  });
});

test("D10: EventStore remembers the newest thousand that were given up for a subscriber", async () => {
  await withStore(2000, async (store) => {
    const kept = await keep(store, ["s"], Array(1005).fill(1));
    for (const { seq } of kept) void store.bury("s", seq, { attempts: 1, reason: "no" });
    const dead = await store.dead();
    assert.equal(dead.length, 1000);
    assert.deepEqual([dead[0]?.id, dead.at(-1)?.id], [kept[5]?.id, kept.at(-1)?.id]);
    assert.equal(store.keptOf("s"), 0);
  });
});

test("D10: DeadLetters holds a thousand, or fewer that make 64 MiB", () => {
  const letter = (number: number, size: number) => {
    const { id, topic, from, data } = event(size);
    return { plugin: "s", id, topic, from, data, attempts: 1, reason: String(number), at: new Date(number) };
  };
  const letters = new DeadLetters();
  for (const number of upTo(1005)) letters.add(letter(number, 1));
  assert.deepEqual([letters.with([]).length, letters.with([])[0]?.reason], [1000, "5"]);
  for (const number of upTo(100)) letters.add(letter(2000 + number, mebibyte));
  const left = letters.with([]);
  assert.ok(left.length <= 64 && left.length > 60, `${left.length}`);
  assert.equal(left.at(-1)?.reason, "2099");
});
