/**
 * Runs on one runtime and measures one wire: takes `--wire W --payload BYTES --in-flight N`, prints one line of JSON for each result.
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Host, openHost } from "../../host/mod.ts";
import { configOf, text } from "../support.ts";
import { compare, type Cost, median, warmUp } from "./measure.ts";
import { isOurPlugin, openFloor, pluginOf, type WireName } from "./wires.ts";

/** One cell of the table. */
export interface Cell extends Cost {
  readonly payload: number;
  readonly inFlight: number;
}

/** A line of the output. */
export type Line = { readonly cell: Cell } | { readonly readyMs: number };

const COMMAND = "hello.echo";
const STARTS = 5;
const SEED = 7;

/** Bytes that look random, and are the same in every run. */
function bytesOf(size: number): Uint8Array {
  let state = SEED;
  return new Uint8Array(size).map(() => state = (state * 1103515245 + 12345) & 0x7fffffff);
}

/** The time from listening to being ready in the host, in milliseconds: the median of a few starts. */
async function measureReady(host: Host): Promise<number> {
  const waits: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    await host.stop("bench");
    await host.start("bench");
    const at = performance.timeOrigin + performance.now();
    waits.push(at - Number(text(await host.get("bench").exec("bench.listened_at"))));
  }
  return median(waits);
}

function print(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function main(wire: WireName, payloads: readonly number[], inFlights: readonly number[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "polyplug-bench-"));
  const host = await openHost("test", { config: configOf({ bench: pluginOf(wire) }, folder) });
  try {
    const floor = await openFloor(wire);
    const plugin = host.get("bench");
    const ours = (bytes: Uint8Array) => plugin.exec(COMMAND, bytes);
    const bare = (bytes: Uint8Array) => floor.call(COMMAND, bytes);
    try {
      await warmUp(ours, bare, bytesOf(16));
      for (const payload of payloads) {
        for (const inFlight of inFlights) {
          print({ cell: { payload, inFlight, ...await compare(ours, bare, bytesOf(payload), inFlight) } });
        }
      }
    } finally {
      await floor.close();
    }
    if (isOurPlugin(wire)) print({ readyMs: await measureReady(host) });
  } finally {
    await host.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const many = { type: "string", multiple: true } as const;
const { values } = parseArgs({ options: { wire: { type: "string" }, payload: many, "in-flight": many } });
await main(values.wire as WireName, values.payload?.map(Number) ?? [], values["in-flight"]?.map(Number) ?? []);
