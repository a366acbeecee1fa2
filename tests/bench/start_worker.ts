/**
 * Runs on one runtime: takes `--wire W --rounds N`, starts a plugin and then the smallest server of the same runtime, each until it has
 * answered one call, round after round. Prints one line of JSON, `Starts`.
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { type Host, openHost } from "../../host/mod.ts";
import { configOf, withFolder } from "../support.ts";
import { payloadOf } from "./slice.ts";
import { hasQuickFloor, openFloor, pluginOf, type WireName } from "./wires.ts";

/** Milliseconds of each round; the first round is the first start in that host's life, which loads its code too. */
export interface Starts {
  readonly polyplug: readonly number[];
  readonly bare: readonly number[];
}

const COMMAND = "hello.echo";
const PAYLOAD = payloadOf(16);

async function startPlugin(host: Host): Promise<number> {
  const before = performance.now();
  await (await host.start("bench")).exec(COMMAND, PAYLOAD);
  const total = performance.now() - before;
  await host.stop("bench");
  return total;
}

async function startBare(wire: WireName): Promise<number> {
  const before = performance.now();
  const lane = await openFloor(wire, hasQuickFloor(wire));
  await lane.call(COMMAND, PAYLOAD);
  const total = performance.now() - before;
  await lane.close();
  return total;
}

async function main(wire: WireName, rounds: number, folder: string): Promise<void> {
  const host = await openHost("test", { config: configOf({ bench: pluginOf(wire) }, folder) });
  const starts = { polyplug: [] as number[], bare: [] as number[] };
  try {
    for (let round = 0; round < rounds; round++) {
      starts.polyplug.push(await startPlugin(host));
      starts.bare.push(await startBare(wire));
    }
  } finally {
    await host.close();
  }
  process.stdout.write(`${JSON.stringify(starts satisfies Starts)}\n`);
}

const options = { wire: { type: "string", default: "socket" }, rounds: { type: "string", default: "9" } } as const;
const { values } = parseArgs({ options });
await withFolder((folder) => main(values.wire as WireName, Number(values.rounds), folder));
