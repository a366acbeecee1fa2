/**
 * Writing to the database: takes changes, makes all that come in one turn of the event loop in one transaction.
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import { messageOf, PluginError } from "../../protocol/errors.ts";
import type { Database } from "../services/database.ts";

/** Prepares a statement, each once. */
export type Prepare = (sql: string) => StatementSync;

interface Write {
  /** What it throws before it has changed anything concerns it alone. */
  readonly run: (prepare: Prepare) => void;
  readonly onWritten: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** Makes changes, many at a time. */
export class Writes {
  readonly #database: Database;
  readonly #statements = new Map<string, StatementSync>();
  #waiting: Write[] = [];
  #flushing: Promise<void> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Makes a change; `onWritten` is called in the order of the changes.
   * @throws {PluginError} "host.state", or what `run` throws.
   */
  add(run: Write["run"], onWritten: () => void = () => {}): Promise<void> {
    return new Promise((resolve, onFailure) => {
      const written = () => {
        onWritten();
        resolve();
      };
      this.#waiting.push({ run, onWritten: written, onFailure });
      this.#flushing ??= this.#flush().finally(() => this.#flushing = undefined);
    });
  }

  /**
   * Prepares a question.
   * @throws {PluginError} "host.state".
   */
  async read<T>(ask: (prepare: Prepare) => T): Promise<T> {
    const database = await this.#database.open();
    try {
      return ask(this.#prepare(database));
    } catch (error) {
      throw stateError("read", error);
    }
  }

  /** Waits until everything is written. */
  async close(): Promise<void> {
    await this.#flushing;
    this.#statements.clear();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Everything that this turn of the event loop still brings goes along.
      await new Promise((resolve) => setImmediate(resolve));
      const writes = this.#waiting;
      this.#waiting = [];
      try {
        const database = await this.#database.open();
        for (const { onWritten } of commit(database, this.#prepare(database), writes)) onWritten();
      } catch (error) {
        for (const { onFailure } of writes) onFailure(stateError("write", error));
      }
    }
  }

  #prepare(database: DatabaseSync): Prepare {
    return (sql) => {
      let statement = this.#statements.get(sql);
      if (statement === undefined) this.#statements.set(sql, statement = database.prepare(sql));
      return statement;
    };
  }
}

/** Gives those that were written; one that is refused leaves the others as they are. */
function commit(database: DatabaseSync, prepare: Prepare, writes: readonly Write[]): readonly Write[] {
  const written: Write[] = [];
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const write of writes) {
      try {
        write.run(prepare);
        written.push(write);
      } catch (error) {
        if (!(error instanceof PluginError)) throw error;
        write.onFailure(error);
      }
    }
    database.exec("COMMIT");
  } catch (error) {
    rollBack(database);
    throw error;
  }
  return written;
}

/** SQLite has done it already after some errors, a full disk for example. */
function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // The error that led here is the one to tell.
  }
}

function stateError(verb: string, error: unknown): PluginError {
  if (error instanceof PluginError) return error;
  const hint = "Make room where state_dir is, or correct who may write there";
  return new PluginError("host.state", `Cannot ${verb} events in the host's database: ${messageOf(error)}`, { hint, cause: error });
}
