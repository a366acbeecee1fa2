/**
 * What watching plugins costs: the names of what is measured, the figures of one runtime, and the ratio that they come to.
 * @module
 */
import { compare, find, type Measured, type Ratio } from "./ratios.ts";
import type { Cell, Figures } from "./race.ts";

/** The lanes of supervise_worker.ts: two hosts, each with a plugin process of its own. */
export const WATCHED = "supervise: true";
/** The other one. */
export const UNWATCHED = "supervise: false";
/** One small call at a time shows best what is added to it. */
export const WATCHED_CALL: Cell = { payload: 16, inFlight: 1 };
/** How many plugins idle_worker.ts watches. */
export const IDLE_PLUGINS = 100;

/** What a host bears for plugins that nobody calls. */
export interface Idle {
  /** Of one core, while it only watches. */
  readonly percentOfCore: number;
  /** By how much each further plugin makes its resident memory grow. */
  readonly kibPerPlugin: number;
}

/** The figures of one runtime. */
export interface Supervision {
  readonly calls: Measured;
  readonly idle: Idle;
}

/** The figures of one of the two lanes. */
export function laneOf({ calls }: Supervision, lane: string): Figures {
  const found = find(calls, { racer: calls[0]?.racer ?? "", lane, ...WATCHED_CALL });
  if (found === undefined) throw new Error(`"${lane}" was not measured`);
  return found;
}

/** How many times as long a call takes when its plugin is watched. */
export function watchedRatio(supervision: Supervision): Ratio {
  return compare(laneOf(supervision, WATCHED), laneOf(supervision, UNWATCHED));
}
