/**
 * The pool's items: takes what is submitted, merged and committed, keeps it in SQLite. An item is committed once, however
 * often anybody asks.
 * @module
 */
import { DatabaseSync } from "node:sqlite";

/** An item from when it was submitted until it is committed. */
export interface Item {
  readonly id: string;
  readonly amount: number;
  readonly state: "open" | "merged" | "committed";
  /** The item that it was merged into. */
  readonly mergedInto: string | null;
}

/** What waits for somebody to work on it. */
export interface OpenItem {
  readonly id: string;
  readonly amount: number;
  readonly waitedMs: number;
}

/** Below that an item is dust, which is merged with other dust first. */
export const DUST = 10;

const SCHEMA = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS items (
  id TEXT PRIMARY KEY, amount INTEGER NOT NULL, whole INTEGER NOT NULL, state TEXT NOT NULL, merged_into TEXT, since INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS open_items ON items (whole, since) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS states ON items (state);
CREATE INDEX IF NOT EXISTS merged_items ON items (merged_into) WHERE merged_into IS NOT NULL;
CREATE TABLE IF NOT EXISTS commits (id TEXT PRIMARY KEY, signature TEXT NOT NULL) STRICT;
`;

/** The items of one pool. */
export class ItemStore {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(SCHEMA);
  }

  /** Adds items; one whose id is there already changes nothing. Gives those that are new. */
  submit(items: readonly { readonly id: string; readonly amount: number }[]): readonly string[] {
    const insert = this.#database.prepare("INSERT OR IGNORE INTO items VALUES (?, ?, ?, 'open', NULL, ?)");
    return this.#within(() =>
      items.filter(({ id, amount }) => insert.run(id, amount, Number(amount >= DUST), Date.now()).changes > 0).map(({ id }) => id)
    );
  }

  /** What is open, the oldest first: dust, or items that are whole. */
  open(kind: "dust" | "whole", limit: number): readonly OpenItem[] {
    const rows = this.#database.prepare("SELECT id, amount, since FROM items WHERE state = 'open' AND whole = ? ORDER BY since LIMIT ?")
      .all(Number(kind === "whole"), limit);
    return rows.map(({ id, amount, since }) => ({ id: String(id), amount: Number(amount), waitedMs: Date.now() - Number(since) }));
  }

  /** Makes one whole item of dust that is open; `undefined` when any of it no longer is. */
  merge(ids: readonly string[]): { readonly id: string; readonly amount: number } | undefined {
    return this.#within(() => {
      const dust = this.#rows("SELECT id, amount FROM items WHERE state = 'open' AND whole = 0 AND id IN", ids);
      if (ids.length === 0 || dust.length !== new Set(ids).size) return undefined;
      const amount = dust.reduce((sum, row) => sum + Number(row["amount"]), 0);
      // No item that anybody submits has a colon in its id.
      const id = `merged:${ids[0]}`;
      this.#database.prepare("INSERT INTO items VALUES (?, ?, 1, 'open', NULL, ?)").run(id, amount, Date.now());
      const mark = this.#database.prepare("UPDATE items SET state = 'merged', merged_into = ? WHERE id = ?");
      for (const each of ids) mark.run(id, each);
      return { id, amount };
    });
  }

  /** Commits whole items and the dust in them, and gives the ids of both; none at all when one of them is not open any more. */
  commit(ids: readonly string[], signature: string): readonly string[] {
    return this.#within(() => {
      const whole = this.#rows("SELECT id FROM items WHERE state = 'open' AND whole = 1 AND id IN", ids);
      if (whole.length !== new Set(ids).size) return [];
      const dust = this.#rows("SELECT id FROM items WHERE merged_into IN", ids);
      const committed = [...whole, ...dust].map(({ id }) => String(id));
      const insert = this.#database.prepare("INSERT INTO commits VALUES (?, ?)");
      const mark = this.#database.prepare("UPDATE items SET state = 'committed' WHERE id = ?");
      for (const id of committed) {
        insert.run(id, signature);
        mark.run(id);
      }
      return committed;
    });
  }

  /** One item, if there is one of that id. */
  get(id: string): Item | undefined {
    const row = this.#database.prepare("SELECT id, amount, state, merged_into AS mergedInto FROM items WHERE id = ?").get(id);
    return row === undefined ? undefined : { ...row } as unknown as Item;
  }

  /** How many items there are in each state. */
  counts(): Readonly<Record<Item["state"], number>> {
    const rows = this.#database.prepare("SELECT state, count(*) AS n FROM items GROUP BY state").all();
    return { open: 0, merged: 0, committed: 0, ...Object.fromEntries(rows.map(({ state, n }) => [state, Number(n)])) };
  }

  /** Closes the database. */
  close(): void {
    this.#database.close();
  }

  #rows(select: string, ids: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
    return this.#database.prepare(`${select} (SELECT value FROM json_each(?))`).all(JSON.stringify(ids));
  }

  #within<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}
