/**
 * Row C16: 100 MB of output cost no memory and keep no call waiting, with an `onLog` that is fast, slow or broken.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { PluginLog } from "../../../host/mod.ts";
import { languageSkip } from "../../languages.ts";
import { bytes, measureLagMs, pythonPlugin, text, withHost } from "../../support.ts";

const skip = languageSkip("python");
const writes = pythonPlugin("tests/fixtures/process/writes.py");
const MIB = 1024 * 1024;

/** What was seen while a plugin wrote. */
interface Flood {
  readonly records: number;
  /** By how much the memory of this process had grown at most. */
  readonly grownBytes: number;
  /** How long each call took that was made meanwhile. */
  readonly callsMs: readonly number[];
}

/** Lets a plugin write 100 MiB, after 30 by which the heap has taken its size, and calls it all the time. */
async function flood(onLog: (record: PluginLog) => void): Promise<Flood> {
  let records = 0;
  const count = (record: PluginLog) => {
    if (record.values["stream"] === "stderr") records += 1;
    onLog(record);
  };
  return await withHost({ writes }, async (host) => {
    const handle = host.get("writes");
    const write = async (mebibytes: number) => {
      const before = process.memoryUsage().rss;
      const callsMs: number[] = [];
      let most = before;
      const wanted = records + mebibytes * 1024;
      await handle.exec("test.flood", bytes(String(mebibytes)));
      for (let isWriting = true; isWriting || records < wanted;) {
        const started = performance.now();
        isWriting = text(await handle.exec("test.flooding")) === "yes";
        callsMs.push(performance.now() - started);
        most = Math.max(most, process.memoryUsage().rss);
      }
      return { grownBytes: most - before, callsMs };
    };
    await write(30);
    records = 0;
    const { grownBytes, callsMs } = await write(100);
    return { records, grownBytes, callsMs };
  }, { onLog: count });
}

/** Takes as long as a slow terminal. */
function dawdle(): void {
  const until = performance.now() + 0.02;
  while (performance.now() < until);
}

const takers: readonly [what: string, onLog: () => void][] = [["fast", () => {}], ["slow", dawdle]];

for (const [what, onLog] of takers) {
  test(`C16: 100 MB of output are records, none kept and no call late, when onLog is ${what}`, { skip }, async () => {
    const lagMs = await measureLagMs();
    const { records, grownBytes, callsMs } = await flood(onLog);
    assert.equal(records, 100 * 1024);
    assert.ok(grownBytes < 64 * MIB, `${Math.round(grownBytes / MIB)} MiB more`);
    assert.ok(callsMs.length > 10, `${callsMs.length} calls were answered meanwhile`);
    assert.ok(Math.max(...callsMs) < 500 + 10 * lagMs, `${Math.max(...callsMs)} ms`);
  });
}
