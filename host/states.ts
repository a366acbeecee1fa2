/**
 * A plugin's state, and an iterator over it that starts with the current one and misses none.
 * @module
 */
import type { PluginError } from "../protocol/errors.ts";

/** Where a plugin is in its life. */
export type PluginState =
  | { readonly kind: "idle" } // never started, or not needed now: the next call starts it
  | { readonly kind: "starting"; readonly attempt: number }
  | { readonly kind: "ready"; readonly pid: number | undefined; readonly launch: number }
  | { readonly kind: "unhealthy"; readonly pid: number | undefined; readonly reason: PluginError }
  | { readonly kind: "restarting"; readonly attempt: number; readonly delayMs: number; readonly reason: PluginError }
  | { readonly kind: "stopping" }
  | { readonly kind: "stopped" } // by stop() or close()
  | { readonly kind: "crashed"; readonly reason: PluginError }
  | { readonly kind: "inactive" }; // enabled = false

/** One state and the promise of the next: an iterator that lags holds the chain, nobody else does. */
interface Link {
  readonly state: PluginState;
  readonly next: PromiseWithResolvers<Link>;
}

/** Holds the current state. */
export class States {
  #current: Link;

  constructor(first: PluginState) {
    this.#current = { state: first, next: Promise.withResolvers() };
  }

  /** The current state. */
  get current(): PluginState {
    return this.#current.state;
  }

  /** Makes a state the current one. */
  set(state: PluginState): void {
    const link: Link = { state, next: Promise.withResolvers() };
    this.#current.next.resolve(link);
    this.#current = link;
  }

  /** Gives the current state, then each later one, until the signal fires. */
  async *follow(signal: AbortSignal | undefined): AsyncGenerator<PluginState, void, void> {
    let wake = (): void => {};
    const onAbort = () => wake();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      let link: Link | undefined = signal?.aborted === true ? undefined : this.#current;
      while (link !== undefined) {
        yield link.state;
        // Not a race with one promise of the signal: that would keep every state for as long as somebody follows.
        const { promise, resolve } = Promise.withResolvers<Link | undefined>();
        void link.next.promise.then(resolve);
        wake = () => queueMicrotask(() => resolve(undefined));
        if (signal?.aborted === true) wake();
        link = await promise;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }
}
