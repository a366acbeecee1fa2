/**
 * The plugin counter: counts one further at each call, and keeps where it is in its data folder, so that a process that takes over goes on.
 * @module
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { definePlugin, serve } from "@polyplug/core/plugin";

/** What is kept: how far it has counted, and for which call. */
interface Kept {
  readonly count: number;
  readonly requestId: string;
}

const folder = process.env["POLYPLUG_DATA_DIR"] ?? ".";
const file = join(folder, "count.json");
const text = new TextEncoder();
let kept = read();

function read(): Kept {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(folder, { recursive: true });
    return { count: 0, requestId: "" };
  }
}

/** A rename is whole or has not happened, whenever the process is killed. */
function keep(next: Kept): void {
  writeFileSync(`${file}.new`, JSON.stringify(next));
  renameSync(`${file}.new`, file);
  kept = next;
}

const counter = definePlugin({
  name: "counter",
  version: "1.0.0",
  commands: {
    "counter.value": () => text.encode(String(kept.count)),
    // Each try of a call has the same id: one that was counted before the process died is not counted again.
    "counter.next": (_payload, { requestId }) => {
      if (requestId !== kept.requestId) keep({ count: kept.count + 1, requestId });
      return text.encode(String(kept.count));
    },
  },
});

await serve(counter);
