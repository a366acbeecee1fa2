/**
 * D20: a stream in the life of its plugin: when it is sent again, what waits for it, and what does not take it for a hang.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Driver, DriverCaller } from "../../../host/mod.ts";
import { PluginError } from "../../../host/mod.ts";
import { bytes, text, withHost } from "../../support.ts";
import { endOf, make, read, seenBy, STREAM_WIRES, withStreams } from "./streaming.ts";

/** A driver of the application's own, whose streams are these, one a try. */
function driverOf(tries: readonly (() => AsyncIterable<Uint8Array<ArrayBuffer>>)[], seen: unknown[]): Driver {
  const left = [...tries];
  const driver: DriverCaller = {
    ping: () => Promise.resolve("pong"),
    exec: () => Promise.reject(new PluginError("exec.failed", "no")),
    stream: (command, _payload, { attempt, requestId } = {}) => {
      seen.push([command, attempt, requestId]);
      return left.shift()?.() ?? failing("exec.failed");
    },
    close: () => Promise.resolve(),
  };
  return () => driver;
}

async function* failing(code: string, ...before: readonly string[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const each of before) yield bytes(each);
  throw new PluginError(code, "on purpose");
}

async function* whole(...parts: readonly string[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const each of parts) yield bytes(each);
}

const OWN = { comm_type: "own", attach: "unix:/nowhere", features: ["stream"] };

test("D20: a stream is sent again before its first part alone, and only when it was not run, or may run twice", async () => {
  const seen: unknown[] = [];
  const own = driverOf([
    () => failing("caller.refused"),
    () => whole("a", "b"),
    () => failing("caller.refused", "a"),
    () => failing("caller.lost"),
    () => failing("caller.lost"),
    () => whole("c"),
    () => failing("caller.lost", "a", "b"),
    () => failing("caller.refused"),
  ], seen);
  await withHost({ own: OWN }, async (host) => {
    const own = host.get("own");
    const codes = async (options = {}) => {
      const { parts, code } = await read(own.stream("own.any", undefined, { requestId: "r", ...options }));
      return [...parts.map((part) => String.fromCharCode(part)), code];
    };
    assert.deepEqual(await codes(), ["a", "b", "end"]);
    assert.deepEqual(await codes({ retry: "idempotent" }), ["a", "caller.refused"]);
    assert.deepEqual(await codes(), ["caller.lost"]);
    assert.deepEqual(await codes({ retry: "idempotent" }), ["c", "end"]);
    assert.deepEqual(await codes({ retry: "idempotent" }), ["a", "b", "caller.lost"]);
    assert.deepEqual(await codes({ retry: "never" }), ["caller.refused"]);
    assert.deepEqual(seen, [1, 2, 1, 1, 1, 2, 1, 1].map((attempt) => ["own.any", attempt, "r"]));
  }, { drivers: { own } });
});

test("D20: each loop over a stream is a call of its own", async () => {
  const seen: unknown[] = [];
  await withHost({ own: OWN }, async (host) => {
    const stream = host.get("own").stream("own.any");
    assert.deepEqual(seen, []);
    assert.equal((await read(stream)).parts.length, 1);
    assert.equal((await read(stream)).parts.length, 2);
    assert.equal(seen.length, 2);
    const parts = host.get("own").stream("own.any")[Symbol.asyncIterator]();
    const asked = await Promise.all([parts.next(), parts.next(), parts.next(), parts.next()]);
    assert.deepEqual(asked.map(({ done, value }) => done === true ? "end" : text(value)), ["x", "y", "z", "end"]);
  }, { drivers: { own: driverOf([() => whole("a"), () => whole("b", "c"), () => whole("x", "y", "z")], seen) } });
});

