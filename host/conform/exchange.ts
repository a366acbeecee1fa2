/**
 * One exchange with the plugin that is being checked: bounds its time, and puts into words why there was no answer. Only an abort rejects.
 * @module
 */
import { isPluginError } from "../../protocol/errors.ts";
import { bounded } from "../bounded.ts";
import { NoAnswer } from "./byte_queue.ts";
import type { HeaderChanges, PeerOptions } from "./peer.ts";

/** A large body gets more time, by this: who takes 16 MiB in hex on a busy machine is slow and not wrong. */
const BYTES_PER_MORE_MS = 1024;

/** What is exchanged. */
export interface Exchange {
  /** What is sent, in one line. */
  readonly sent: string;
  /** How much that is. */
  readonly bytes?: number;
}

/** The answer, or why there is none. */
export type Exchanged<T> = { readonly answer: T } | { readonly answer: undefined; readonly came: string };

/** Runs one exchange; its signal fires when the time is over. */
export async function exchange<T>(
  { sent, bytes = 0 }: Exchange,
  { signal, timeoutMs }: PeerOptions,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<Exchanged<T>> {
  const limits = { timeoutMs: timeoutMs + Math.floor(bytes / BYTES_PER_MORE_MS), ...(signal === undefined ? {} : { signal }) };
  try {
    return { answer: await bounded(sent, "", limits, (_left, bound) => run(bound)) };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof NoAnswer) return { answer: undefined, came: `no answer: ${error.message}` };
    const late = isPluginError(error) && error.code === "caller.timeout";
    if (late) return { answer: undefined, came: `no answer within ${limits.timeoutMs} ms` };
    throw error;
  }
}

/** The headers with changes made to them. */
export function changed(headers: Readonly<Record<string, string>>, changes: HeaderChanges): Record<string, string> {
  const entries = Object.entries({ ...headers, ...changes });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
