/**
 * D20: many streams at once, each read, left, aborted or failed at a seeded moment: each ends as it must, and nothing is left open.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PluginHandle } from "../../../host/mod.ts";
import { text } from "../../support.ts";
import { make, read, STREAM_WIRES, withStreams } from "./streaming.ts";

const STREAMS = 120;

/** One stream, and whether it ended as it must. */
async function runOne(handle: PluginHandle, next: (below: number) => number): Promise<string> {
  const parts = next(40);
  const size = 1 + next(3) * 20_000;
  const way = next(4);
  if (way === 0) {
    const { parts: came, code } = await read(handle.stream("streams.make", make({ parts, bytes: size })));
    return `${came.length === parts ? "whole" : `${came.length} of ${parts}`} ${code}`;
  }
  if (way === 1) {
    const { parts: came, code } = await read(handle.stream("streams.make", make({ parts, bytes: size, then: "fail" })));
    return `${came.length === parts ? "whole" : `${came.length} of ${parts}`} ${code}`;
  }
  const controller = new AbortController();
  const stream = handle.stream("streams.make", make({ parts, bytes: size }), { signal: controller.signal })[Symbol.asyncIterator]();
  for (let i = next(parts + 1); i > 0; i--) await stream.next();
  if (way === 2) return `left ${(await stream.return?.())?.done}`;
  if (next(2) === 0) setImmediate(() => controller.abort());
  else controller.abort();
  try {
    while ((await stream.next()).done !== true);
    return "aborted late";
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}

const RIGHT = new Set(["whole end", "whole streams.broken", "left true", "aborted late", "caller.aborted"]);

for (const wire of STREAM_WIRES) {
  test(`D20: ${wire}: ${STREAMS} streams at once, read, left, aborted and failed, end as they must, and calls go on`, async () => {
    await withStreams(wire, async (handle, host) => {
      const pid = text(await handle.exec("streams.pid"));
      let seed = 7;
      const next = (below: number) => Math.floor((seed = (seed * 16_807) % (2 ** 31 - 1)) / 1000) % below;
      const ends = await Promise.all(Array.from({ length: STREAMS }, () => runOne(handle, next)));
      assert.deepEqual(ends.filter((end) => !RIGHT.has(end)), []);
      for (const end of ["whole end", "whole streams.broken", "left true", "caller.aborted"]) assert.ok(ends.includes(end), end);
      assert.equal(text(await handle.exec("streams.pid")), pid);
      // Waits for every stream that is open: none is.
      await host.reload("streams");
      assert.equal(text(await handle.exec("streams.bytes")), "one part");
    }, { timeout: 20 });
  });
}
