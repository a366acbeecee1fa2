/**
 * D20: streams between every two runtimes over every wire: all parts, back-pressure, cancel, an error behind the parts, and a killed plugin.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { keysOf, RUNTIME, RUNTIMES, text, typescriptPlugin, withHost } from "../../support.ts";
import { endOf, make, MOST_ON_THE_WAY, read, stalled, STREAM_WIRES } from "./streaming.ts";

const OTHERS = RUNTIMES.filter((runtime) => runtime !== RUNTIME);

for (const wire of STREAM_WIRES) {
  for (const runtime of OTHERS) {
    test(`D20: ${RUNTIME} host, ${runtime} plugin, ${wire}: streams`, async () => {
      const plugin = { ...typescriptPlugin("tests/fixtures/streams.ts", [], runtime), ...keysOf(wire) };
      await withHost({ streams: plugin }, async (host) => {
        const handle = host.get("streams");
        const { parts, code } = await read(handle.stream("streams.make", make({ parts: 1000, bytes: 2000 })));
        assert.deepEqual([parts, code], [Array.from({ length: 1000 }, (_, i) => i % 256), "end"]);
        const stream = handle.stream("streams.make", make({ bytes: 1024 * 1024 }))[Symbol.asyncIterator]();
        await stream.next();
        const { made } = await stalled(handle);
        assert.ok(made <= MOST_ON_THE_WAY, `${made} parts of 1 MiB were made for one that was read`);
        assert.equal(text(await handle.exec("streams.bytes", new Uint8Array(300_000))), "one part");
        for (let i = 1; i < 50; i++) assert.equal((await stream.next()).value?.[0], i);
        await stream.return?.();
        assert.equal((await endOf(handle)).signal, "exec.cancelled");
        assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 2, then: "fail" }))), {
          parts: [0, 1],
          code: "streams.broken",
        });
        const pid = JSON.parse(text(await handle.exec("streams.pid")));
        const cut = handle.stream("streams.make", make({ parts: 2, then: "hang" }))[Symbol.asyncIterator]();
        for (const number of [0, 1]) assert.equal((await cut.next()).value?.[0], number);
        const lost = assert.rejects(cut.next(), { code: "caller.lost" });
        process.kill(pid, "SIGKILL");
        await lost;
      });
    });
  }
}
