/**
 * When a plugin that ended by itself is started again: takes the times of its ends, gives the delay, or that it was too often.
 * @module
 */

/** `restart` of the configuration, in milliseconds. */
export interface RestartPolicy {
  /** How many restarts within `windowMs`; 0 for never. */
  readonly max: number;
  readonly windowMs: number;
  /** Before the second restart within the window; the first is immediate, later ones wait twice as long each. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/** So much of a delay is left to chance, so that plugins that ended together do not start together. */
const JITTER = 0.2;

/** Those of the ends that still count. */
export function recentEnds(ends: readonly number[], now: number, { windowMs }: RestartPolicy): readonly number[] {
  return ends.filter((at) => now - at < windowMs);
}

/** Milliseconds until the restart after so many ends; `undefined` when there were too many. `random` is from 0 to 1. */
export function restartDelayMs(ends: number, random: number, { max, minDelayMs, maxDelayMs }: RestartPolicy): number | undefined {
  if (ends > max) return undefined;
  if (ends <= 1) return 0;
  const delayMs = Math.min(maxDelayMs, minDelayMs * 2 ** (ends - 2));
  return delayMs * (1 - JITTER * random);
}
