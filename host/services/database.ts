/**
 * The host's database: SQLite in the folder of its state, opened by who first needs it.
 *
 * What was written is there after the host was killed; after a power cut the last moments may be missing, since nothing waits for the disk.
 * @module
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { messageOf, PluginError } from "../../protocol/errors.ts";

const SCHEMA = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA busy_timeout = 5000;
CREATE TABLE IF NOT EXISTS kv (
  plugin TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, written_at INTEGER NOT NULL, expires_at INTEGER,
  PRIMARY KEY (plugin, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, publisher TEXT NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER NOT NULL, subscriber TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, dead_since INTEGER, reason TEXT,
  PRIMARY KEY (seq, subscriber)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_of ON deliveries (subscriber, seq);
`;

/** The database of one host. */
export class Database {
  readonly #folder: string;
  readonly #path: string;
  #opening: Promise<DatabaseSync> | undefined;

  constructor(stateDir: string, host: string) {
    this.#folder = join(stateDir, "hosts");
    this.#path = join(this.#folder, `${host}.sqlite`);
  }

  /**
   * Opens it once.
   * @throws {PluginError} "host.state".
   */
  open(): Promise<DatabaseSync> {
    return this.#opening ??= this.#open().catch((error) => {
      this.#opening = undefined;
      const hint = "Correct state_dir, or make room there";
      throw new PluginError("host.state", `Cannot open "${this.#path}": ${messageOf(error)}`, { hint, cause: error });
    });
  }

  async close(): Promise<void> {
    const database = await this.#opening?.catch(() => undefined);
    database?.close();
  }

  async #open(): Promise<DatabaseSync> {
    const { DatabaseSync } = await import("node:sqlite");
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(this.#path);
    database.exec(SCHEMA);
    return database;
  }
}
