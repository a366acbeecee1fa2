/**
 * What an operator sees of a plugin.
 * @module
 */
import type { PluginSpec } from "./discover.ts";
import type { PluginExit } from "./process/spawn.ts";
import type { Slot } from "./slot.ts";
import type { PluginState } from "./states.ts";

/** One plugin of a host, as it is now. */
export interface PluginStatus {
  /** Its name in the configuration. */
  readonly name: string;
  /** The wire it is called over. */
  readonly commType: string;
  /** What its calls go over now, where that is another one: `socket`, the framed socket between our own two sides. */
  readonly wire?: string;
  /** Where it is in its life. */
  readonly state: PluginState;
  /** The process that runs now. */
  readonly pid?: number;
  /** Since when it is ready. */
  readonly startedAt?: Date;
  /** How often it was started again after it ended by itself. */
  readonly restarts: number;
  /** How its last process ended. */
  readonly lastExit?: PluginExit;
}

/** The status of a plugin's slot. */
export function statusFromSlot(spec: PluginSpec, slot: Slot): PluginStatus {
  const { launch, lastExit } = slot;
  return {
    name: spec.name,
    commType: spec.commType,
    ...(launch && launch.wire !== spec.commType && { wire: launch.wire }),
    state: slot.state,
    ...(launch && { startedAt: launch.startedAt, ...(launch.pid !== undefined && { pid: launch.pid }) }),
    restarts: slot.restarts,
    ...(lastExit && { lastExit }),
  };
}
