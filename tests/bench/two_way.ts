/**
 * What calling back and events cost: the names of what is measured, the figures of one wire on one runtime, and what they come to.
 * @module
 */
import { compare, find, type Measured, type Ratio } from "./ratios.ts";
import type { Cell } from "./race.ts";
import type { WireName } from "./wires.ts";

/** The lanes of two_way_worker.ts: a plain call, one whose handler calls a service of the host, one whose handler calls another plugin. */
export const PLAIN = "a call";
/** A call, and a call of the host within it. */
export const SERVICE = "with a host service";
/** A call, and a call of another plugin within it. */
export const PLUGIN = "with another plugin";
/** One small call at a time. */
export const BACK_CALL: Cell = { payload: 16, inFlight: 1 };
/** How many plugins get each event. */
export const SUBSCRIBERS = 10;
/** Those on which our own plugin is called. */
export const TWO_WAY_WIRES: readonly WireName[] = ["socket", "rest", "connect", "grpc"];

/** One publisher and ten subscribers. */
export interface Events {
  /** Deliveries that were acknowledged in a second, all subscribers together. */
  readonly perSecond: number;
  /** From publish to handler, with one event at a time. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The figures of one wire on one runtime. */
export interface TwoWay {
  readonly calls: Measured;
  readonly events: Events;
}

/** How many times as long as a plain call the call within takes. */
export function withinRatio({ calls }: TwoWay, lane: string): Ratio {
  const at = { racer: calls[0]?.racer ?? "", ...BACK_CALL };
  const [ours, plain] = [find(calls, { ...at, lane }), find(calls, { ...at, lane: PLAIN })];
  if (ours === undefined || plain === undefined) throw new Error(`"${lane}" was not measured`);
  const { median, low, high } = compare(ours, plain);
  return { median: median - 1, low: low - 1, high: high - 1 };
}
