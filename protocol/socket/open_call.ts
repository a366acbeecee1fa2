/**
 * A call that the framed socket has received, as the dispatcher takes it.
 * @module
 */
import type { Bytes } from "../caller.ts";
import { MAX_TIMER_MS } from "../deadlines.ts";
import { OneListener } from "../cancellation.ts";
import type { Cancellation, DispatchRequest } from "../dispatch.ts";
import type { ReceivedCall } from "./wire.ts";

/** Where a call was received. */
export interface Receiver {
  /** Whether the bytes of its payload are nobody else's. */
  readonly isOwn: boolean;
  /** Who said hello. */
  readonly host: string;
  /** Whether it is a host that has received it. */
  readonly toHost: boolean;
}

/** A call as the dispatcher takes it, and the signal that nobody waits for it. */
export class OpenCall extends OneListener implements DispatchRequest {
  readonly command: string;
  readonly payload: Bytes;
  readonly hops: number;
  readonly timeoutMs: number | undefined;
  readonly #call: ReceivedCall;
  readonly #host: string;
  readonly #toHost: boolean;
  #requestId: string | undefined;

  constructor(call: ReceivedCall, { isOwn, host, toHost }: Receiver) {
    super();
    this.#call = call;
    this.command = call.command;
    // Not slice(): that of a Buffer shares its memory.
    this.payload = (isOwn ? call.payload : new Uint8Array(call.payload)) as Bytes;
    this.hops = call.hops;
    this.#host = host;
    this.#toHost = toHost;
    this.timeoutMs = call.timeoutMs === 0 || call.timeoutMs > MAX_TIMER_MS ? undefined : call.timeoutMs;
  }

  get requestId(): string {
    return this.#requestId ??= this.#call.requestId || crypto.randomUUID();
  }

  get traceparent(): string | undefined {
    return this.#call.traceparent || undefined;
  }

  get from(): string {
    return (!this.#toHost && this.#call.party) || this.#host;
  }

  get target(): string | undefined {
    return this.#toHost ? this.#call.party || undefined : undefined;
  }

  get signal(): Cancellation {
    return this;
  }
}
