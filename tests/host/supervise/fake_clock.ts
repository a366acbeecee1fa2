/**
 * A clock that a test moves: takes milliseconds, runs what falls due in them, in order.
 * @module
 */
import type { Clock } from "../../../host/supervise/clock.ts";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** The time of a test, which begins at 0. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now = 0;

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** How many timers have neither run nor been cancelled. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Moves the time on; what promises do about it is done before the next timer runs, and at the end. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settled();
    }
    this.#now = end;
  }

  /** Moves the time on as when the whole program was held up: what fell due runs late. */
  async oversleep(ms: number): Promise<void> {
    this.#now += ms;
    await this.pass(0);
  }

  #next(end: number): Timer | undefined {
    return [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }
}

/** Resolves when every promise that is settled has been heeded. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
