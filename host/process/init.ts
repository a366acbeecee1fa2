/**
 * The end of stage 6, init: takes a `Connection` that is trusted, gives the plugin its configuration before any other call.
 * @module
 */
import { isPluginError, PluginError } from "../../protocol/errors.ts";
import { INIT } from "../../protocol/reserved.ts";
import { bounded } from "../bounded.ts";
import { readPluginConfig } from "../config/source.ts";
import type { PluginSpec } from "../discover.ts";
import { EXIT_LAG_MS } from "./exit_lag.ts";
import type { Connection } from "./ready.ts";
import type { PluginExit, RunningProcess } from "./spawn.ts";
import { exitError } from "./start_error.ts";

/** What the call needs to know. */
export interface InitOptions {
  readonly spec: PluginSpec;
  readonly running: Pick<RunningProcess, "exited" | "failure" | "tail">;
  /** What is left of the start limit. */
  readonly timeoutMs: number;
  /** Gives the start up; its reason is the error. */
  readonly signal: AbortSignal;
}

/**
 * Sends `polyplug.init` to a plugin that has the feature.
 * @throws {PluginError} "ready.init" with the plugin's own message, "ready.timeout", "ready.exited", "config.invalid", or the signal's reason.
 */
export async function initPlugin({ driver, features }: Pick<Connection, "driver" | "features">, options: InitOptions): Promise<void> {
  if (!features.includes("init")) return;
  const { spec, running, timeoutMs, signal } = options;
  const answer = bounded(INIT, spec.name, { timeoutMs, signal }, async (left, bound) => {
    const config = await readPluginConfig(spec, bound); // A pipe that nobody writes to would never end.
    return await driver.exec(INIT, config, { signal: bound, timeoutMs: left() });
  });
  const first = await Promise.race([answer, running.exited]).catch(async (error) => {
    // The connection ends a moment before the exit is seen, and the exit says why.
    if (isPluginError(error) && error.code === "caller.lost") return await exitSoon(running) ?? Promise.reject(error);
    throw explained(error, options);
  });
  if (!(first instanceof Uint8Array)) throw exitError(spec, running, first, undefined);
}

async function exitSoon({ exited }: Pick<RunningProcess, "exited">): Promise<PluginExit | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), EXIT_LAG_MS));
  const exit = await Promise.race([exited, late]);
  clearTimeout(timer);
  return exit;
}

function explained(error: unknown, { spec, signal }: InitOptions): unknown {
  if (signal.aborted) return signal.reason;
  if (!isPluginError(error)) return error;
  const { name: plugin, startTimeoutMs } = spec;
  if (error.origin === "plugin") {
    const hint = "Correct config in its configuration";
    const message = `Cannot start plugin "${plugin}": it did not take its configuration: ${error.message}`;
    return new PluginError("ready.init", message, { plugin, hint, cause: error });
  }
  if (error.code !== "caller.timeout") return error;
  const hint = "Raise start_timeout if its init needs longer";
  return new PluginError(
    "ready.timeout",
    `Cannot start plugin "${plugin}": its init did not end within ${startTimeoutMs} ms of the start`,
    {
      plugin,
      hint,
      cause: error,
    },
  );
}
