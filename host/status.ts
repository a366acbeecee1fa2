/**
 * What an operator sees of a plugin.
 * @module
 */
import { maskedConfig } from "./config/masked.ts";
import type { PluginExit } from "./process/spawn.ts";
import type { Slot } from "./slot.ts";
import type { PluginState } from "./states.ts";

/** One plugin of a host, as it is now. */
export interface PluginStatus {
  /** Its name in the configuration. */
  readonly name: string;
  /** Its version as it says it itself; absent before its first start, where it does not say, and where it is attached to. */
  readonly version?: string;
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
  /**
   * What it is initialised with; absent when the configuration has no `config`. Secrets are `***`: a text, whole; in a table a value that
   * begins with `env://` or `file://`, an address with a password in it, and whatever stands under a key that names a secret (password,
   * passphrase, secret, token, key, credential, auth, cookie … in any case, in the plural, as a part of `dbPassword` or `api_key`).
   */
  readonly config?: Readonly<Record<string, unknown>> | string;
}

/** The status of a plugin's slot. */
export function statusFromSlot(slot: Slot): PluginStatus {
  const { spec, launch } = slot;
  const { lastExit, restarts, version } = slot.history;
  return {
    name: spec.name,
    ...(version !== undefined && { version }),
    commType: spec.commType,
    ...(launch && launch.wire !== spec.commType && { wire: launch.wire }),
    state: slot.state,
    ...(launch && { startedAt: launch.startedAt, ...(launch.pid !== undefined && { pid: launch.pid }) }),
    restarts,
    ...(lastExit && { lastExit }),
    ...(spec.config !== undefined && { config: maskedConfig(spec.config) }),
  };
}
