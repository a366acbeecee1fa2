/**
 * What waits for one subscriber: takes events, gives the next of each lane, one lane for each publisher and topic, so that these keep
 * their order and none waits for another. It never holds more than its limit.
 * @module
 */
import type { EventQueueOptions } from "../discover.ts";
import { laneOf, MOST_BYTES, type PublishedEvent, sizeOf } from "./published.ts";

/** One event on its way to one subscriber. */
export interface Waiting {
  readonly event: PublishedEvent;
  /** How often it has been sent. */
  attempts: number;
  /** How often it could not even be sent, the last times in a row. */
  refused: number;
}

interface Lane {
  readonly key: string;
  readonly items: Waiting[];
  /** Whether the first is on its way, or waits until it is tried again. */
  busy: boolean;
}

/** A bounded queue in lanes. */
export class EventQueue {
  readonly #limit: () => Pick<EventQueueOptions, "queue" | "overflow">;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes whose first may be sent, the one that has waited longest first. */
  readonly #ready = new Set<Lane>();
  /** What may be dropped, the oldest first: a durable one waits in the database instead, one on its way is gone already. */
  readonly #droppable = new Set<Waiting>();
  #size = 0;
  #bytes = 0;
  #dropped = 0;

  /** The limit is asked each time, since a reload may change it. */
  constructor(limit: () => Pick<EventQueueOptions, "queue" | "overflow">) {
    this.#limit = limit;
  }

  /** How many wait, those on their way included. */
  get size(): number {
    return this.#size;
  }

  /** How many more fit. */
  get room(): { readonly events: number; readonly bytes: number } {
    return { events: Math.max(0, this.#limit().queue - this.#size), bytes: Math.max(0, MOST_BYTES - this.#bytes) };
  }

  /** How many were dropped because there was no room. */
  get dropped(): number {
    return this.#dropped;
  }

  get isFull(): boolean {
    return this.#size >= this.#limit().queue || this.#bytes >= MOST_BYTES;
  }

  /** Whether half of it is free, so that filling it is worth the while. */
  get isLow(): boolean {
    return 2 * this.#size <= this.#limit().queue && 2 * this.#bytes <= MOST_BYTES;
  }

  /** Takes one; what does not fit is dropped as the policy says. `block` is for who publishes to heed, before. */
  add(event: PublishedEvent): void {
    const { overflow } = this.#limit();
    while (this.isFull) {
      this.#dropped += 1;
      if (overflow !== "drop-oldest" || !this.#dropOldest()) return;
    }
    this.append(event);
  }

  /** Takes one whether there is room or not. */
  append(event: PublishedEvent): void {
    const key = laneOf(event);
    let lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, lane = { key, items: [], busy: false });
    const waiting = { event, attempts: 0, refused: 0 };
    lane.items.push(waiting);
    if (event.kind !== "durable") this.#droppable.add(waiting);
    if (!lane.busy) this.#ready.add(lane);
    this.#count(event, 1);
  }

  /** Takes one in the place of those of its lane that are not on their way yet. */
  replace(event: PublishedEvent): void {
    const lane = this.#lanes.get(laneOf(event));
    for (const waiting of lane?.items.splice(lane.busy ? 1 : 0) ?? []) this.#forget(waiting);
    this.append(event);
  }

  /** The first of so many lanes of which none is on its way; they are from now on. */
  *take(most: number): Generator<Waiting> {
    for (const lane of this.#ready) {
      const [first] = lane.items;
      if (most <= 0) return;
      this.#ready.delete(lane);
      if (first === undefined) continue;
      most -= 1;
      lane.busy = true;
      this.#droppable.delete(first);
      yield first;
    }
  }

  /** It need not be sent again. */
  done({ event }: Waiting): void {
    const lane = this.#lanes.get(laneOf(event));
    const waiting = lane?.items.shift();
    if (lane === undefined || waiting === undefined) return;
    this.#forget(waiting);
    lane.busy = false;
    this.#keepLane(lane);
  }

  /** It may be sent again. */
  retry(waiting: Waiting): void {
    const lane = this.#lanes.get(laneOf(waiting.event));
    if (lane === undefined) return;
    lane.busy = false;
    this.#ready.add(lane);
    if (waiting.event.kind !== "durable") this.#droppable.add(waiting);
  }

  /** Whether something has come behind it. */
  hasNewer({ event }: Waiting): boolean {
    return (this.#lanes.get(laneOf(event))?.items.length ?? 0) > 1;
  }

  /** `false` when there is none that may be. */
  #dropOldest(): boolean {
    const [oldest] = this.#droppable;
    const lane = oldest === undefined ? undefined : this.#lanes.get(laneOf(oldest.event));
    if (oldest === undefined || lane === undefined) return false;
    lane.items.splice(lane.items.indexOf(oldest), 1);
    this.#forget(oldest);
    if (!lane.busy) this.#keepLane(lane);
    return true;
  }

  #keepLane(lane: Lane): void {
    this.#ready.delete(lane);
    if (lane.items.length === 0) this.#lanes.delete(lane.key);
    else this.#ready.add(lane);
  }

  #forget(waiting: Waiting): void {
    this.#droppable.delete(waiting);
    this.#count(waiting.event, -1);
  }

  #count(event: PublishedEvent, sign: 1 | -1): void {
    this.#size += sign;
    this.#bytes += sign * sizeOf(event);
  }
}
