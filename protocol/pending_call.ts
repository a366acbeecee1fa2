/**
 * A call from when it is made until it has settled: takes a deadline and who may give it up, gives one promise.
 *
 * Everything that is called passes here, so this is written to cost little: no timer is armed twice, and no `AbortController` is made
 * that nobody asks for.
 * @module
 */
import type { AttemptOptions, CallOptions, DriverCaller } from "./caller.ts";
import { type Deadline, expireAfter, type Expiring, MAX_TIMER_MS } from "./deadlines.ts";
import type { Cancellation } from "./dispatch.ts";
import { PluginError } from "./errors.ts";
import { isHeaderValue } from "./names.ts";

/** What both sides' calls have in common; its deadline is the only one, so that a driver that ignores its signal cannot hold it. */
export abstract class PendingCall<T> implements Expiring {
  /** Settles once. */
  readonly promise: Promise<T>;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #deadline: Deadline | undefined;
  #controller: AbortController | undefined;
  #followed: Cancellation | undefined;
  #onAbort: (() => void) | undefined;
  #onGiveUp: ((reason: unknown) => void) | undefined;
  #gaveUp: PluginError | undefined;
  #settled = false;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether the caller knows how it ended. */
  get settled(): boolean {
    return this.#settled;
  }

  /** The deadline has passed. */
  abstract expire(): void;

  /** Ends it when the caller's signal fires. */
  protected follow(signal: Cancellation, { what, plugin }: { readonly what: string; readonly plugin?: string }): void {
    const onAbort = () => {
      const named = plugin === undefined ? {} : { plugin };
      this.giveUp(
        new PluginError("caller.aborted", `The call ${what} was aborted`, {
          ...named,
          ...("reason" in signal ? { cause: signal.reason } : {}),
        }),
      );
    };
    this.#followed = signal;
    this.#onAbort = onAbort;
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  }

  /** Ends it after so long; longer than a timer takes is never. */
  protected expireAfter(timeoutMs: number): void {
    if (timeoutMs <= MAX_TIMER_MS) this.#deadline = expireAfter(timeoutMs, this);
  }

  /** Made when somebody asks for it: our own socket never does, and it costs more than the rest of a call. */
  protected get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  /** How a driver hears that nobody waits any more. */
  protected giveUpOptions({ takesGiveUp }: Pick<DriverCaller, "takesGiveUp">): Pick<AttemptOptions, "onGiveUp" | "signal"> {
    if (takesGiveUp !== true) return { signal: this.signal };
    return {
      onGiveUp: (callback) => {
        this.#onGiveUp = callback;
        if (this.#gaveUp !== undefined) callback(this.#gaveUp);
      },
    };
  }

  protected resolve(value: T): void {
    this.#finish();
    this.#resolve(value);
  }

  protected reject(error: unknown): void {
    this.#finish();
    this.#reject(error);
  }

  /** Nobody waits any more. */
  giveUp(error: PluginError): void {
    this.#finish();
    this.#gaveUp = error;
    this.#reject(error);
    this.#controller?.abort(error);
    this.#onGiveUp?.(error);
  }

  #finish(): void {
    this.#settled = true;
    this.#deadline?.cancel();
    if (this.#onAbort !== undefined) this.#followed?.removeEventListener("abort", this.#onAbort);
  }
}

/**
 * A call's deadline in milliseconds.
 * @throws {RangeError} when it is not more than 0.
 */
export function requireTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new RangeError(`timeoutMs must be more than 0, not ${timeoutMs}; Infinity for none`);
}

/** What a call says of itself, checked. */
export function requireHeaders({ requestId, traceparent }: Pick<CallOptions, "requestId" | "traceparent">): void {
  requireHeader("requestId", requestId);
  requireHeader("traceparent", traceparent);
}

function requireHeader(option: string, value: string | undefined): void {
  if (value === undefined || isHeaderValue(value)) return;
  throw new TypeError(`${option} must be 1 to 255 visible ASCII characters, not ${JSON.stringify(value)}`);
}
