/**
 * Many deadlines on few timers: calls that wait equally long end in the order in which they began, so one timer serves all of them.
 * @module
 */

/** Something that ends at a deadline unless it has ended before. */
export interface Expiring {
  /** Called once, when the deadline has passed. */
  expire(): void;
}

/** One that waits; `cancel` takes it out. */
export interface Deadline {
  cancel(): void;
}

/** The largest delay of a timer on every runtime; a longer deadline is none. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

const queues = new Map<number, Queue>();
/** Of those that served one at a time the last: calls that follow one another mostly wait equally long. */
let kept: Queue | undefined;

/** Of delays that differ from call to call each would keep a timer else. */
function keepOne(queue: Queue): void {
  if (kept === queue) return;
  kept?.leave();
  kept = queue;
}

/** Calls `expire` of the item after so many milliseconds, at most 2^31 - 1, and not a moment before. */
export function expireAfter(delayMs: number, item: Expiring): Deadline {
  let queue = queues.get(delayMs);
  if (queue === undefined) queues.set(delayMs, queue = new Queue(delayMs));
  return queue.add(item);
}

/** Those that wait equally long: a ring of entries, the first one due first. */
class Queue {
  readonly #delayMs: number;
  readonly #ring: Entry = new Entry(this, undefined, 0);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting = 0;
  #isShared = false;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  add(item: Expiring): Deadline {
    const entry = new Entry(this, item, performance.now() + this.#delayMs);
    const last = this.#ring.before;
    last.after = entry;
    entry.before = last;
    entry.after = this.#ring;
    this.#ring.before = entry;
    this.#waiting += 1;
    if (this.#timer === undefined) this.#arm(this.#delayMs);
    else this.#isShared = true;
    if (this.#waiting === 1) this.#timer?.ref?.();
    return entry;
  }

  /** The timer stays for the next that waits as long, and does not keep the process. */
  removed(): void {
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    this.#timer?.unref?.();
    if (!this.#isShared) keepOne(this);
  }

  /** Ends it when nobody waits. */
  leave(): void {
    if (this.#waiting === 0 && !this.#isShared) this.#end();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (queues.get(this.#delayMs) === this) queues.delete(this.#delayMs);
  }

  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => this.#expire(), Math.ceil(delayMs));
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (let entry = this.#ring.after; entry !== this.#ring; entry = this.#ring.after) {
      if (entry.at > now) return this.#arm(entry.at - now);
      entry.cancel();
      entry.item?.expire();
    }
    this.#end();
  }
}

class Entry implements Deadline {
  before: Entry = this;
  after: Entry = this;
  readonly item: Expiring | undefined;
  readonly at: number;
  readonly #queue: Queue;

  constructor(queue: Queue, item: Expiring | undefined, at: number) {
    this.#queue = queue;
    this.item = item;
    this.at = at;
  }

  cancel(): void {
    if (this.after === this) return;
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this.after = this;
    this.#queue.removed();
  }
}
