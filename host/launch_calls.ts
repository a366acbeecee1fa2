/**
 * The calls of one launch: how many are open, how many have begun, and how many answers came, which are its signs of life.
 * @module
 */
import type { DriverCaller } from "../protocol/caller.ts";
import { createOpenCalls } from "../protocol/open_calls.ts";

/** Counts the calls on a driver. */
export class LaunchCalls {
  readonly #driver: DriverCaller;
  readonly #open = createOpenCalls();
  readonly #streams = new Set<() => void>();
  #begun = 0;
  #answers = 0;

  constructor(driver: DriverCaller) {
    this.#driver = driver;
  }

  get open(): number {
    return this.#open.count;
  }

  get begun(): number {
    return this.#begun;
  }

  get answers(): number {
    return this.#answers;
  }

  begin(): DriverCaller {
    this.#open.begin();
    this.#begun += 1;
    return this.#driver;
  }

  end(answered: boolean): void {
    this.#open.end();
    if (answered) this.heard();
  }

  /** A part of a stream has come, which is as much a sign of life. */
  heard(): void {
    this.#answers += 1;
  }

  /** A stream has begun; `cut` ends it. */
  hold(cut: () => void): void {
    this.#streams.add(cut);
  }

  /** It has ended. */
  letGo(cut: () => void): void {
    this.#streams.delete(cut);
  }

  /** Ends every stream that is still open, so that their handlers are told before the process is. */
  cutStreams(): void {
    for (const cut of this.#streams) cut();
  }

  /** Resolves when no call is open. */
  allAnswered(): Promise<void> {
    return this.#open.allAnswered();
  }
}
