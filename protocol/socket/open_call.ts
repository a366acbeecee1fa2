/**
 * A call that the framed socket has received, as the dispatcher takes it.
 * @module
 */
import type { Bytes } from "../caller.ts";
import { MAX_TIMER_MS } from "../deadlines.ts";
import { OneListener } from "../cancellation.ts";
import type { Cancellation, DispatchRequest } from "../dispatch.ts";
import type { ReceivedCall } from "./wire.ts";

/** A call as the dispatcher takes it, and the signal that nobody waits for it. */
export class OpenCall extends OneListener implements DispatchRequest {
  readonly command: string;
  readonly payload: Bytes;
  readonly from: string;
  readonly timeoutMs: number | undefined;
  readonly #call: ReceivedCall;
  #requestId: string | undefined;

  constructor(call: ReceivedCall, isOwn: boolean, from: string) {
    super();
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
}
