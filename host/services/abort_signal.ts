/**
 * What a wire has in the place of an `AbortSignal`, as one.
 * @module
 */
import type { Cancellation } from "../../protocol/dispatch.ts";

/** Gives the same signal, or one that follows it. */
export function abortSignalOf(cancellation: Cancellation): AbortSignal {
  if (cancellation instanceof AbortSignal) return cancellation;
  const controller = new AbortController();
  if (cancellation.aborted) controller.abort();
  else cancellation.addEventListener("abort", () => controller.abort(), { once: true });
  return controller.signal;
}
