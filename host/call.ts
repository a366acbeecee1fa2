/**
 * One call: takes a `Slot`, gives an answer within its deadline, and sends again only what is known not to have run.
 *
 * Everything that an application calls passes here, so this is written to cost little: no timer is armed twice, and nothing is awaited
 * that is there already.
 * @module
 */
import type { AttemptOptions, CallOptions, DriverCaller } from "../protocol/caller.ts";
import type { Cancellation } from "../protocol/dispatch.ts";
import { isPluginError, type PluginError } from "../protocol/errors.ts";
import { PendingCall, requireHeaders, requireTimeout } from "../protocol/pending_call.ts";
import { createRequestId } from "../protocol/request_id.ts";
import { isReserved } from "../protocol/reserved.ts";
import { isLateAnswer, timeoutError } from "./late.ts";
import type { Launch } from "./launch.ts";
import type { Place, Waiter } from "./limit.ts";
import { hasExited, mayRetry } from "./retry.ts";
import type { Slot } from "./slot.ts";

/** Sends a call once, on the driver of a launch. */
export type Send<T> = (driver: DriverCaller, options: AttemptOptions, launch: Launch) => Promise<T>;

/** A call that the host makes for one of its plugins says so. */
export interface Passage {
  readonly from?: string;
  readonly hops?: number;
}

/** A call of the application, or one for a plugin. */
export interface ForwardOptions extends Omit<CallOptions, "signal">, Passage {
  /** What the wire of the plugin has that asks for the call; nobody else listens to it. */
  readonly signal?: Cancellation;
}

const sendPing: Send<"pong"> = (driver, options) => driver.ping(options);

/** Makes a ping. */
export function createPing(options: CallOptions, target: Target): Call<"pong"> {
  return new Call("ping", options, target, sendPing);
}

/** What is called. */
export interface Target {
  readonly plugin: string;
  readonly slot: Slot;
}

/** A call from when it is made until it has settled. */
export class Call<T> extends PendingCall<T> implements Waiter {
  readonly #what: string;
  readonly #options: ForwardOptions;
  readonly #target: Target;
  readonly #send: Send<T>;
  readonly #timeoutMs: number;
  readonly #endsAt: number;
  readonly #requestId: string;
  /** Where `max_concurrent` lets it run; held through all tries. */
  #place: Place | undefined;
  #launch: Launch | undefined;
  /** How many answers there had been on the launch when the call was sent. */
  #answers = 0;
  #attempt = 0;
  #lastFailure: unknown;

  constructor(what: string, options: ForwardOptions, target: Target, send: Send<T>) {
    super();
    this.#what = what;
    this.#options = options;
    this.#target = target;
    this.#send = send;
    this.#timeoutMs = requireTimeout(options.timeoutMs ?? target.slot.spec.timeoutMs);
    requireHeaders(options);
    this.#requestId = options.requestId ?? createRequestId();
    this.#endsAt = performance.now() + this.#timeoutMs;
    if (options.signal !== undefined) this.follow(options.signal, { what: this.#name, plugin: target.plugin });
    if (this.settled) return;
    this.expireAfter(this.#timeoutMs);
    if (target.slot.spec.maxConcurrent === undefined) this.#try();
    else this.#enter();
  }

  /** The launch that it was sent to last. */
  get launch(): Launch | undefined {
    return this.#launch;
  }

  /** What it waits for at most, checked. */
  get timeoutMs(): number {
    return this.#timeoutMs;
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
    this.giveUp(timeoutError(this.#name, this.#target.plugin, this.#timeoutMs, this.#lastFailure));
    if (this.#launch !== undefined) this.#target.slot.overdue(this.#launch, this.#answers);
  }

  override giveUp(error: PluginError): void {
    super.giveUp(error);
    this.leave(); // After the plugin has been told, so that it can make room first.
  }

  /** Lets another call run. */
  leave(): void {
    this.#place?.leave();
  }

  /** Its answer is there. */
  protected answered(value: T, launch: Launch): void {
    launch.calls.end(true);
    if (this.settled) return;
    this.leave();
    this.resolve(value);
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
    else slot.acquire(this.signal).then((started) => this.#sendTo(started), (error) => this.#onFailure(error));
  }

  #sendTo(launch: Launch): void {
    if (this.settled) return;
    this.#launch = launch;
    this.#answers = launch.calls.answers;
    this.#sent(launch).then((value) => this.answered(value, launch), (error) => {
      launch.calls.end(isPluginError(error) && error.origin === "plugin");
      this.#onFailure(error);
    });
  }

  /** A driver of the application's own may throw before it returns. */
  #sent(launch: Launch): Promise<T> {
    const driver = launch.calls.begin();
    try {
      return this.#send(driver, this.#optionsFor(driver), launch);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #optionsFor(driver: DriverCaller): AttemptOptions {
    const timeoutMs = this.#endsAt - performance.now();
    const options = { requestId: this.#requestId, attempt: this.#attempt, timeoutMs, ...this.giveUpOptions(driver) };
    const { retry, traceparent, from, hops } = this.#options;
    if (retry === undefined && traceparent === undefined && from === undefined) return options;
    return { ...options, ...(retry && { retry }), ...(traceparent && { traceparent }), ...(from && { from }), ...(hops && { hops }) };
  }

  #onFailure(error: unknown): void {
    if (this.settled) return;
    const launch = this.#launch;
    // It is the exit of the process that makes room for another. One that still runs may be about to end; who watches over it finds out.
    if (launch === undefined || !mayRetry(error, this.#options.retry ?? "safe")) return this.#fail(error);
    this.#launch = undefined;
    this.#lastFailure = error;
    hasExited(launch).then((exited) => {
      if (this.settled) return;
      if (exited || this.#target.slot.supervised) this.#try();
      else this.#fail(error);
    });
  }

  #fail(error: unknown): void {
    this.leave();
    this.reject(isLateAnswer(error, this.#endsAt) ? timeoutError(this.#name, this.#target.plugin, this.#timeoutMs) : error);
  }

  get #name(): string {
    return `${this.#what === "ping" ? "ping" : `"${this.#what}"`} of plugin "${this.#target.plugin}"`;
  }
}
