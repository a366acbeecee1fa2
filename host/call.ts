/**
 * One call: takes a `Slot`, gives a `Caller` with a deadline on every call, and sends again only what is known not to have run.
 *
 * Everything that an application calls passes here, so this is written to cost little: no timer is armed twice, and nothing is awaited
 * that is there already.
 * @module
 */
import {
  type AttemptOptions,
  type Bytes,
  type Caller,
  type CallOptions,
  DEFAULT_TIMEOUT_MS,
  type DriverCaller,
} from "../protocol/caller.ts";
import { isPluginError, PluginError } from "../protocol/errors.ts";
import { isHeaderValue } from "../protocol/names.ts";
import { createRequestId } from "../protocol/request_id.ts";
import { isReserved } from "../protocol/reserved.ts";
import { type Deadline, expireAfter, type Expiring, MAX_TIMER_MS } from "../protocol/deadlines.ts";
import { isLateAnswer, timeoutError } from "./late.ts";
import type { Launch } from "./launch.ts";
import type { Place, Waiter } from "./limit.ts";
import { hasExited, mayRetry } from "./retry.ts";
import type { Slot } from "./slot.ts";

/** Sends a call once, on the driver of a launch. */
type Send<T> = (driver: DriverCaller, options: AttemptOptions) => Promise<T>;

/** Makes the caller of one plugin. */
export function createCaller(plugin: string, slot: Slot): Caller {
  const target = { plugin, slot };
  return {
    ping: (options = NO_OPTIONS) => new Call("ping", options, target, sendPing).promise,
    exec: (command, payload, options = NO_OPTIONS): Promise<Bytes> => {
      const send: Send<Bytes> = (driver, attemptOptions) => driver.exec(command, payload, attemptOptions);
      return new Call(command, options, target, send).promise;
    },
  };
}

const NO_OPTIONS: CallOptions = {};
const sendPing: Send<"pong"> = (driver, options) => driver.ping(options);

interface Target {
  readonly plugin: string;
  readonly slot: Slot;
}

/** A call from when it is made until it has settled; its deadline is the only one, so that a driver that ignores its signal cannot hold it. */
class Call<T> implements Expiring, Waiter {
  readonly promise: Promise<T>;
  readonly #what: string;
  readonly #options: CallOptions;
  readonly #target: Target;
  readonly #send: Send<T>;
  readonly #timeoutMs: number;
  readonly #endsAt: number;
  readonly #requestId: string;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #deadline: Deadline | undefined;
  #controller: AbortController | undefined;
  #onAbort: (() => void) | undefined;
  #onGiveUp: ((reason: unknown) => void) | undefined;
  /** Where `max_concurrent` lets it run; held through all tries. */
  #place: Place | undefined;
  #launch: Launch | undefined;
  /** How many answers there had been on the launch when the call was sent. */
  #answers = 0;
  #attempt = 0;
  #lastFailure: unknown;
  #gaveUp: PluginError | undefined;
  #settled = false;

