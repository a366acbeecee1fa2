/**
 * D9: a slow subscriber holds nobody else up; its queue is bounded, and what does not fit goes as its policy says, and is counted.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, openHost } from "../../../host/mod.ts";
import { bytes, configOf, measureLagMs, text, withFolder, withHost } from "../../support.ts";
import { eventually, heardBy, heardUntil, listener, numbersOf, publisher, publishMany, statusOf, upTo } from "./listening.ts";

test("D9: S takes 2 s an event, F gets 100 events in less than 1 s", async () => {
  const lagMs = await measureLagMs();
  const plugins = { p: publisher(), s: listener({ slowMs: 2000 }, { events: { queue: 10 } }), f: listener() };
  await withHost(plugins, async (host) => {
    await host.startAll();
    const began = performance.now();
    await publishMany(host, "p", { topic: "n", count: 100 });
    assert.deepEqual(numbersOf(await heardUntil(host, "f", 100)), upTo(100));
    const tookMs = performance.now() - began;
    assert.ok(tookMs < 1000 + 10 * lagMs, `${tookMs} ms`);
    const { waiting, queue, dropped, overflow } = statusOf(host, "s");
    assert.deepEqual({ waiting, queue, dropped, overflow }, { waiting: 10, queue: 10, dropped: 90, overflow: "drop-oldest" });
    assert.deepEqual(numbersOf(await heardUntil(host, "s", 2)), [0, 91]);
  });
});

/** Publishes 0 to 19 to a listener that is busy with 0, and gives what it hears in the end. */
async function overflowing(host: Host): Promise<readonly number[]> {
  await host.startAll();
  await host.events.publish("n", bytes("0"));
  await eventually(async () => text(await host.get("s").exec("listens.open")) === "1");
  for (const number of upTo(20).slice(1)) await host.events.publish("n", bytes(String(number)));
  await eventually(() => statusOf(host, "s").waiting === 0);
  return numbersOf(await heardBy(host, "s"));
}

test("D9: drop-oldest keeps the newest", async () => {
  await withHost({ s: listener({ slowMs: 100 }, { events: { queue: 4, overflow: "drop-oldest" } }) }, async (host) => {
    assert.deepEqual(await overflowing(host), [0, 17, 18, 19]);
    const { dropped, delivered } = statusOf(host, "s");
    assert.deepEqual({ dropped, delivered }, { dropped: 16, delivered: 4 });
  });
});

test("D9: drop-newest keeps the oldest", async () => {
  await withHost({ s: listener({ slowMs: 100 }, { events: { queue: 4, overflow: "drop-newest" } }) }, async (host) => {
    assert.deepEqual(await overflowing(host), [0, 1, 2, 3]);
    const { dropped, delivered } = statusOf(host, "s");
    assert.deepEqual({ dropped, delivered }, { dropped: 16, delivered: 4 });
  });
});

test("D9: block lets who publishes wait, in order; nothing is dropped, and the queue holds no more than its limit", async () => {
  await withHost({ p: publisher(), s: listener({ slowMs: 20 }, { events: { queue: 4, overflow: "block" } }) }, async (host) => {
    await host.startAll();
    let most = 0;
    const watch = setInterval(() => most = Math.max(most, statusOf(host, "s").waiting), 1);
    const own = upTo(20).map((number) => host.events.publish("own", bytes(String(number))));
    assert.ok(host.events.waiting >= 15, `${host.events.waiting} wait`);
    const theirs = await publishMany(host, "p", { topic: "n", count: 20 });
    await Promise.all(own);
    assert.equal(host.events.waiting, 0);
    await eventually(() => statusOf(host, "s").waiting === 0);
    clearInterval(watch);
    const heard = await heardBy(host, "s");
    assert.deepEqual(numbersOf(heard.filter(({ topic }) => topic === "own")), upTo(20));
    assert.deepEqual(numbersOf(heard.filter(({ topic }) => topic === "n")), upTo(20));
    assert.deepEqual([theirs.published, statusOf(host, "s").dropped], [20, 0]);
    assert.equal(most, 4);
  });
});

test("D9: with block one that takes nothing for ack_timeout is waited for no longer, until it takes something", async () => {
  const events = { queue: 2, overflow: "block", ack_timeout: 0.3 };
  await withHost({ s: listener({}, { events }), other: listener() }, async (host) => {
    await host.startAll();
    await host.stop("s");
    const began = performance.now();
    for (const number of upTo(10)) await host.events.publish("n", bytes(String(number)));
    const tookMs = performance.now() - began;
    assert.ok(tookMs >= 290 && tookMs < 5000, `${tookMs} ms`);
    assert.deepEqual([statusOf(host, "s").dropped, statusOf(host, "s").waiting], [8, 2]);
    assert.deepEqual(numbersOf(await heardUntil(host, "other", 10)), upTo(10));
    await host.start("s");
    assert.deepEqual(numbersOf(await heardUntil(host, "s", 2)), [0, 1]);
    await eventually(() => statusOf(host, "s").waiting === 0);
    await Promise.all(upTo(4).map((number) => host.events.publish("n", bytes(String(number)))));
    assert.equal(statusOf(host, "s").dropped, 8);
  });
});

test("D9: more publishes than may wait are refused, and the host closes at once all the same", async () => {
  await withFolder(async (folder) => {
    const host = await openHost("test", { config: configOf({ s: listener() }, folder) });
    host.events.subscribe("#", { queue: 1, overflow: "block" });
    const results = Promise.allSettled(upTo(10_010).map((number) => host.events.publish("n", bytes(String(number)))));
    assert.equal(host.events.waiting, 10_000);
    const began = performance.now();
    await host.close();
    assert.ok(performance.now() - began < 2000);
    const refused = (await results).flatMap((result) => result.status === "rejected" ? [result.reason.code] : []);
    assert.deepEqual(refused, Array(9).fill("caller.overloaded"));
  });
});

for (
  const [overflow, kept, dropped] of [["drop-oldest", [16, 17, 18, 19], 16], ["drop-newest", [0, 1, 2, 3], 16], [
    "block",
    upTo(20),
    0,
  ]] as const
) {
  test(`D9: a subscription of the application with ${overflow}`, async () => {
    await withHost({ p: publisher() }, async (host) => {
      const heard: number[] = [];
      const slow = host.events.subscribe("n", { queue: 4, overflow });
      const published = Promise.all(upTo(20).map((number) => host.events.publish("n", bytes(String(number)))));
      const { waiting, queue } = statusOf(host, "");
      assert.deepEqual([waiting, queue], [4, 4]);
      for await (const { data } of slow) {
        assert.ok(statusOf(host, "").waiting <= 4);
        heard.push(Number(text(data)));
        if (heard.length === kept.length) {
          assert.equal(statusOf(host, "").dropped, dropped);
          break;
        }
      }
      await published;
      assert.deepEqual(heard, kept);
    });
  });
}

test("D9: at most 16 events are on their way to one plugin, whatever the number of topics", async () => {
  await withHost({ s: listener({ slowMs: 20 }) }, async (host) => {
    await host.startAll();
    await Promise.all(upTo(200).map((number) => host.events.publish(`n.${number}`, bytes(String(number)))));
    await eventually(() => statusOf(host, "s").waiting === 0);
    assert.equal(Number(text(await host.get("s").exec("listens.open"))), 16);
    assert.equal(statusOf(host, "s").delivered, 200);
  });
});
