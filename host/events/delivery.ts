/**
 * One try to give an event to a plugin: takes it and the plugin's caller, gives what is to become of it.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { isPluginError, messageOf } from "../../protocol/errors.ts";
import { encodeEvent } from "../../protocol/event.ts";
import { EVENT } from "../../protocol/reserved.ts";
import type { PluginCaller } from "../plugin_caller.ts";
import type { PublishedEvent } from "./published.ts";
import type { Waiting } from "./queue.ts";

/** What is to become of an event that was sent. */
export type Outcome =
  | { readonly kind: "taken" }
  | { readonly kind: "again"; readonly delayMs: number }
  | { readonly kind: "given up"; readonly reason: string };

/** How it is sent. */
export interface DeliveryOptions {
  readonly caller: PluginCaller;
  readonly ackTimeoutMs: number;
  readonly maxAttempts: number;
}

const FIRST_RETRY_MS = 100;
const MOST_RETRY_MS = 5000;

/** Sends it and waits until the plugin has acknowledged it, or will not. */
export async function deliver(waiting: Waiting, { caller, ackTimeoutMs, maxAttempts }: DeliveryOptions): Promise<Outcome> {
  waiting.attempts += 1;
  try {
    await sendEvent(waiting.event, { caller, timeoutMs: ackTimeoutMs, attempt: waiting.attempts });
    return { kind: "taken" };
  } catch (error) {
    return afterFailure(waiting, error, maxAttempts);
  }
}

/** Sends an event once; resolves when it is acknowledged. */
export async function sendEvent(
  { id, topic, from, data }: Omit<PublishedEvent, "kind">,
  { caller, timeoutMs, attempt }: { readonly caller: PluginCaller; readonly timeoutMs: number; readonly attempt: number },
): Promise<Bytes> {
  return await caller.exec(EVENT, encodeEvent({ id, topic, from, attempt, data }), { timeoutMs, retry: "never", requestId: id });
}

function afterFailure(waiting: Waiting, error: unknown, maxAttempts: number): Outcome {
  const code = isPluginError(error) ? error.code : "";
  if (wasNotSent(code)) {
    waiting.attempts -= 1;
    waiting.refused += 1;
  } else {
    waiting.refused = 0;
    if (waiting.attempts >= maxAttempts || isHopeless(code)) {
      return { kind: "given up", reason: isPluginError(error) ? `${code}: ${error.message}` : messageOf(error) };
    }
  }
  const failures = Math.max(1, waiting.attempts + waiting.refused);
  return { kind: "again", delayMs: Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1)) };
}

/** The process was not there, or ended before it read anything: that is no try. */
function wasNotSent(code: string): boolean {
  return code === "caller.refused" || code === "exec.unavailable" || /^(?:host|spawn|ready|verify|config)\./.test(code);
}

/** The next try would end in the same way. */
function isHopeless(code: string): boolean {
  return code === "caller.too_large" || code === "exec.too_large";
}
