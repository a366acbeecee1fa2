/**
 * Compares what was measured side by side: takes two lanes' figures, gives their ratio with its spread between the rounds.
 * @module
 */
import type { Figures } from "./race.ts";
import { median, type Slice } from "./slice.ts";

/** The median of the rounds' ratios, not the ratio of the medians, and what half of the rounds lie between. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** One lane in one cell. */
export interface Where {
  readonly racer: string;
  readonly lane: string;
  readonly payload: number;
  readonly inFlight: number;
}

/** The figures of one wire, by where they were measured. */
export type Measured = readonly Figures[];

/** The median of one figure over the rounds. */
export function typical({ slices }: Figures, key: keyof Slice): number {
  return median(slices.map((slice) => slice[key]));
}

/** Calls in a second. */
export function rateOf(figures: Figures): number {
  return 1e6 / typical(figures, "callUs");
}

/** The figures of a lane, if it was measured. */
export function find(measured: Measured, { racer, lane, payload, inFlight }: Where): Figures | undefined {
  return measured.find((each) => each.racer === racer && each.lane === lane && each.payload === payload && each.inFlight === inFlight);
}

/** With one call in flight how much longer it takes, with several how many more are made in the same time. */
export function compare(ours: Figures, other: Figures): Ratio {
  const pairs = ours.slices.flatMap((slice, round) => other.slices[round] === undefined ? [] : [[slice, other.slices[round]] as const]);
  const isTime = ours.inFlight === 1;
  return ratioOf(pairs.map(([a, b]) => isTime ? a.p50Us / b.p50Us : b.callUs / a.callUs));
}

/** The spread of values that are one for each round. */
export function ratioOf(values: readonly number[]): Ratio {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN;
  return { median: median(values), low: at(0.25), high: at(0.75) };
}
