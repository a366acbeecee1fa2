/**
 * `max_concurrent`: takes the calls of one plugin, lets so many of them run at once, keeps the others in a queue, first come, first served.
 *
 * It counts what the host waits for: a call that was given up has left, whatever its handler still does. It is the plugin's, not its
 * process's, so a restart or reload does not let more through.
 * @module
 */
import { PluginError } from "../protocol/errors.ts";

/** How many calls may wait for each that may run. */
const WAITING_PER_PLACE = 10;

/** A call that wants to run. */
export interface Waiter {
  /** Its turn has come. */
  admit(): void;
  /** Its turn will not come. */
  refuse(error: PluginError): void;
}

/** Where a call is. */
export interface Place {
  /** Whether it may run. */
  readonly isIn: boolean;
  /** Makes room for another. */
  leave(): void;
}

/** Counts the calls of one plugin. */
export class Limit {
  readonly #ring: Entry = new Entry(this, undefined);
  #most: number;
  #running = 0;
  #waiting = 0;

  /** `most` is `undefined` for any number. */
  constructor(most: number | undefined) {
    this.#most = most ?? Infinity;
  }

  /** Another number from now on; calls that run already run on. */
  follow(most: number | undefined): void {
    this.#most = most ?? Infinity;
    this.#admit();
  }

  /**
   * A place: among those that run, else in the queue.
   * @throws {PluginError} "caller.overloaded" when the queue is full.
   */
  enter(waiter: Waiter, { what, plugin }: { readonly what: string; readonly plugin: string }): Place {
    const entry = new Entry(this, waiter);
    if (this.#running < this.#most) {
      this.#running += 1;
      entry.isIn = true;
      return entry;
    }
    if (this.#waiting >= WAITING_PER_PLACE * this.#most) {
      const message = `The call ${what} was not sent: ${this.#running} calls of the plugin run and ${this.#waiting} wait`;
      const hint = "Call it again later, or raise max_concurrent in the plugin's configuration";
      throw new PluginError("caller.overloaded", message, { plugin, hint });
    }
    this.#waiting += 1;
    entry.linkBefore(this.#ring);
    return entry;
  }

  /** Empties the queue. */
  refuseAll(error: PluginError): void {
    // Those that come while it is emptied are not among them.
    for (let left = this.#waiting; left > 0; left--) {
      const entry = this.#ring.after;
      entry.leave();
      entry.waiter?.refuse(error);
    }
  }

  /** A place is free. */
  left(entry: Entry): void {
    if (entry.isIn) {
      entry.isIn = false;
      this.#running -= 1;
    } else this.#waiting -= 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#running < this.#most && this.#waiting > 0) {
      const entry = this.#ring.after;
      entry.unlink();
      this.#waiting -= 1;
      this.#running += 1;
      entry.isIn = true;
      entry.waiter?.admit();
    }
  }
}

/** One call, in a ring with those that wait, so that leaving costs the same from anywhere. */
class Entry implements Place {
  isIn = false;
  before: Entry = this;
  after: Entry = this;
  readonly waiter: Waiter | undefined;
  readonly #limit: Limit;

  constructor(limit: Limit, waiter: Waiter | undefined) {
    this.#limit = limit;
    this.waiter = waiter;
  }

  leave(): void {
    if (!this.isIn && this.after === this) return; // It has left before.
    this.unlink();
    this.#limit.left(this);
  }

  linkBefore(next: Entry): void {
    this.before = next.before;
    this.after = next;
    next.before.after = this;
    next.before = this;
  }

  unlink(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this.after = this;
  }
}
