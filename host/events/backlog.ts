/**
 * Durable events of one plugin that stand in the database and not yet in its queue: takes new ones, fills the queue as there is room.
 * @module
 */
import type { Clock } from "../supervise/clock.ts";
import type { KeptEvent } from "./published.ts";
import type { EventQueue } from "./queue.ts";
import type { EventStore } from "./store.ts";

/** What it works on. */
export interface BacklogOptions {
  readonly plugin: () => string;
  readonly queue: EventQueue;
  readonly store: EventStore;
  readonly clock: Clock;
  /** Called when there is more in the queue. */
  readonly onLoaded: () => void;
}

/** How soon a database that could not be read is read again. */
const AGAIN_MS = 1000;

/** What one plugin is behind. */
export class Backlog {
  readonly #options: BacklogOptions;
  /** The last that is in the queue, or was. */
  #loaded = 0;
  /** Whether the database may hold later ones. */
  #behind: boolean;
  /** Whether it certainly does. */
  #isSure = false;
  #loading = false;
  #closed = false;
  #cancel: (() => void) | undefined;

  /** `mayHold` says that there may be events from before. */
  constructor(mayHold: boolean, options: BacklogOptions) {
    this.#options = options;
    this.#behind = mayHold;
  }

  /** Whether there are events for which the plugin should run. */
  get isWaiting(): boolean {
    return this.#behind && this.#isSure;
  }

  /** Takes one that has just been written. */
  add(event: KeptEvent): void {
    const { queue } = this.#options;
    if (this.#behind || this.#loading || queue.isFull) {
      this.#behind = this.#isSure = true;
    } else {
      queue.append(event);
      this.#loaded = event.seq;
    }
  }

  /** Looks whether there are any from before. */
  async look(): Promise<void> {
    if (!this.#behind || this.#isSure || this.#loading) return;
    this.#isSure = (await this.#read({ events: 1, bytes: 0 })).length > 0;
  }

  /** Fills the queue, once half of it is free. */
  async load(): Promise<void> {
    const { queue, clock, onLoaded } = this.#options;
    if (!this.#behind || this.#loading || !queue.isLow) return;
    this.#loading = true;
    try {
      while (this.#behind && !queue.isFull && !this.#closed) await this.#loadSome();
    } catch {
      this.#behind = true;
      if (!this.#closed) this.#cancel = clock.after(AGAIN_MS, onLoaded, { background: true });
      return;
    } finally {
      this.#loading = false;
    }
    onLoaded();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  async #loadSome(): Promise<void> {
    const { queue } = this.#options;
    this.#behind = false; // What is written from now on makes it true again.
    const events = await this.#read(queue.room);
    for (const event of events) queue.append(event);
    this.#loaded = events.at(-1)?.seq ?? this.#loaded;
    this.#behind ||= events.length > 0;
  }

  #read(room: { readonly events: number; readonly bytes: number }): Promise<readonly KeptEvent[]> {
    return this.#options.store.pending(this.#options.plugin(), this.#loaded, room);
  }
}
