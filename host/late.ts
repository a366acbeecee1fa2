/**
 * What it means that a deadline has passed.
 * @module
 */
import { isPluginError, PluginError } from "../protocol/errors.ts";

/** Both sides keep the same deadline, each by its own timer; which of them fires first must not change the error. */
const TIMEOUT_SPREAD_MS = 50;

/** Whether the plugin gave the call up by the deadline that it was told, about when it passed here (`deadline`, of `performance.now()`). */
export function isLateAnswer(error: unknown, deadline: number): boolean {
  const isOwn = isPluginError(error) && error.code === "exec.timeout" && error.origin === "plugin";
  return isOwn && deadline - performance.now() < TIMEOUT_SPREAD_MS;
}

/** The error of a deadline that has passed; its cause is why the call had been sent again, if it was. */
export function timeoutError(what: string, plugin: string, timeoutMs: number, cause?: unknown): PluginError {
  const hint = "Raise timeoutMs for this call, or timeout in the plugin's configuration";
  return new PluginError("caller.timeout", `The call ${what} was not answered within ${timeoutMs} ms`, { plugin, hint, cause });
}
