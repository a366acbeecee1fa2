/**
 * Durable events: takes what was published on a durable topic, keeps it in the database until each subscriber has acknowledged it.
 * @module
 */
import { PluginError } from "../../protocol/errors.ts";
import type { Database } from "../services/database.ts";
import { Allowance } from "./allowance.ts";
import { type DeadLetter, type KeptEvent, MOST_BYTES, type PublishedEvent } from "./published.ts";
import {
  ADD_DELIVERY,
  ADD_EVENT,
  BURY,
  COUNT,
  DEAD,
  EVENT,
  eventFromRow,
  letterFromRow,
  OLD_DEAD,
  PENDING_SIZES,
  remove,
  within,
} from "./store_sql.ts";
import { type Prepare, Writes } from "./writes.ts";

/** The most that are kept for one subscriber; then publishing fails. */
const MOST_KEPT = 1_000_000;
/** Of events that were given up the newest are kept, so many for each subscriber. */
const MOST_DEAD = 1000;

/** Who gets a durable event. */
export interface Addressed {
  readonly subscribers: readonly string[];
  /** Called when it is written, one after the other in the order of their numbers. */
  readonly onKept: (event: KeptEvent) => void;
}

/** What a store may be told. */
export interface StoreOptions {
  /** Hears when an acknowledgement could not be written, or events not be read; once, until it goes well again. */
  readonly onTrouble: (error: unknown) => void;
  /** The most that are kept for one subscriber. */
  readonly mostKept?: number;
}

/** The durable events of one host. */
export class EventStore {
  readonly #writes: Writes;
  readonly #mostKept: number;
  readonly #onTrouble: StoreOptions["onTrouble"];
  readonly #allowance = new Allowance("for the disk", "Wait for each publish to end, or publish less");
  /** How many are kept for each subscriber, once they were counted. */
  readonly #kept = new Map<string, number>();
  #isTroubled = false;

  constructor(database: Database, { onTrouble, mostKept = MOST_KEPT }: StoreOptions) {
    this.#writes = new Writes(database);
    this.#mostKept = mostKept;
    this.#onTrouble = onTrouble;
  }

  /** How many events wait to be written. */
  get waiting(): number {
    return this.#allowance.events;
  }

  /** How many are kept for a subscriber; 0 until they were counted. */
  keptOf(subscriber: string): number {
    return this.#kept.get(subscriber) ?? 0;
  }

  /**
   * Keeps an event; resolves when it is written.
   * @throws {PluginError} "caller.overloaded", "host.state".
   */
  async add(event: PublishedEvent, { subscribers, onKept }: Addressed): Promise<void> {
    this.#allowance.enter(event);
    let seq = 0;
    try {
      await this.#writes.add((prepare) => {
        for (const subscriber of subscribers) this.#requireRoom(prepare, subscriber);
        const { id, topic, from, data } = event;
        seq = Number(prepare(ADD_EVENT).run(id, topic, from, data).lastInsertRowid);
        for (const subscriber of subscribers) prepare(ADD_DELIVERY).run(seq, subscriber);
      }, () => {
        for (const subscriber of subscribers) this.#changeKept(subscriber, 1);
        onKept({ ...event, seq });
      });
    } finally {
      this.#allowance.leave(event);
    }
  }

  /** The subscriber has it. When that cannot be written, it comes again after a restart of the host. */
  async acknowledge(subscriber: string, seq: number): Promise<void> {
    await this.#settle(subscriber, (prepare) => remove(prepare, subscriber, seq));
  }

  /** It is given up for this subscriber, and stays to be looked at; else as `acknowledge`. */
  async bury(subscriber: string, seq: number, { attempts, reason }: Pick<DeadLetter, "attempts" | "reason">): Promise<void> {
    await this.#settle(subscriber, (prepare) => {
      prepare(BURY).run(attempts, reason, Date.now(), seq, subscriber);
      for (const old of prepare(OLD_DEAD).all(subscriber, MOST_DEAD)) remove(prepare, subscriber, Number(old["seq"]));
    });
  }

  /** The next ones that a subscriber has not acknowledged, in their order, as many as there is room for; at least one if there is any. */
  async pending(
    subscriber: string,
    afterSeq: number,
    room: { readonly events: number; readonly bytes: number },
  ): Promise<readonly KeptEvent[]> {
    const read = this.#writes.read((prepare) => {
      this.#countKept(prepare, subscriber);
      const sizes = prepare(PENDING_SIZES).all(subscriber, afterSeq, Math.max(1, room.events));
      return within(room.bytes, sizes).map((seq) => eventFromRow(prepare(EVENT).get(seq)));
    });
    read.catch((error) => this.#tell(error));
    return await read;
  }

  /** What was given up, the oldest first; the newest thousand, or fewer if these are large. */
  async dead(): Promise<readonly DeadLetter[]> {
    await this.#writes.add(() => {}); // What has been given up before this stands behind it.
    return await this.#writes.read((prepare) => {
      const rows = prepare(DEAD).all(MOST_DEAD);
      return rows.slice(0, within(MOST_BYTES, rows).length).reverse().map((row) => ({
        ...letterFromRow(row),
        ...eventFromRow(prepare(EVENT).get(Number(row["seq"]))),
      })).map(({ seq: _seq, kind: _kind, ...letter }) => letter);
    });
  }

  /** Waits until everything is written. */
  async close(): Promise<void> {
    await this.#writes.close();
  }

  async #settle(subscriber: string, run: (prepare: Prepare) => void): Promise<void> {
    try {
      await this.#writes.add(run, () => this.#changeKept(subscriber, -1));
      this.#isTroubled = false;
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error: unknown): void {
    if (!this.#isTroubled) this.#onTrouble(error);
    this.#isTroubled = true;
  }

  #requireRoom(prepare: Prepare, subscriber: string): void {
    const kept = this.#countKept(prepare, subscriber);
    if (kept < this.#mostKept) return;
    const message = `Plugin "${subscriber}" has ${kept} durable events waiting, which is the most that are kept`;
    throw new PluginError("caller.overloaded", message, { plugin: subscriber, hint: "Start it, or take the topic out of durable" });
  }

  #countKept(prepare: Prepare, subscriber: string): number {
    const known = this.#kept.get(subscriber);
    if (known !== undefined) return known;
    const counted = Number(prepare(COUNT).get(subscriber)?.["n"] ?? 0);
    this.#kept.set(subscriber, counted);
    return counted;
  }

  #changeKept(subscriber: string, by: 1 | -1): void {
    const kept = this.#kept.get(subscriber);
    if (kept !== undefined) this.#kept.set(subscriber, kept + by);
  }
}
