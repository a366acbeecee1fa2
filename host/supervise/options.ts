/**
 * `supervise` of `openHost`: takes an application's own times, which no schema has seen, and puts them over those of the configuration.
 * @module
 */
import { MAX_TIMER_MS } from "../../protocol/deadlines.ts";
import type { SupervisionSpec } from "./supervisor.ts";

/** How plugins are watched, whatever their configuration says. */
export interface SuperviseOptions {
  /** How long nothing may be heard of a plugin before it is pinged; 0 for never. */
  readonly pingIntervalMs?: number;
  /** How long it may take to answer. */
  readonly pingTimeoutMs?: number;
}

/**
 * Refuses what is no time.
 * @throws {RangeError} naming the option.
 */
export function requireTimes(supervision: boolean | SuperviseOptions): void {
  const times = typeof supervision === "object" ? supervision : {};
  for (const [name, ms] of Object.entries(times)) {
    const least = name === "pingIntervalMs" ? 0 : 1;
    if (ms >= least && ms <= MAX_TIMER_MS) continue;
    throw new RangeError(`supervise.${name} must be ${least} to ${MAX_TIMER_MS} milliseconds, not ${ms}`);
  }
}

/** What the configuration says, but for the times that the application has set. */
export function withTimes(spec: SupervisionSpec, supervision: boolean | SuperviseOptions): SupervisionSpec {
  return typeof supervision === "object" ? { ...spec, ...supervision } : spec;
}
