/**
 * The time as the supervision sees it, so that a test can move it.
 * @module
 */

/** A clock that never goes back, and its timers. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls `run` after so many milliseconds, unless the function that it gives is called before; a `background` timer keeps no process. */
  after(delayMs: number, run: () => void, options?: { readonly background: boolean }): () => void;
}

/** The runtime's own. */
export const CLOCK: Clock = {
  now: () => performance.now(),
  after(delayMs, run, { background } = { background: false }) {
    const timer: ReturnType<typeof setTimeout> = setTimeout(run, delayMs);
    if (background) timer.unref?.();
    return () => clearTimeout(timer);
  },
};
