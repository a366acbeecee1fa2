/**
 * `deno task bench --guard`: fails when calls between our own two sides have become much dearer than the bare framed socket.
 *
 * Ratios alone, which a slow machine does not change, and about twice what is typical, so that only a real loss is found.
 * @module
 */
import process from "node:process";
import type { Runtimes } from "../../tasks/runtimes.ts";
import { RUNTIMES } from "../support.ts";
import { onOneCore, racerProgram } from "./programs.ts";
import { race, type Racer, withRacers } from "./race.ts";
import { compare, find } from "./ratios.ts";

/** One call in flight: how many times the floor's time. 32: how many times the floor's calls in the same time. */
const BOUNDS = [
  { inFlight: 1, text: "p50 of one call at most 2.5 × the floor's", isKept: (ratio: number) => ratio <= 2.5 },
  { inFlight: 32, text: "with 32 in flight at least 0.2 × the floor's calls", isKept: (ratio: number) => ratio >= 0.2 },
] as const;
const PAYLOAD = 16;
const ROUNDS = { most: 9, least: 9, sliceMs: 30, budgetMs: 0 };
/** Something else may have had the machine: a bound counts as broken when it is each time. */
const TRIES = 5;

/** Whether all bounds are kept; prints a line for each. */
export async function guard(found: Runtimes): Promise<boolean> {
  return await withRacers(RUNTIMES.map((runtime) => onOneCore(racerProgram(runtime, "socket", found))), async (racers) => {
    let isKept = true;
    for (const racer of racers) {
      for (const bound of BOUNDS) isKept = await keeps(racer, bound) && isKept;
    }
    return isKept;
  });
}

async function keeps(racer: Racer, bound: typeof BOUNDS[number]): Promise<boolean> {
  const ratios: number[] = [];
  while (ratios.length < TRIES && !ratios.some(bound.isKept)) ratios.push(await measure(racer, bound.inFlight));
  const isKept = ratios.some(bound.isKept);
  process.stdout.write(
    `${isKept ? "ok  " : "FAIL"} ${racer.name}: ${bound.text}: ${ratios.map((each) => each.toFixed(2)).join(", then ")}\n`,
  );
  return isKept;
}

/** With 32 in flight the better rounds count: a slice that the system interrupts says nothing. */
async function measure(racer: Racer, inFlight: number): Promise<number> {
  const cell = { payload: PAYLOAD, inFlight };
  const measured = await race([racer], cell, ROUNDS);
  const ours = find(measured, { racer: racer.name, lane: "polyplug", ...cell });
  const floor = find(measured, { racer: racer.name, lane: "floor", ...cell });
  return ours === undefined || floor === undefined ? Number.NaN : compare(ours, floor)[inFlight === 1 ? "median" : "high"];
}
