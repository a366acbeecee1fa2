/**
 * Calls within one process as over a wire: takes a `Runner`, gives a `DriverCaller` that copies payloads and answers, keeps the limits,
 * and lets errors through as they would cross. A plugin's handlers are called through one, and call their host through another.
 * @module
 */
import { answerTooLarge, lostError, payloadTooLarge, refusedError } from "../../protocol/call_error.ts";
import { OneListener } from "../../protocol/cancellation.ts";
import type { AttemptOptions, Bytes, DriverCaller } from "../../protocol/caller.ts";
import type { Cancellation, DispatchRequest } from "../../protocol/dispatch.ts";
import { isPluginError, messageOf, type PluginError, withMore } from "../../protocol/errors.ts";
import { wholeTimeoutMs } from "../../protocol/headers.ts";
import { errorFromPeer, type Peer } from "../../protocol/peer_error.ts";
import { createRequestId } from "../../protocol/request_id.ts";
import type { Runner } from "../../protocol/server.ts";

/** Who calls whom. */
export interface LocalCallerOptions extends Peer {
  /** Who calls, when the call itself does not say. */
  readonly from: string;
  /** The largest payload and answer, in bytes. */
  readonly maxPayloadBytes: number;
}

/** Calls a `Runner` of this process. */
export class LocalCaller implements DriverCaller {
  readonly takesGiveUp = true;
  readonly #runner: Runner;
  readonly #options: LocalCallerOptions;
  readonly #open = new Set<LocalCall>();
  #closed = false;

  constructor(runner: Runner, options: LocalCallerOptions) {
    this.#runner = runner;
    this.#options = options;
  }

  ping(): Promise<"pong"> {
    return this.#closed ? Promise.reject(this.#refused()) : Promise.resolve("pong");
  }

  exec(command: string, payload: Uint8Array = EMPTY, options: AttemptOptions = NO_OPTIONS): Promise<Bytes> {
    const { maxPayloadBytes, plugin, from } = this.#options;
    if (this.#closed) return Promise.reject(this.#refused());
    if (payload.length > maxPayloadBytes) {
      return Promise.reject(withMore(payloadTooLarge(command, payload, maxPayloadBytes), { plugin }));
    }
    const call = new LocalCall(command, payload, from, options);
    this.#open.add(call);
    return this.#runner.exec(call).then((bytes) => {
      this.#open.delete(call);
      call.ended();
      if (bytes.length > maxPayloadBytes) throw withMore(answerTooLarge(maxPayloadBytes, bytes.length), { plugin });
      return new Uint8Array(bytes); // Who answered may keep its bytes, and change them.
    }, (error) => {
      this.#open.delete(call);
      call.ended();
      throw this.#explained(error);
    });
  }

  async *stream(command: string, payload: Uint8Array = EMPTY, options: AttemptOptions = NO_OPTIONS): AsyncGenerator<Bytes, void, void> {
    const { maxPayloadBytes, plugin, from } = this.#options;
    if (this.#closed) throw this.#refused();
    if (payload.length > maxPayloadBytes) throw withMore(payloadTooLarge(command, payload, maxPayloadBytes), { plugin });
    const call = new LocalCall(command, payload, from, options);
    this.#open.add(call);
    try {
      for await (const part of this.#partsOf(call)) {
        if (part.length > maxPayloadBytes) throw withMore(answerTooLarge(maxPayloadBytes, part.length), { plugin });
        yield new Uint8Array(part);
      }
    } finally {
      this.#open.delete(call);
      call.ended();
    }
  }

  async *#partsOf(call: LocalCall): AsyncGenerator<Bytes, void, void> {
    try {
      yield* this.#runner.stream(call);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#open) call.abort();
    return Promise.resolve();
  }

  #explained(error: unknown): PluginError {
    const { plugin } = this.#options;
    if (this.#closed) return withMore(lostError("the plugin was ended"), { plugin });
    return isPluginError(error)
      ? errorFromPeer(error.code, error.message, this.#options)
      : errorFromPeer(undefined, messageOf(error), this.#options);
  }

  #refused(): PluginError {
    return withMore(refusedError("The plugin was ended"), { plugin: this.#options.plugin });
  }
}

const EMPTY = new Uint8Array(0);
const NO_OPTIONS: AttemptOptions = {};

/** One call as the dispatcher takes it; the payload is its own. */
class LocalCall extends OneListener implements DispatchRequest {
  readonly command: string;
  readonly payload: Bytes;
  readonly from: string;
  readonly hops: number;
  readonly target: string | undefined;
  readonly traceparent: string | undefined;
  readonly requestId: string;
  readonly timeoutMs: number | undefined;
  #followed: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  constructor(command: string, payload: Uint8Array, from: string, options: AttemptOptions) {
    super();
    this.command = command;
    this.payload = new Uint8Array(payload);
    this.from = options.from ?? from;
    this.hops = options.hops ?? 0;
    this.target = options.target;
    this.traceparent = options.traceparent;
    this.requestId = options.requestId ?? createRequestId();
    this.timeoutMs = wholeTimeoutMs(options.timeoutMs);
    options.onGiveUp?.(() => this.abort());
    if (options.signal !== undefined) this.#follow(options.signal);
  }

  get signal(): Cancellation {
    return this;
  }

  /** Nobody asks for its signal any more. */
  ended(): void {
    if (this.#onAbort !== undefined) this.#followed?.removeEventListener("abort", this.#onAbort);
  }

  #follow(signal: AbortSignal): void {
    this.#followed = signal;
    this.#onAbort = () => this.abort();
    if (signal.aborted) this.abort();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }
}
