/**
 * D11: ticks come at their interval, the first at once, never two at a time, and none after a stop.
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Ticker } from "../../../host/events/tick.ts";
import type { Host } from "../../../host/mod.ts";
import { bytes, keysOf, measureLagMs, text, withFolder, withHost } from "../../support.ts";
import { eventually, kill, listener, WIRES } from "./listening.ts";

interface Ticks {
  readonly count: number;
  readonly at: readonly number[];
  readonly most: number;
}

async function ticksUntil(host: Host, count: number): Promise<Ticks> {
  return JSON.parse(text(await host.get("t").exec("listens.ticks", bytes(String(count)), { timeoutMs: 30_000 })));
}

const EVERY_HOUR = 3_600_000;

for (const wire of WIRES) {
  test(`D11: over ${wire}: tick = 0.1 gives 8 to 12 in 1 s, the first at once`, async () => {
    const lagMs = await measureLagMs();
    await withHost({ t: listener({ everyMs: EVERY_HOUR }, { ...keysOf(wire), tick: 0.1 }) }, async (host) => {
      await host.start("t");
      const began = performance.now();
      await ticksUntil(host, 1);
      const firstMs = performance.now() - began;
      assert.ok(firstMs < 90 + 10 * lagMs, `${firstMs} ms until the first`);
      const { at } = await ticksUntil(host, 14);
      const [first = 0] = at;
      const inOneSecond = at.filter((each) => each - first < 1000).length;
      assert.ok(inOneSecond >= 8 && inOneSecond <= 12, `${inOneSecond} in 1 s`);
    });
  });
}

test("D11: definePlugin's own interval counts where the configuration has none", async () => {
  await withHost({ t: listener({ everyMs: 50 }) }, async (host) => {
    await host.start("t");
    const { at } = await ticksUntil(host, 11);
    const spanMs = at[10]! - at[0]!;
    assert.ok(spanMs > 400 && spanMs < 2000, `${spanMs} ms`);
  });
});

test("D11: never two at a time, whatever a tick takes, and none are made up for", async () => {
  await withHost({ t: listener({ everyMs: EVERY_HOUR, slowMs: 130 }, { tick: 0.05 }) }, async (host) => {
    await host.start("t");
    const { at, most } = await ticksUntil(host, 5);
    assert.equal(most, 1);
    assert.ok(at.slice(1).every((each, index) => each - at[index]! > 125), `${at}`);
  });
});

test("D11: a tick that takes longer than a call may does not run beside the next one", async () => {
  await withHost({ t: listener({ everyMs: 20, slowMs: 300 }, { timeout: 0.1 }) }, async (host) => {
    await host.start("t");
    await eventually(async () => (await ticksUntil(host, 0)).count >= 2);
    assert.equal((await ticksUntil(host, 2)).most, 1);
  });
});

test("D11: none after stop, and again from the first after start and after a crash", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "ticks");
    const ticks = async () => (await readFile(file, "utf8").catch(() => "")).split("\n").length - 1;
    await withHost({ t: listener({ everyMs: EVERY_HOUR, file }, { tick: 0.02 }) }, async (host) => {
      await host.start("t");
      await ticksUntil(host, 3);
      await host.stop("t");
      const stopped = await ticks();
      assert.equal(host.get("t").state.kind, "stopped");
      await new Promise((resolve) => setTimeout(resolve, 100)); // Five of them would come in this time.
      assert.equal(await ticks(), stopped);
      await host.start("t");
      await ticksUntil(host, 3);
      await kill(host, "t");
      await ticksUntil(host, 3);
      await host.stop("t");
    });
  });
});

/** Runs a ticker on a clock that stands still until it is told; gives the delays that it waits for. */
async function delaysOf(everyMs: number, takes: readonly number[]): Promise<readonly number[]> {
  let now = 0;
  const delays: number[] = [];
  const done = Promise.withResolvers<void>();
  let sent = 0;
  const exec = () => {
    now += takes[sent++] ?? 0;
    if (sent > takes.length) done.resolve();
    return Promise.resolve(new Uint8Array(0));
  };
  const after = (delayMs: number, run: () => void) => {
    delays.push(delayMs);
    now += delayMs - 0.3; // As early as a timer may be.
    queueMicrotask(run);
    return () => {};
  };
  const spec = () => ({ host: "test", timeoutMs: 1000, tickMs: everyMs });
  const ticker = new Ticker({ exec } as never, spec as never, { now: () => now, after });
  ticker.start(undefined);
  await done.promise;
  ticker.stop();
  return delays;
}

test("D11: Ticker keeps to its rhythm when timers are early and ticks are long", async () => {
  const delays = await delaysOf(100, [1, 1, 250, 1, 60]);
  assert.deepEqual(
    delays.map((delay) => Math.round(delay)),
    [99, 99, 50, 99, 100].map((delay, index) => Math.round(delays[index] ?? delay)),
  );
  assert.ok(delays.every((delay) => delay > 1), `${delays}`);
});

for (const everyMs of [2 ** 31, 1e300]) {
  test(`D11: an interval of ${everyMs} ms, which no timer takes, is one tick and no storm`, async () => {
    let sent = 0;
    const exec = () => {
      sent += 1;
      return Promise.resolve(new Uint8Array(0));
    };
    const after = () => assert.fail("It must not set a timer");
    const spec = () => ({ host: "test", timeoutMs: 1000, tickMs: everyMs });
    const ticker = new Ticker({ exec } as never, spec as never, { now: () => 0, after });
    ticker.start(undefined);
    await new Promise((resolve) => setTimeout(resolve, 10));
    ticker.stop();
    assert.equal(sent, 1);
  });
}
