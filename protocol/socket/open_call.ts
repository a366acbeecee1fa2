/**
 * A call that the framed socket has received, as the dispatcher takes it.
 * @module
 */
import type { Bytes } from "../caller.ts";
import { MAX_TIMER_MS } from "../deadlines.ts";
import type { Cancellation, DispatchRequest } from "../dispatch.ts";
import type { ReceivedCall } from "./wire.ts";

/** A call as the dispatcher takes it, and the signal that nobody waits for it: one listener is all that it has. */
export class OpenCall implements DispatchRequest, Cancellation {
  readonly command: string;
  readonly payload: Bytes;
  readonly from: string;
  readonly timeoutMs: number | undefined;
  aborted = false;
  readonly #call: ReceivedCall;
  #requestId: string | undefined;
  #listener: (() => void) | undefined;

  constructor(call: ReceivedCall, isOwn: boolean, from: string) {
    this.#call = call;
    this.command = call.command;
    // Not slice(): that of a Buffer shares its memory.
    this.payload = (isOwn ? call.payload : new Uint8Array(call.payload)) as Bytes;
    this.from = from;
    this.timeoutMs = call.timeoutMs === 0 || call.timeoutMs > MAX_TIMER_MS ? undefined : call.timeoutMs;
  }

  get requestId(): string {
    return this.#requestId ??= this.#call.requestId || crypto.randomUUID();
  }

  get signal(): Cancellation {
    return this;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }

  abort(): void {
    this.aborted = true;
    this.#listener?.();
  }
}
