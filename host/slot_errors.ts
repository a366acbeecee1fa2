/**
 * Why a plugin cannot be called, in the words of the state that it is in.
 * @module
 */
import { isPluginError, messageOf, PluginError } from "../protocol/errors.ts";
import type { PluginExit } from "./process/spawn.ts";
import type { PluginState } from "./states.ts";

/**
 * Lets a call through that can be sent now, or after a start.
 * @throws {PluginError} "host.closed", "host.inactive", "host.stopped", "host.crashed".
 */
export function requireCallable(plugin: string, state: PluginState, closed: boolean): void {
  if (closed) throw new PluginError("host.closed", `Plugin "${plugin}" cannot be called: its host was closed`, { plugin });
  if (state.kind === "inactive") {
    const hint = "Remove enabled = false from its configuration";
    throw new PluginError("host.inactive", `Plugin "${plugin}" is not enabled`, { plugin, hint });
  }
  if (state.kind === "stopping" || state.kind === "stopped") throw stoppedError(plugin);
  if (state.kind === "crashed") throw crashedError(plugin, state.reason);
}

/** The error of calls to a plugin that was stopped. */
export function stoppedError(plugin: string, when: string = ""): PluginError {
  const message = `Plugin "${plugin}" was stopped${when === "" ? "" : ` ${when}`}`;
  return new PluginError("host.stopped", message, { plugin, hint: "Start it again with start()" });
}

/** The error of calls to a plugin that has ended too often. */
export function crashedError(plugin: string, reason: PluginError): PluginError {
  const message = `Plugin "${plugin}" was given up, it ended too often: ${reason.message}`;
  const hint = "Its own output says why; start() tries it afresh, and restart in its configuration says how often it is tried";
  return new PluginError("host.crashed", message, { plugin, hint, cause: reason });
}

/** Why a process ended that nobody asked to. */
export function exitReason(plugin: string, exit: PluginExit, state: PluginState): PluginError {
  const last = exit.stderr === "" ? "" : `\n  stderr:\n${exit.stderr.split("\n").map((line) => `    ${line}`).join("\n")}`;
  if (state.kind === "unhealthy") {
    const message = `Plugin "${plugin}" was ended since it gave no right answer to ping: ${state.reason.message}${last}`;
    return new PluginError("host.crashed", message, { plugin, cause: state.reason });
  }
  const how = exit.signal === null ? `exited with code ${exit.code}` : `was ended by ${exit.signal}`;
  return new PluginError("host.crashed", `Plugin "${plugin}" ${how}${last}`, { plugin });
}

/** A driver of the application's own may throw anything. */
export function asPluginError(error: unknown, plugin: string): PluginError {
  return isPluginError(error) ? error : new PluginError("host.crashed", messageOf(error), { plugin, cause: error });
}
