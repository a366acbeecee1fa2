/**
 * What a wire of ours has in the place of an `AbortSignal`, which costs more than the rest of a small call.
 * @module
 */
import type { Cancellation } from "./dispatch.ts";

/** Tells its one listener, the dispatcher, that nobody waits any more. */
export class OneListener implements Cancellation {
  aborted = false;
  #listener: (() => void) | undefined;

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }

  /** Nobody waits any more. */
  abort(): void {
    this.aborted = true;
    this.#listener?.();
  }
}
