/**
 * Who publishes when somebody has no room and wants them to wait: takes events, gives each out when there is room, those of one publisher
 * and topic in their order.
 * @module
 */
import { Allowance } from "./allowance.ts";
import { laneOf, type PublishedEvent } from "./published.ts";

/** How one event is given out. */
export interface Turn {
  /** Resolves when it is worth asking again; `undefined` when there is room. */
  room(): Promise<void> | undefined;
  give(): void;
}

interface Lane {
  last: Promise<void>;
  waiting: number;
}

/** Those who wait, by lane. */
export class Turns {
  readonly #lanes = new Map<string, Lane>();
  readonly #allowance = new Allowance(
    "for room",
    'A subscriber with overflow = "block" is too slow; wait for each publish, or let it drop',
  );

  /** How many events wait. */
  get waiting(): number {
    return this.#allowance.events;
  }

  /**
   * Gives an event out, at once when it can be.
   * @returns a promise when it cannot.
   * @throws {PluginError} "caller.overloaded".
   */
  run(event: PublishedEvent, turn: Turn): Promise<void> | undefined {
    const key = laneOf(event);
    const lane = this.#lanes.get(key);
    if (lane === undefined && turn.room() === undefined) return void turn.give();
    this.#allowance.enter(event);
    return this.#queue(key, async () => {
      for (let wait = turn.room(); wait !== undefined; wait = turn.room()) await wait;
      this.#allowance.leave(event);
      turn.give();
    });
  }

  /** The lane goes after its last event was given out, so that no other comes between. */
  #queue(key: string, work: () => Promise<void>): Promise<void> {
    const lane = this.#lanes.get(key) ?? { last: Promise.resolve(), waiting: 0 };
    this.#lanes.set(key, lane);
    lane.waiting += 1;
    return lane.last = lane.last.then(work).then(() => {
      lane.waiting -= 1;
      if (lane.waiting === 0) this.#lanes.delete(key);
    });
  }
}