test("D20: a plugin without the feature, and a driver without streams, are caller.unsupported, and get no call", async () => {
  const seen: unknown[] = [];
  const own = driverOf([() => whole("a")], seen);
  const { features: _, ...plain } = OWN;
  await withHost({ plain, old: { ...OWN, comm_type: "old" } }, async (host) => {
    for (const name of ["plain", "old"]) {
      const stream = host.get(name).stream("own.any");
      await assert.rejects(Promise.resolve(stream[Symbol.asyncIterator]().next()), { code: "caller.unsupported", plugin: name });
    }
    assert.deepEqual(seen, []);
  }, {
    drivers: {
      own,
      old: () => ({
        ping: () => Promise.resolve("pong"),
        exec: () => Promise.resolve(new Uint8Array(0)),
        close: () => Promise.resolve(),
      }),
    },
  });
});

for (const wire of STREAM_WIRES) {
  test(`D20: ${wire}: a reload waits for a stream that is open, while new calls go to the new process`, async () => {
    await withStreams(wire, async (handle, host) => {
      const pidOf = async () => JSON.parse(text(await handle.exec("streams.pid")));
      const old = await pidOf();
      const stream = handle.stream("streams.make", make({ parts: 300, bytes: 65_536 }))[Symbol.asyncIterator]();
      assert.equal((await stream.next()).value?.[0], 0);
      let isReloaded = false;
      const reloading = host.reload("streams").then(() => isReloaded = true);
      while (await pidOf() === old);
      for (let i = 1; i < 300; i++) assert.equal((await stream.next()).value?.[0], i % 256);
      assert.equal(isReloaded, false);
      assert.deepEqual(await stream.next(), { done: true, value: undefined });
      await reloading;
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 2 }))), { parts: [0, 1], code: "end" });
    });
  });

  test(`D20: ${wire}: a stream that outlasts the limit of a reload, or a stop, is cut: caller.lost after its parts`, async () => {
    await withStreams(wire, async (handle, host) => {
      const cut = async (act: () => Promise<unknown>) => {
        const stream = handle.stream("streams.make", make({ parts: 2, then: "hang" }), { timeoutMs: Infinity })[Symbol.asyncIterator]();
        for (const number of [0, 1]) assert.equal((await stream.next()).value?.[0], number);
        const lost = assert.rejects(stream.next(), { code: "caller.lost" });
        await Promise.all([lost, act()]);
      };
      await cut(() => host.reload("streams"));
      await cut(() => host.stop("streams"));
      // Its handlers were told, so that it could end by itself.
      const { code, signal } = host.plugins[0]?.lastExit ?? {};
      assert.deepEqual([code, signal], [0, null]);
    }, { timeout: 0.4, stop: { shutdown: 0.3, stdin: 20, term: 1 } });
  });
}

test("D20: a long silent stream is no hang, though the plugin is pinged when it is quiet, and keeps one on demand", async () => {
  for (const keys of [{ ping_interval: 0.1, ping_timeout: 0.3 }, { daemon: false, idle_time: 0.2 }]) {
    await withStreams("socket", async (handle) => {
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 2, waitMs: 700, then: "wait" }))), {
        parts: [0, 1],
        code: "end",
      });
    }, keys);
  }
});

test("D20: a stream holds its place of max_concurrent until it has ended, or is left", async () => {
  await withStreams("socket", async (handle) => {
    const stream = handle.stream("streams.make", make({ parts: 3 }))[Symbol.asyncIterator]();
    await stream.next();
    let isIn = false;
    const waiting = handle.exec("streams.bytes").then(() => isIn = true);
    await assert.rejects(handle.exec("streams.bytes", undefined, { timeoutMs: 150 }), { code: "caller.timeout" });
    assert.equal(isIn, false);
    await stream.return?.();
    await waiting;
    assert.equal((await read(handle.stream("streams.make", make({ parts: 20 })))).code, "end");
    assert.equal((await seenBy(handle)).made, 20);
    assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 1, then: "fail" }))), { parts: [0], code: "streams.broken" });
    assert.deepEqual(await read(handle.stream("streams.refuse")), { parts: [], code: "streams.refused" });
    assert.ok((await endOf(handle)).ended);
  }, { max_concurrent: 1 });
});
