/**
 * D20: streams from plugin to plugin and from the host's services, through the host.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { Host, PluginHandle } from "../../../host/mod.ts";
import { bytes, keysOf, text, typescriptPlugin, withHost } from "../../support.ts";
import { endOf, MOST_ON_THE_WAY, read, stalled, STREAM_WIRES } from "./streaming.ts";

const GRANTS = { plugins: { b: ["streams.#"] }, services: ["numbers.*"] };

/** Two plugins, of which `a` may call `b`; `door` is how it reaches the host. */
async function withPair(wire: string, door: string, use: (a: PluginHandle, b: PluginHandle, host: Host) => Promise<void>): Promise<void> {
  const a = typescriptPlugin("tests/fixtures/streams.ts", door === "rest" ? ["--rest-back"] : []);
  const b = typescriptPlugin("tests/fixtures/streams.ts");
  const plugins = { a: { ...a, ...keysOf(wire), grants: GRANTS }, b: { ...b, ...keysOf(wire) } };
  await withHost(plugins, async (host) => await use(host.get("a"), host.get("b"), host));
}

const relay = (what: unknown) => bytes(JSON.stringify({ from: "b", ...what as Record<string, unknown> }));

const DOORS = [...STREAM_WIRES.map((wire) => [wire, "socket"] as const), ["socket", "rest"] as const];

for (const [wire, door] of DOORS) {
  test(`D20: plugin to plugin over ${wire}, through the ${door} door: all parts, held up by who does not read, left by who leaves`, async () => {
    await withPair(wire, door, async (a, b) => {
      let count = 0;
      for await (const part of a.stream("streams.relay", relay({ parts: 1000, bytes: 50 }))) {
        assert.deepEqual([part.length, part[0]], [50, count % 256]);
        count += 1;
      }
      assert.equal(count, 1000);
      const stream = a.stream("streams.relay", relay({ bytes: 1024 * 1024 }))[Symbol.asyncIterator]();
      await stream.next();
      const { made } = await stalled(b);
      assert.ok(made <= 3 * MOST_ON_THE_WAY, `${made} parts were made for one that was read`); // There are three ways.
      await stream.return?.();
      assert.equal((await endOf(b)).signal, "exec.cancelled");
    });
  });

  test(`D20: plugin to plugin over ${wire}, through the ${door} door: errors after the parts, and a killed plugin is no end`, async () => {
    await withPair(wire, door, async (a, b) => {
      assert.deepEqual(await read(a.stream("streams.relay", relay({ parts: 3, then: "fail" }))), {
        parts: [0, 1, 2],
        code: "streams.broken",
      });
      assert.deepEqual(await read(a.stream("streams.relay", relay({ command: "streams.refuse" }))), { parts: [], code: "streams.refused" });
      assert.deepEqual(await read(a.stream("streams.relay", relay({ from: "c" }))), { parts: [], code: "exec.not_granted" });
      const pid = JSON.parse(text(await b.exec("streams.pid")));
      const stream = a.stream("streams.relay", relay({ parts: 2, then: "hang" }))[Symbol.asyncIterator]();
      for (const number of [0, 1]) assert.equal((await stream.next()).value?.[0], number);
      // What the host says to `a` is caller.lost; a handler's own code cannot claim to be the host's.
      const lost = assert.rejects(stream.next(), { code: "exec.failed", message: /The connection ended before the answer was complete/ });
      process.kill(pid, "SIGKILL");
      await lost;
    });
  });
}

test("D20: a service of the host may stream too, and hears when the plugin's caller leaves", async () => {
  await withPair("socket", "socket", async (a, _b, host) => {
    const ended = Promise.withResolvers<string>();
    using _service = host.provide("numbers", {
      async *count(_payload, ctx) {
        try {
          for (let i = 0;; i++) yield new Uint8Array([i % 256]);
        } finally {
          ended.resolve(`${ctx.from} ${ctx.signal.aborted}`);
        }
      },
    });
    const parts: number[] = [];
    for await (const part of a.stream("streams.relay", relay({ from: "host", command: "numbers.count" }))) {
      if (parts.push(part[0] ?? -1) === 100) break;
    }
    assert.deepEqual(parts, Array.from({ length: 100 }, (_, i) => i));
    assert.equal(await ended.promise, "a true");
  });
});
