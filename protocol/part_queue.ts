/**
 * Parts that come by themselves, for somebody who asks for them: takes parts, the end or a failure, gives them in that order.
 * @module
 */
import type { Bytes } from "./caller.ts";

/** What is told to who puts parts in. */
export interface QueueEvents {
  /** Called before each look for a part, with how many wait. */
  readonly onAsked: (waiting: number) => void;
  /** Called once, when somebody leaves before the end. */
  readonly onLeft: () => void;
}

interface Asking {
  resolve(result: IteratorResult<Bytes, undefined>): void;
  reject(error: unknown): void;
}

/** Holds parts until they are asked for, one at a time; how many there can be is up to who puts them in. */
export class PartQueue implements AsyncIterableIterator<Bytes, undefined> {
  readonly #events: QueueEvents;
  #parts: Bytes[] = [];
  #asking: Asking | undefined;
  #end: { readonly error?: unknown } | undefined;

  constructor(events: QueueEvents) {
    this.#events = events;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** How many parts wait. */
  get waiting(): number {
    return this.#parts.length;
  }

  /** Whether nothing more can come. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  push(part: Bytes): void {
    if (this.#end !== undefined) return;
    const asking = this.#asking;
    this.#asking = undefined;
    if (asking === undefined) this.#parts.push(part);
    else asking.resolve({ done: false, value: part });
  }

  /** All parts are there. */
  finish(): void {
    this.#finish({});
  }

  /** There will be no more, and this is why; the parts before are still given. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  /** Nobody wants what is there any more. */
  drop(error: unknown): void {
    this.#parts = [];
    this.#finish({ error });
  }

  next(): Promise<IteratorResult<Bytes, undefined>> {
    this.#events.onAsked(this.#parts.length);
    const part = this.#parts.shift();
    if (part !== undefined) return Promise.resolve({ done: false, value: part });
    if (this.#end === undefined) return new Promise((resolve, reject) => this.#asking = { resolve, reject });
    const { error } = this.#end;
    this.#end = {}; // Who asks again gets nothing more.
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }

  return(): Promise<IteratorResult<Bytes, undefined>> {
    const isLeft = this.#end === undefined;
    this.#parts = [];
    this.#finish({});
    if (isLeft) this.#events.onLeft();
    return Promise.resolve(DONE);
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    const asking = this.#asking;
    this.#asking = undefined;
    this.#end = asking === undefined ? end : {};
    if (end.error === undefined) asking?.resolve(DONE);
    else asking?.reject(end.error);
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
