/**
 * The calls that a process has not answered yet: what a stop waits for.
 * @module
 */

/** Counts calls from when they are made until they have settled. */
export interface OpenCalls {
  /** Counts a call. */
  track<T>(call: Promise<T>): Promise<T>;
  /** Resolves when no call is open, those that came meanwhile included. */
  allAnswered(): Promise<void>;
}

/** Makes an empty count. */
export function createOpenCalls(): OpenCalls {
  const open = new Set<Promise<unknown>>();
  return {
    track(call) {
      open.add(call);
      const done = () => open.delete(call);
      call.then(done, done);
      return call;
    },
    async allAnswered() {
      while (open.size > 0) await Promise.allSettled(open);
    },
  };
}
