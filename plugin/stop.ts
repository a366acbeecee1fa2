/**
 * What ends a plugin from outside: a signal, or the end of a stdin that was a pipe, which is how a host that died is noticed.
 * @module
 */
import { fstatSync } from "node:fs";
import process from "node:process";

/** How long the author's own clean-up after `finished` may take before the process is ended. */
const CLEANUP_MS = 1000;

/**
 * Calls `stop` at SIGTERM, at SIGINT, and when stdin ends; a second signal ends the process at once.
 * @returns a function that takes the watch off.
 */
function watchForStop(stop: () => void): () => void {
  const signals = ["SIGTERM", "SIGINT"] as const;
  const unwatch = () => {
    // Without a listener the next signal has its default effect.
    for (const signal of signals) process.off(signal, onStop);
    process.stdin.off("end", onStop);
    process.stdin.pause();
    process.stdin.unref?.();
  };
  const onStop = () => {
    unwatch();
    stop();
  };
  for (const signal of signals) process.on(signal, onStop);
  if (stdinIsPipe()) process.stdin.on("end", onStop).resume();
  return unwatch;
}

/** Lets the author's own signal end the plugin, else the process's signals and the end of stdin; gives what takes the watch off. */
export function watchUntil(signal: AbortSignal | undefined, stop: () => void): () => void {
  if (signal === undefined) return watchForStop(stop);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  return () => signal.removeEventListener("abort", stop);
}

/** Ends the process once its work is done, even when a timer or socket of the author's would keep it. */
export function endProcess(): void {
  setTimeout(() => process.exit(), CLEANUP_MS).unref();
}

/** goplugin's host gives /dev/null, which ends at once and means nothing. */
function stdinIsPipe(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false; // A closed stdin tells as little as /dev/null.
  }
}
