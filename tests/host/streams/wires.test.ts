/**
 * D20: streams over every wire: all parts in their order, back-pressure, cancel, errors, and a plugin that is killed meanwhile.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { PluginHandle } from "../../../host/mod.ts";
import { text } from "../../support.ts";
import { endOf, make, MOST_ON_THE_WAY, read, seenBy, stalled, STREAM_WIRES, withStreams } from "./streaming.ts";

const MIB = 1024 * 1024;

/** Reads a stream and checks each part. */
async function readAll(handle: PluginHandle, parts: number, bytes: number): Promise<number> {
  let count = 0;
  for await (const part of handle.stream("streams.make", make({ parts, bytes }))) {
    assert.equal(part.length, bytes);
    assert.ok(part.every((byte) => byte === count % 256));
    count += 1;
  }
  return count;
}

for (const wire of STREAM_WIRES) {
  test(`D20: ${wire}: 1,000 parts come in their order, with the right bytes`, async () => {
    await withStreams(wire, async (handle) => {
      assert.equal(await readAll(handle, 1000, 100), 1000);
      assert.equal(await readAll(handle, 7, 300_000), 7);
      assert.equal(await readAll(handle, 3, 0), 3);
      assert.equal(await readAll(handle, 0, 1), 0);
      const counts = await Promise.all(Array.from({ length: 10 }, (_, i) => read(handle.stream("streams.bytes", make({ parts: i })))));
      assert.ok(counts.every(({ parts, code }) => parts.length === 1 && code === "end"));
    });
  });

  test(`D20: ${wire}: bytes are one part; a stream is refused to who asks for one answer; what fails at once has its code`, async () => {
    await withStreams(wire, async (handle) => {
      const parts: string[] = [];
      for await (const part of handle.stream("streams.bytes")) parts.push(text(part));
      assert.deepEqual(parts, ["one part"]);
      await assert.rejects(handle.exec("streams.make", make({})), { code: "exec.bad_request", message: /call it with stream\(\)/ });
      assert.deepEqual(await read(handle.stream("streams.refuse")), { parts: [], code: "streams.refused" });
      assert.deepEqual(await read(handle.stream("streams.absent")), { parts: [], code: "exec.unknown_command" });
      assert.deepEqual(await read(handle.stream("polyplug.info")), {
        parts: [],
        code: 'TypeError: The command "polyplug.info" cannot be sent: "polyplug." belongs to the framework',
      });
    });
  });

  test(`D20: ${wire}: who does not read holds the producer up, other calls go on, and memory stays flat`, async () => {
    await withStreams(wire, async (handle) => {
      const before = process.memoryUsage().rss;
      const stream = handle.stream("streams.make", make({ bytes: MIB }))[Symbol.asyncIterator]();
      assert.equal((await stream.next()).value?.length, MIB);
      const { made } = await stalled(handle);
      assert.ok(made <= MOST_ON_THE_WAY, `${made} parts of 1 MiB were made for one that was read`);
      assert.equal(text(await handle.exec("streams.bytes", new Uint8Array(300_000))), "one part");
      for (let i = 1; i < 100; i++) assert.equal((await stream.next()).value?.[0], i);
      const grown = process.memoryUsage().rss - before;
      assert.ok(grown < 150 * MIB, `memory has grown by ${Math.round(grown / MIB)} MiB while 100 MiB were read`);
      assert.ok((await stalled(handle)).made <= 100 + MOST_ON_THE_WAY);
      await stream.return?.();
      assert.ok((await endOf(handle)).ended);
    });
  });

  test(`D20: ${wire}: leaving the loop, a signal and a deadline reach the handler: its finally runs and its signal fires`, async () => {
    await withStreams(wire, async (handle) => {
      for await (const part of handle.stream("streams.make", make({}))) if (part[0] === 3) break;
      assert.equal((await endOf(handle)).signal, "exec.cancelled");

      const controller = new AbortController();
      const parts: number[] = [];
      const reading = (async () => {
        for await (const part of handle.stream("streams.make", make({ parts: 2, then: "hang" }), { signal: controller.signal })) {
          parts.push(part[0] ?? -1);
          if (parts.length === 2) queueMicrotask(() => controller.abort());
        }
      })();
      await assert.rejects(reading, { code: "caller.aborted", plugin: "streams" });
      assert.deepEqual(parts, [0, 1]);
      const { signal, runs } = await endOf(handle);
      assert.deepEqual([signal, runs], ["exec.cancelled", 2]);

      const idle = handle.stream("streams.make", make({ parts: 2, then: "hang" }), { timeoutMs: 300 });
      assert.deepEqual(await read(idle), { parts: [0, 1], code: "caller.timeout" });
      assert.equal((await endOf(handle)).signal, "exec.cancelled");

      const never = handle.stream("streams.make", make({ parts: 0, then: "hang" }), { timeoutMs: 300 });
      assert.deepEqual(await read(never), { parts: [], code: "caller.timeout" });
      assert.equal((await endOf(handle)).runs, 4);
    });
  });

  test(`D20: ${wire}: a stream that was given up before it is read, or that nobody reads, runs nothing`, async () => {
    await withStreams(wire, async (handle) => {
      const unread = handle.stream("streams.make", make({}));
      assert.deepEqual(await read(handle.stream("streams.make", make({}), { signal: AbortSignal.abort() })), {
        parts: [],
        code: "caller.aborted",
      });
      assert.deepEqual(await unread[Symbol.asyncIterator]().return?.(), { done: true, value: undefined });
      assert.equal((await seenBy(handle)).runs, 0);
    });
  });

  test(`D20: ${wire}: an error in the middle comes after the parts before it, and a part that is none is exec.failed`, async () => {
    await withStreams(wire, async (handle) => {
      const failing = handle.stream("streams.make", make({ parts: 40, then: "fail" }))[Symbol.asyncIterator]();
      for (let i = 0; i < 40; i++) assert.equal((await failing.next()).value?.[0], i);
      await assert.rejects(failing.next(), { code: "streams.broken", message: "in the middle", origin: "plugin", plugin: "streams" });
      assert.deepEqual(await failing.next(), { done: true, value: undefined });
      const { parts, code } = await read(handle.stream("streams.make", make({ parts: 3, then: "wrong" })));
      assert.deepEqual([parts, code], [[0, 1, 2], "exec.failed"]);
      assert.ok((await endOf(handle)).ended);
    });
  });

  test(`D20: ${wire}: a plugin that is killed in the middle gives caller.lost after the parts, never an end`, async () => {
    await withStreams(wire, async (handle) => {
      const pid = JSON.parse(text(await handle.exec("streams.pid")));
      const stream = handle.stream("streams.make", make({ parts: 2, then: "hang" }))[Symbol.asyncIterator]();
      for (const number of [0, 1]) assert.equal((await stream.next()).value?.[0], number);
      const third = assert.rejects(stream.next(), { code: "caller.lost", plugin: "streams" });
      process.kill(pid, "SIGKILL");
      await third;
      // One that ends itself has sent as much as it had time for.
      assert.equal((await read(handle.stream("streams.make", make({ parts: 3, then: "exit" })))).code, "caller.lost");
    });
  });

  test(`D20: ${wire}: a part over the limit is caller.too_large, after those before it, and other calls go on`, async () => {
    await withStreams(wire, async (handle) => {
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 3, bytes: 1025 }))), { parts: [], code: "caller.too_large" });
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 3, bytes: 300_000 }))), {
        parts: [],
        code: "caller.too_large",
      });
      assert.equal((await endOf(handle)).ended, true);
      assert.deepEqual(await read(handle.stream("streams.make", make({ parts: 3, bytes: 1024 }))), { parts: [0, 1, 2], code: "end" });
      assert.deepEqual(await read(handle.stream("streams.make", new Uint8Array(2000))), { parts: [], code: "caller.too_large" });
    }, { max_payload: 1024 });
  });
}
