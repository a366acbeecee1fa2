/**
 * Runs on one runtime: takes nothing, gives as JSON what a call of a built-in costs beside the bare function that it runs.
 * @module
 */
import process from "node:process";
import { openHost } from "../../host/mod.ts";
import { configOf, withFolder } from "../support.ts";
import { echo } from "./echo_plugin.ts";

/** Microseconds for one call of 16 bytes, one after the other: in the middle of the rounds. */
export interface BuiltinCosts {
  readonly bareUs: number;
  readonly inProcessUs: number;
  readonly workerUs: number;
}

const COMMAND = "hello.echo";
const ROUNDS = 11;
const SLICE_MS = 100;

type Call = (payload: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

async function slice(call: Call): Promise<number> {
  const payload = new Uint8Array(16);
  const started = performance.now();
  let calls = 0;
  let now = started;
  for (; now - started < SLICE_MS; now = performance.now()) {
    for (let at = 0; at < 100; at++) await call(payload);
    calls += 100;
  }
  return (now - started) / calls * 1000;
}

/** The lanes take turns, so that what else the machine does meets all of them. */
async function race(lanes: readonly Call[]): Promise<readonly number[]> {
  const rounds: number[][] = lanes.map(() => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [at, call] of lanes.entries()) {
      const us = await slice(call);
      if (round > 0) rounds[at]?.push(us); // The first is for the compiler.
    }
  }
  return rounds.map((all) => all.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN);
}

async function main(folder: string): Promise<void> {
  const worker = new URL("./echo_plugin.ts", import.meta.url);
  await using host = await openHost("test", { config: configOf({}, folder), builtins: { inside: echo, beside: { worker } } });
  const [inside, beside] = [await host.start("inside"), await host.start("beside")];
  const bare = echo.commands[COMMAND];
  const [bareUs = 0, inProcessUs = 0, workerUs = 0] = await race([
    (payload) => Promise.resolve(bare(payload)),
    (payload) => inside.exec(COMMAND, payload),
    (payload) => beside.exec(COMMAND, payload),
  ]);
  const costs: BuiltinCosts = { bareUs, inProcessUs, workerUs };
  process.stdout.write(`${JSON.stringify(costs)}\n`);
}

await withFolder(main);
