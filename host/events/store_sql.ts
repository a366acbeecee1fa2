/**
 * The statements behind durable events, and what their rows say.
 * @module
 */
import type { DeadLetter, KeptEvent } from "./published.ts";
import type { Prepare } from "./writes.ts";

/** Keeps an event. */
export const ADD_EVENT: string = "INSERT INTO events (id, topic, publisher, data) VALUES (?, ?, ?, ?)";
/** Keeps it for a subscriber. */
export const ADD_DELIVERY: string = "INSERT INTO deliveries (seq, subscriber) VALUES (?, ?)";
/** One event. */
export const EVENT: string = "SELECT seq, id, topic, publisher, data FROM events WHERE seq = ?";
/** How many wait for a subscriber. */
export const COUNT: string = "SELECT count(*) AS n FROM deliveries WHERE subscriber = ? AND dead_since IS NULL";
/** What waits for a subscriber behind a number, and how large each is. */
export const PENDING_SIZES: string = `SELECT d.seq, length(e.data) AS size FROM deliveries d JOIN events e ON e.seq = d.seq
WHERE d.subscriber = ? AND d.seq > ? AND d.dead_since IS NULL ORDER BY d.seq LIMIT ?`;
/** Gives one up for a subscriber. */
export const BURY: string = "UPDATE deliveries SET attempts = ?, reason = ?, dead_since = ? WHERE seq = ? AND subscriber = ?";
/** Those given up for a subscriber, but for the newest. */
export const OLD_DEAD: string = `SELECT seq FROM deliveries WHERE subscriber = ? AND dead_since IS NOT NULL
ORDER BY dead_since DESC, seq DESC LIMIT -1 OFFSET ?`;
/** What was given up, the newest first, and how large each is. */
export const DEAD: string = `SELECT d.seq, length(e.data) AS size, d.subscriber, d.attempts, d.reason, d.dead_since
FROM deliveries d JOIN events e ON e.seq = d.seq WHERE d.dead_since IS NOT NULL ORDER BY d.dead_since DESC, d.seq DESC LIMIT ?`;
const REMOVE = "DELETE FROM deliveries WHERE seq = ? AND subscriber = ?";
const FORGET = "DELETE FROM events WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE seq = ?1)";

type Row = Readonly<Record<string, unknown>>;

/** Takes it from a subscriber, and away when it was the last. */
export function remove(prepare: Prepare, subscriber: string, seq: number): void {
  prepare(REMOVE).run(seq, subscriber);
  prepare(FORGET).run(seq);
}

/** Those that fit together; the first in any case. */
export function within(bytes: number, rows: readonly Row[]): readonly number[] {
  let left = bytes;
  const fits = rows.findIndex(({ size }) => (left -= Number(size)) < 0);
  return rows.slice(0, fits < 0 ? rows.length : Math.max(1, fits)).map(({ seq }) => Number(seq));
}

/** An event as `EVENT` gives it. */
export function eventFromRow(row: Row = {}): KeptEvent {
  return {
    id: String(row["id"]),
    topic: String(row["topic"]),
    from: String(row["publisher"]),
    data: row["data"] as KeptEvent["data"],
    kind: "durable",
    seq: Number(row["seq"]),
  };
}

/** What `DEAD` says of one beside the event. */
export function letterFromRow(row: Row): Pick<DeadLetter, "plugin" | "attempts" | "reason" | "at"> {
  return {
    plugin: String(row["subscriber"]),
    attempts: Number(row["attempts"]),
    reason: String(row["reason"]),
    at: new Date(Number(row["dead_since"])),
  };
}
