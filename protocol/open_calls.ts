/**
 * The calls that have not been answered yet: what a stop waits for, on either side.
 * @module
 */

/** Counts calls from when they are made until they have settled. */
export interface OpenCalls {
  /** How many are open. */
  readonly count: number;
  /** One more is open. */
  begin(): void;
  /** One of them has settled. */
  end(): void;
  /** Resolves when no call is open, those that came meanwhile included. */
  allAnswered(): Promise<void>;
}

/** Makes an empty count. */
export function createOpenCalls(): OpenCalls {
  let open = 0;
  let waiting: (() => void)[] = [];
  return {
    get count() {
      return open;
    },
    begin() {
      open += 1;
    },
    end() {
      open -= 1;
      if (open > 0 || waiting.length === 0) return;
      const all = waiting;
      waiting = [];
      for (const resolve of all) resolve();
    },
    async allAnswered() {
      while (open > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
