/**
 * The calls that have not been answered yet: what a stop waits for, on either side.
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
  let open = 0;
  let waiting: (() => void)[] = [];
  const done = () => {
    open -= 1;
    if (open > 0 || waiting.length === 0) return;
    const all = waiting;
    waiting = [];
    for (const resolve of all) resolve();
  };
  return {
    track(call) {
      open += 1;
      call.then(done, done);
      return call;
    },
    async allAnswered() {
      while (open > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