  constructor(what: string, options: CallOptions, target: Target, send: Send<T>) {
    this.#what = what;
    this.#options = options;
    this.#target = target;
    this.#send = send;
    this.#timeoutMs = requireTimeout(options.timeoutMs ?? target.slot.spec.timeoutMs);
    requireHeader("requestId", options.requestId);
    requireHeader("traceparent", options.traceparent);
    this.#requestId = options.requestId ?? createRequestId();
    this.#endsAt = performance.now() + this.#timeoutMs;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (options.signal !== undefined) this.#follow(options.signal);
    if (this.#settled) return;
    if (this.#timeoutMs <= MAX_TIMER_MS) this.#deadline = expireAfter(this.#timeoutMs, this);
    if (target.slot.spec.maxConcurrent === undefined) this.#try();
    else this.#enter();
  }

  /** Its turn has come. */
  admit(): void {
    this.#try();
  }

  /** Its turn will not come. */
  refuse(error: PluginError): void {
    this.#fail(error);
  }

  /** The deadline has passed. */
  expire(): void {
    this.#giveUp(timeoutError(this.#name, this.#target.plugin, this.#timeoutMs, this.#lastFailure));
    if (this.#launch !== undefined) this.#target.slot.overdue(this.#launch, this.#answers);
  }

  #follow(signal: AbortSignal): void {
    const onAbort = () => {
      const { plugin } = this.#target;
      this.#giveUp(new PluginError("caller.aborted", `The call ${this.#name} was aborted`, { plugin, cause: signal.reason }));
    };
    this.#onAbort = onAbort;
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  }

  /** Waits for its turn; the framework's own calls need none. */
  #enter(): void {
    if (this.#send as unknown === sendPing || isReserved(this.#what)) return this.#try();
    try {
      this.#place = this.#target.slot.enter(this, this.#name);
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#place.isIn) this.#try();
  }

  /** Sends the call to the current launch; where there is none, to the one that starts now. */
  #try(): void {
    this.#attempt += 1;
    const { slot } = this.#target;
    const launch = slot.current;
    if (launch !== undefined) this.#sendTo(launch);
    else slot.acquire(this.#signal).then((started) => this.#sendTo(started), (error) => this.#onFailure(error));
  }

  #sendTo(launch: Launch): void {
    if (this.#settled) return;
    this.#launch = launch;
    this.#answers = launch.calls.answers;
    this.#sent(launch.calls.begin()).then((value) => {
      launch.calls.end(true);
      if (this.#settled) return;
      this.#finish();
      this.#place?.leave();
      this.#resolve(value);
    }, (error) => {
      launch.calls.end(isPluginError(error) && error.origin === "plugin");
      this.#onFailure(error);
    });
  }

  /** A driver of the application's own may throw before it returns. */
  #sent(driver: DriverCaller): Promise<T> {
    try {
      return this.#send(driver, this.#optionsFor(driver));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Made when somebody asks for it: our own socket never does, and it costs more than the rest of a call. */
  get #signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  #optionsFor({ takesGiveUp }: DriverCaller): AttemptOptions {
    const timeoutMs = this.#endsAt - performance.now();
    const [requestId, attempt] = [this.#requestId, this.#attempt];
    const onGiveUp = (callback: (reason: unknown) => void) => {
      this.#onGiveUp = callback;
      if (this.#gaveUp !== undefined) callback(this.#gaveUp);
    };
    const options = takesGiveUp === true
      ? { requestId, attempt, timeoutMs, onGiveUp }
      : { requestId, attempt, timeoutMs, signal: this.#signal };
    const { retry, traceparent } = this.#options;
    if (retry === undefined && traceparent === undefined) return options;
    return { ...options, ...(retry && { retry }), ...(traceparent && { traceparent }) };
  }

  #onFailure(error: unknown): void {
    if (this.#settled) return;
    const launch = this.#launch;
    // It is the exit of the process that makes room for another. One that still runs may be about to end; who watches over it finds out.
    if (launch === undefined || !mayRetry(error, this.#options.retry ?? "safe")) return this.#fail(error);
    this.#launch = undefined;
    this.#lastFailure = error;
    hasExited(launch).then((exited) => {
      if (this.#settled) return;
      if (exited || this.#target.slot.supervised) this.#try();
      else this.#fail(error);
    });
  }

  #fail(error: unknown): void {
    this.#finish();
    this.#place?.leave();
    this.#reject(isLateAnswer(error, this.#endsAt) ? timeoutError(this.#name, this.#target.plugin, this.#timeoutMs) : error);
  }

  #giveUp(error: PluginError): void {
    this.#finish();
    this.#gaveUp = error;
    this.#reject(error);
    this.#controller?.abort(error);
    this.#onGiveUp?.(error);
    this.#place?.leave(); // After the plugin has been told, so that it can make room first.
  }

  #finish(): void {
    this.#settled = true;
    this.#deadline?.cancel();
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  get #name(): string {
    return `${this.#what === "ping" ? "ping" : `"${this.#what}"`} of plugin "${this.#target.plugin}"`;
  }
}

function requireTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new RangeError(`timeoutMs must be more than 0, not ${timeoutMs}; Infinity for none, ${DEFAULT_TIMEOUT_MS} by default`);
}

function requireHeader(option: string, value: string | undefined): void {
  if (value === undefined || isHeaderValue(value)) return;
  throw new TypeError(`${option} must be 1 to 255 visible ASCII characters, not ${JSON.stringify(value)}`);
}
