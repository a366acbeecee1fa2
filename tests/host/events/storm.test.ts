/**
 * What events do when everything goes wrong at once: plugins killed while thousands flow, a host closed in the middle of it, publishing
 * in a tight loop.
 * @module
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { openHost } from "../../../host/mod.ts";
import { assertNoneLeft, bytes, configOf, pathOf, RUNTIME, withFolder, withHost } from "../../support.ts";
import { eventually, heardBy, kill, listener, numbersOf, publisher, publishMany, statusOf, upTo } from "./listening.ts";

test("D8: publisher and subscriber killed while 10 000 events flow: order holds, and both go on", async () => {
  const keys = { events: { queue: 20_000 }, restart: { max: 100, min_delay: 0 } };
  await withHost({ p: publisher(["#"], { restart: { max: 100, min_delay: 0 } }), s: listener({}, keys) }, async (host) => {
    await host.startAll();
    let published = 0;
    while (published < 10_000) {
      const flowing = publishMany(host, "p", { topic: "n", count: 2500, from: published, atOnce: 4 }).catch(() => {});
      const before = statusOf(host, "s").delivered;
      await eventually(() => statusOf(host, "s").delivered > before + 300);
      await Promise.all([kill(host, "s"), kill(host, "p")]);
      await flowing;
      published += 2500;
    }
    await publishMany(host, "p", { topic: "n", count: 10, from: 20_000 });
    await eventually(() => statusOf(host, "s").waiting === 0);
    const heard = await heardBy(host, "s");
    assert.deepEqual(numbersOf(heard.slice(-10)), upTo(10).map((number) => 20_000 + number));
    assert.equal(new Set(heard.map(({ id }) => id)).size, heard.length);
    const { dropped, dead } = statusOf(host, "s");
    assert.deepEqual({ dropped, dead }, { dropped: 0, dead: 0 });
  });
});

test("D8: a host closed while events flow ends in bounded time and leaves nothing", async () => {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const marked = (plugin: Record<string, unknown>) => ({ ...plugin, env: { ...(plugin["env"] ?? {}), TEST_MARKER: marker } });
    const plugins = {
      p: marked(publisher()),
      s: marked(listener({ slowMs: 5 })),
      blocks: marked(listener({ slowMs: 50 }, { events: { queue: 2, overflow: "block" } })),
      refuses: marked(listener({}, { events: { queue: 100 } })),
    };
    const host = await openHost("test", { config: { ...configOf(plugins, join(folder, "state")), events: { durable: ["kept"] } } });
    await host.startAll();
    await host.get("refuses").exec("listens.refuse", bytes("100000"));
    const mine = host.events.subscribe("#", { queue: 5, overflow: "block" });
    const flowing = [
      publishMany(host, "p", { topic: "n", count: 100_000, atOnce: 4 }),
      publishMany(host, "p", { topic: "kept", count: 100_000, atOnce: 4 }),
      ...upTo(100).map((number) => host.events.publish("own", bytes(String(number)))),
    ].map((promise) => promise.then(() => "", (error) => error.code));
    for await (const _event of mine) if (statusOf(host, "").delivered > 20) break;
    const began = performance.now();
    await host.close();
    const tookMs = performance.now() - began;
    assert.ok(tookMs < 15_000, `${tookMs} ms`);
    await assertNoneLeft(marker);
    await Promise.all(flowing); // Each has ended, one way or the other.
    assert.equal(host.events.waiting, 0);
  });
});

test("D8: publishing in a tight loop takes no memory: what does not fit is dropped and counted", async () => {
  const plugins = { s: listener({ slowMs: 1000 }), t: listener({ slowMs: 1000 }, { events: { overflow: "drop-newest" } }) };
  const { grown, subscribers } = JSON.parse(await outputOf("tests/fixtures/floods_events.ts", plugins));
  assert.ok(grown < 64 * 1024 * 1024, `${Math.round(grown / 1024 / 1024)} MiB`);
  assert.equal(subscribers.length, 3);
  for (const { waiting, dropped, delivered } of subscribers) assert.deepEqual([waiting, waiting + dropped + delivered], [1000, 300_000]);
});

test("D8: durable events in a tight loop: what the disk cannot follow is refused, and all that was promised arrives", async () => {
  await withFolder(async (folder) => {
    const config = { ...configOf({ s: listener() }, join(folder, "state")), events: { durable: ["#"] } };
    const host = await openHost("test", { config });
    try {
      await host.startAll();
      const results = await Promise.allSettled(upTo(10_500).map((number) => host.events.publish("n", bytes(String(number)))));
      const refused = results.flatMap((result) => result.status === "rejected" ? [result.reason.code] : []);
      assert.deepEqual(refused, Array(500).fill("caller.overloaded"));
      await eventually(() => statusOf(host, "s").delivered === 10_000, 60_000);
      assert.deepEqual(numbersOf(await heardBy(host, "s")), upTo(10_000));
    } finally {
      await host.close();
    }
  });
});

test("D11: a host with ticks, retries and subscriptions open keeps no application alive", async () => {
  const plugins = { s: listener({ everyMs: 50 }), refuses: listener({}, { events: { ack_timeout: 0.1 } }) };
  const [closedMs, endedMs] = (await outputOf("tests/fixtures/closes_events.ts", plugins)).split("\n").map(Number);
  assert.ok(endedMs! - closedMs! < 1000, `${endedMs! - closedMs!} ms between close and exit`);
});

/** Runs a program with the configuration of these plugins as its argument; gives what it has printed when it ends by itself. */
async function outputOf(program: string, plugins: Record<string, Record<string, unknown>>): Promise<string> {
  return await withFolder(async (folder) => {
    const config = join(folder, "config.json");
    await writeFile(config, JSON.stringify({ ...configOf(plugins, join(folder, "state")), events: { durable: ["kept"] } }));
    const flags = RUNTIME === "deno" ? ["run", "-A", "-q", "--v8-flags=--expose-gc"] : ["--expose-gc"];
    const args = [...flags, pathOf(program), config];
    return (await promisify(execFile)(RUNTIME, args)).stdout;
  });
}
