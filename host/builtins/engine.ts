/**
 * What runs a built-in: the plugin's own dispatcher in this thread, or a worker that has one.
 * @module
 */
import type { DriverCaller } from "../../protocol/caller.ts";
import type { PluginExit } from "../process/spawn.ts";

/** A running built-in. */
export interface Engine {
  /** Calls it. */
  readonly driver: DriverCaller;
  /** What it knows of the framework's commands. */
  readonly features: readonly string[];
  /** Resolves when it has ended, asked or not. */
  readonly exited: Promise<PluginExit>;
  /** Refuses new calls and resolves when the open ones have been answered. */
  drain(): Promise<void>;
  /** Ends it at once; calls that are open end with `caller.lost`. */
  end(): Promise<void>;
}

/** How something ended that has neither an exit code nor said a last word. */
export function exitOf(code: number | null, stderr: string = ""): PluginExit {
  return { code, signal: null, at: new Date(), stderr };
}
