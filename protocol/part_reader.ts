/**
 * A stream as its caller has it: takes a call that waits for the first part, gives parts, each within its time, and ends when it is left.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { type Deadline, expireAfter, type Expiring, MAX_TIMER_MS } from "./deadlines.ts";
import type { PluginError } from "./errors.ts";

/** A stream whose first part, or end, has come. */
export interface Opened {
  readonly first: IteratorResult<Bytes, unknown>;
  readonly parts: AsyncIterator<Bytes, unknown>;
}

/** The call that waits for that. Its signal is the stream's: given up later, it ends the stream. */
export interface Opening {
  readonly promise: Promise<Opened>;
  giveUp(error: PluginError): void;
}

/** Asks for the first part. */
export async function openParts(stream: AsyncIterable<Bytes>): Promise<Opened> {
  const parts = stream[Symbol.asyncIterator]();
  return { first: await parts.next(), parts };
}

interface Asking {
  resolve(result: IteratorResult<Bytes, undefined>): void;
  reject(error: unknown): void;
}

/** One stream; nothing is sent before the first part is asked for, and each further part is asked for when its reader asks. */
export abstract class PartReader implements AsyncIterableIterator<Bytes, undefined>, Expiring {
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.giveUp(this.aborted(this.#signal?.reason));
  #turn: Promise<unknown> = Promise.resolve();
  #asking: Asking | undefined;
  #opening: Opening | undefined;
  #parts: AsyncIterator<Bytes, unknown> | undefined;
  #deadline: Deadline | undefined;
  #isDone = false;
  /** Why it was given up while nobody asked. */
  #failure: PluginError | undefined;

  /** `signal` is its caller's own. */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /**
   * Makes the call.
   * @throws what is wrong with its options.
   */
  protected abstract begin(): Opening;
  /** How long a part may take, the first one aside. */
  protected abstract get timeoutMs(): number;
  /** What is said when a part did not come in time. */
  protected abstract late(): PluginError;
  /** What is said when the caller's signal has fired, or it has left. */
  protected abstract aborted(cause: unknown): PluginError;
  /** The first part has come. */
  protected opened(): void {}
  /** A part after the first has come. */
  protected heard(): void {}
  /** A stream that had begun has ended. */
  protected ended(_error: unknown): void {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next part; who asks several times at once gets them one after the other. */
  next(): Promise<IteratorResult<Bytes, undefined>> {
    const ask = () => this.#ask();
    const result = this.#turn.then(ask, ask);
    this.#turn = result;
    return result;
  }

  /** Leaves it. */
  return(): Promise<IteratorResult<Bytes, undefined>> {
    const asking = this.#asking;
    this.#asking = undefined;
    this.giveUp(this.aborted(undefined));
    this.#failure = undefined;
    asking?.resolve(DONE);
    return Promise.resolve(DONE);
  }

  /** The part that is asked for did not come in time. */
  expire(): void {
    this.giveUp(this.late());
  }

  /** Nobody waits any more. */
  protected giveUp(error: PluginError): void {
    if (this.#isDone) return;
    const asking = this.#asking;
    if (asking === undefined) this.#failure = error;
    this.#finish(error);
    this.#opening?.giveUp(error);
    asking?.reject(error);
    // For who does not heed the signal.
    Promise.resolve().then(() => this.#parts?.return?.()).catch(() => {});
  }

  #ask(): Promise<IteratorResult<Bytes, undefined>> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) return Promise.reject(failure);
    if (this.#isDone) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#asking = { resolve, reject };
      if (this.#parts === undefined) this.#open();
      else this.#pull(this.#parts);
    });
  }

  #open(): void {
    try {
      this.#opening = this.begin();
    } catch (error) {
      return this.#fail(error);
    }
    this.#opening.promise.then(({ first, parts }) => {
      this.#parts = parts;
      if (this.#isDone) return;
      this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
      this.opened();
      this.#give(first);
    }, (error) => this.#fail(error));
  }

  #pull(parts: AsyncIterator<Bytes, unknown>): void {
    if (this.timeoutMs <= MAX_TIMER_MS) this.#deadline = expireAfter(this.timeoutMs, this);
    parts.next().then((result) => {
      if (this.#isDone) return;
      this.#deadline?.cancel();
      this.heard();
      this.#give(result);
    }, (error) => this.#fail(error));
  }

  #give(result: IteratorResult<Bytes, unknown>): void {
    const asking = this.#asking;
    this.#asking = undefined;
    if (result.done !== true) return asking?.resolve(result);
    this.#finish(undefined);
    asking?.resolve(DONE);
  }

  #fail(error: unknown): void {
    if (this.#isDone) return;
    const asking = this.#asking;
    this.#finish(error);
    asking?.reject(error);
  }

  #finish(error: unknown): void {
    this.#isDone = true;
    this.#asking = undefined;
    this.#deadline?.cancel();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (this.#parts !== undefined) this.ended(error);
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** A stream of which nothing can be had but why. */
export function failedStream(error: unknown): AsyncIterable<never> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}
