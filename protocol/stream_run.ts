/**
 * One run of a handler that is asked for parts: takes a call, gives its parts as they are asked for, and ends the handler when nobody
 * waits any more: its signal fires, and its generator is left.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { type Deadline, expireAfter } from "./deadlines.ts";
import type { DispatchRequest } from "./dispatch.ts";
import type { PluginError } from "./errors.ts";
import type { RawHandler } from "./plugin.ts";
import { cancelled, isAsyncIterable, notBytes, Run, type Surroundings } from "./run.ts";

/** A run that gives parts; a handler that answers with bytes gives one. The time that the caller told is that until the first one. */
export class StreamRun extends Run implements AsyncIterableIterator<Bytes, undefined> {
  readonly #handler: RawHandler;
  #parts: AsyncIterator<unknown> | undefined;
  #deadline: Deadline | undefined;
  #hasGiven = false;
  #failure: PluginError | undefined;
  /** Ends the wait for the part that is asked for. */
  #refuse: (error: PluginError) => void = () => {};

  constructor(request: DispatchRequest, surroundings: Surroundings, handler: RawHandler) {
    super(request, surroundings);
    this.#handler = handler;
  }

  override get leftMs(): number {
    return this.#hasGiven ? Infinity : super.leftMs;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next part; asked for one after the other. */
  next(): Promise<IteratorResult<Bytes, undefined>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (!this.isOpen) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#refuse = reject;
      this.#pull().then(resolve, reject);
    });
  }

  /** Nobody asks for more. */
  return(): Promise<IteratorResult<Bytes, undefined>> {
    if (this.isOpen) this.giveUp(cancelled(this.request));
    return Promise.resolve(DONE);
  }

  async #pull(): Promise<IteratorResult<Bytes, undefined>> {
    try {
      this.#parts ??= await this.#begin();
      const { done, value } = await this.#parts.next();
      if (done === true) {
        this.close();
        return DONE;
      }
      if (!(value instanceof Uint8Array)) throw notBytes(this.request.command, "yielded", value);
      this.#hasGiven = true;
      this.#deadline?.cancel();
      return { done: false, value: value as Bytes };
    } catch (error) {
      this.close();
      this.#leave();
      throw this.errorFrom(error);
    }
  }

  async #begin(): Promise<AsyncIterator<unknown>> {
    const { signal, timeoutMs } = this.request;
    if (timeoutMs !== undefined) this.#deadline = expireAfter(timeoutMs, this);
    signal.addEventListener("abort", this.#cancel, { once: true });
    const result = await this.call(this.#handler);
    const parts = isAsyncIterable(result) ? result[Symbol.asyncIterator]() : onlyPart(this.request.command, result);
    if (!this.isOpen) leave(parts); // It was given up meanwhile.
    return parts;
  }

  readonly #cancel = () => this.giveUp(cancelled(this.request));

  protected override close(): void {
    super.close();
    this.#deadline?.cancel();
    this.request.signal.removeEventListener("abort", this.#cancel);
  }

  protected override giveUp(error: PluginError): void {
    if (!this.isOpen) return;
    this.#failure = error;
    super.giveUp(error);
    this.#refuse(error);
    this.#leave();
  }

  #leave(): void {
    if (this.#parts !== undefined) leave(this.#parts);
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

async function* onlyPart(command: string, result: unknown): AsyncGenerator<unknown> {
  if (!(result instanceof Uint8Array)) throw notBytes(command, "returned", result);
  yield result;
}

/** Lets a generator's `finally` run, whatever comes of that: nobody waits for it. */
function leave(parts: AsyncIterator<unknown>): void {
  Promise.resolve().then(() => parts.return?.()).catch(() => {});
}
