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
    if (answered) this.#answers += 1;
  }

  /** Resolves when no call is open. */
  allAnswered(): Promise<void> {
    return this.#open.allAnswered();
  }
}
