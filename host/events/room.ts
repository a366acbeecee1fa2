/**
 * Where those wait who publish to a subscriber with `block` that has no room: until something leaves, or for as long as its patience.
 * @module
 */
import type { Clock } from "../supervise/clock.ts";

/** How long one waits for a subscriber that takes nothing. */
export interface Patience {
  readonly clock: Clock;
  readonly ms: () => number;
}

/** The door of one full queue. */
export class Room {
  readonly #patience: Patience | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;
  #cancel: (() => void) | undefined;
  /** Nobody waits any more for one that takes nothing, until it takes something. */
  #isStalled = false;

  /** Without patience one waits for ever. */
  constructor(patience?: Patience) {
    this.#patience = patience;
  }

  /** Resolves when it is worth looking again; `undefined` when there is nothing to wait for. */
  wait(): Promise<void> | undefined {
    if (this.#isStalled) return undefined;
    if (this.#waiting === undefined) {
      this.#waiting = Promise.withResolvers();
      this.#cancel = this.#patience?.clock.after(this.#patience.ms(), () => this.end());
    }
    return this.#waiting.promise;
  }

  /** Something has left. */
  open(): void {
    this.#isStalled = false;
    this.#release();
  }

  /** Nobody shall wait. */
  end(): void {
    this.#isStalled = true;
    this.#release();
  }

  #release(): void {
    this.#cancel?.();
    this.#waiting?.resolve();
    this.#cancel = this.#waiting = undefined;
  }
}
