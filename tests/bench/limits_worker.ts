/**
 * Runs on one runtime: takes `--wire W`, has 16 MiB echoed and 1,000 calls in flight, and prints one line of JSON, `Limits`.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { openHost, type PluginHandle } from "../../host/mod.ts";
import { configOf, withFolder } from "../support.ts";
import { payloadOf } from "./slice.ts";
import { pluginOf, type WireName } from "./wires.ts";

/** What the host's process and its plugin bore. */
export interface Limits {
  /** How much the host's resident memory grew at most, in payloads, from before the payload was made: one call, then ten in turn. */
  readonly peakOfOne: number;
  readonly peakOfTen: number;
  /** Of 1,000 calls at once, those that failed or came back wrong. */
  readonly failures: number;
}

const COMMAND = "hello.echo";
const LARGE = 16 * 1024 * 1024;
const AT_ONCE = 1000;
const SMALL = 1024;
const STATUS = "/proc/self/status";

/** The process's memory in bytes, now or at most since `forgetPeak()`. */
function memory(key: "VmRSS" | "VmHWM"): number {
  return 1024 * Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(readFileSync(STATUS, "utf8"))?.[1]);
}

function forgetPeak(): void {
  writeFileSync("/proc/self/clear_refs", "5");
}

async function measurePeaks(plugin: PluginHandle): Promise<Pick<Limits, "peakOfOne" | "peakOfTen">> {
  for (let i = 0; i < 100; i++) await plugin.exec(COMMAND, payloadOf(16));
  const before = memory("VmRSS");
  forgetPeak();
  const peaks: number[] = [];
  for (let call = 0; call < 10; call++) {
    const answer = await plugin.exec(COMMAND, new Uint8Array(LARGE).fill(call + 1));
    if (answer.length !== LARGE) throw new Error(`${answer.length} bytes came back`);
    peaks.push((memory("VmHWM") - before) / LARGE);
  }
  return { peakOfOne: peaks[0] ?? Number.NaN, peakOfTen: peaks.at(-1) ?? Number.NaN };
}

async function countFailures(plugin: PluginHandle): Promise<number> {
  const answers = await Promise.allSettled(Array.from({ length: AT_ONCE }, async (_, i) => {
    const answer = await plugin.exec(COMMAND, new Uint8Array(SMALL).fill(i));
    if (answer.length !== SMALL || answer.some((byte) => byte !== i % 256)) throw new Error("It came back wrong");
  }));
  return answers.filter(({ status }) => status === "rejected").length;
}

async function main(wire: WireName, folder: string): Promise<void> {
  const host = await openHost("test", { config: configOf({ bench: pluginOf(wire) }, folder) });
  try {
    const plugin = await host.start("bench");
    const peaks = await measurePeaks(plugin);
    process.stdout.write(`${JSON.stringify({ ...peaks, failures: await countFailures(plugin) } satisfies Limits)}\n`);
  } finally {
    await host.close();
  }
}

const { values } = parseArgs({ options: { wire: { type: "string", default: "socket" } } });
await withFolder((folder) => main(values.wire as WireName, folder));
