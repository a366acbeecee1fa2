/**
 * What the host and the plugins of this example say to each other, as JSON. Types alone: nothing of this file runs, so that each plugin's
 * checksum covers all of its own code.
 * @module
 */

/** The logs that the example reads: what sshd writes through syslog, and Apache's error log. */
export type LogFormat = "sshd" | "apache";

/** The first line of what `plugin.log.filter` takes; the raw log lines follow it. */
export interface BatchHead {
  readonly format: LogFormat;
  /** The year of every sshd line, which carries none; Apache's lines have their own. */
  readonly year: number;
}

/** A failed attempt to log in, or an entry of Apache's error log. */
export interface LogEvent {
  /** `2025-03-14T02:35:10`, the log's own local time. */
  readonly time: string;
  /** Where it came from; empty when an Apache entry names no client. */
  readonly address: string;
  /** The user name that was tried, or Apache's level. */
  readonly name: string;
  /** How often: syslog joins equal lines. */
  readonly count: number;
}

/** What `plugin.log.filter` answers. */
export interface Filtered {
  /** Lines that are not empty. */
  readonly lines: number;
  /** Those of them that do not begin as lines of this format do. */
  readonly unread: number;
  readonly events: readonly LogEvent[];
}

/** What `plugin.log.store` takes. A batch that comes twice, as when a call is repeated, is stored once. */
export interface StoreRequest {
  /** Names the database; each run of the host has its own. */
  readonly run: string;
  readonly batch: number;
  readonly events: readonly LogEvent[];
}

/** What `plugin.log.retention` takes: events before this time are deleted. It answers `{"deleted":N}`, the attempts or entries. */
export interface RetentionRequest {
  readonly run: string;
  readonly before: string;
}

/** What `plugin.log.query` and `plugin.log.drop` take. */
export interface RunRequest {
  readonly run: string;
}

/** A name and how often it came. */
export interface Tally {
  readonly name: string;
  readonly count: number;
}

/** What `plugin.log.query` answers: each list whole, the most frequent first, `hours` in the order of time. */
export interface Summary {
  readonly total: number;
  /** The times of the first and the last event; null when there is none. */
  readonly first: string | null;
  readonly last: string | null;
  readonly addresses: readonly Tally[];
  readonly names: readonly Tally[];
  /** By the hour: `2025-03-14T02`. */
  readonly hours: readonly Tally[];
}

/** What `plugin.log.report` takes; it answers text. */
export interface ReportRequest {
  /** The log's name for the title. */
  readonly file: string;
  readonly format: LogFormat;
  readonly lines: number;
  readonly unread: number;
  /** The year that the sshd lines were taken to be of; null for Apache. */
  readonly year: number | null;
  /** Where the count begins, when older events were left out. */
  readonly since: string | null;
  readonly deleted: number;
  readonly summary: Summary;
}
