/**
 * Whether a call may be sent again, and when: takes the error of a try and the launch that it went to.
 * @module
 */
import { isPluginError } from "../protocol/errors.ts";
import type { Launch } from "./launch.ts";
import { EXIT_LAG_MS } from "./process/exit_lag.ts";

/** Only what is known not to have run, unless the caller allows more. */
export function mayRetry(error: unknown, retry: "never" | "safe" | "idempotent"): boolean {
  if (!isPluginError(error) || retry === "never") return false;
  if (error.code === "caller.refused" || error.code === "exec.unavailable") return true;
  return retry === "idempotent" && error.code === "caller.lost";
}

/** Who waits for the exit of a launch, until it has exited. */
const EXITS = new WeakMap<Launch, Set<() => void>>();

/** Whether it exits within a moment. */
export function hasExited(launch: Launch): Promise<boolean> {
  const waiting = waitingFor(launch);
  return new Promise((resolve) => {
    const settle = (exited: boolean) => {
      clearTimeout(timer);
      waiting.delete(onExit);
      resolve(exited);
    };
    const onExit = () => settle(true);
    const timer = setTimeout(settle, EXIT_LAG_MS, false);
    waiting.add(onExit);
  });
}

/** Not a `then` on the launch's promise for each who waits: a process that runs for months would keep them all. */
function waitingFor(launch: Launch): Set<() => void> {
  const known = EXITS.get(launch);
  if (known !== undefined) return known;
  const waiting = new Set<() => void>();
  EXITS.set(launch, waiting);
  void launch.exited.then(() => {
    EXITS.delete(launch);
    for (const onExit of waiting) onExit();
  });
  return waiting;
}
