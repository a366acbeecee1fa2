/**
 * The service `kv`: keys and values of each plugin, kept in the host's database.
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { command } from "../../protocol/command.ts";
import { encodeHex } from "../../protocol/hex.ts";
import type { Commands } from "../../protocol/plugin.ts";
import type { Database } from "./database.ts";
import { COUNT, HEX, NOTHING } from "./schemas.ts";

const KEY = v.pipe(v.string(), v.minLength(1), v.maxLength(1024));
const MOST_KEYS = 1000;

/** Makes the service; what a plugin writes no other sees. */
export function kvCommands(database: Database): Commands {
  return {
    get: command({ input: v.object({ key: KEY }), output: v.object({ value: v.nullable(v.string()) }) }, async ({ key }, { from }) => {
      const row = (await database.open()).prepare(`SELECT value FROM kv WHERE plugin = ? AND key = ? AND ${ALIVE}`).get(
        from,
        key,
        Date.now(),
      );
      return { value: row === undefined ? null : encodeHex(row["value"] as Uint8Array) };
    }),
    set: command(
      { input: v.object({ key: KEY, value: HEX, ttl_ms: v.optional(COUNT) }), output: NOTHING },
      async ({ key, value, ttl_ms }, { from }) => {
        const now = Date.now();
        const expires = ttl_ms === undefined ? null : now + ttl_ms;
        (await database.open()).prepare(SET).run(from, key, value, now, expires);
        return {};
      },
    ),
    delete: command({ input: v.object({ key: KEY }), output: v.object({ deleted: v.boolean() }) }, async ({ key }, { from }) => {
      const { changes } = (await database.open()).prepare(`DELETE FROM kv WHERE plugin = ? AND key = ? AND ${ALIVE}`).run(
        from,
        key,
        Date.now(),
      );
      return { deleted: changes > 0 };
    }),
    list: command(
      {
        input: v.object({
          prefix: v.optional(v.string(), ""),
          cursor: v.optional(v.string(), ""),
          limit: v.optional(v.pipe(COUNT, v.minValue(1), v.maxValue(MOST_KEYS)), MOST_KEYS),
        }),
        output: v.object({ keys: v.array(v.string()), cursor: v.optional(v.string()) }),
      },
      async ({ prefix, cursor, limit }, { from }) => {
        const keys = listKeys(await database.open(), { plugin: from, prefix, cursor, limit });
        const last = keys.at(-1);
        return { keys, ...(keys.length === limit && last !== undefined ? { cursor: last } : {}) };
      },
    ),
    prune: command({ input: v.object({ older_than_ms: COUNT }), output: v.object({ removed: v.number() }) }, async (input, { from }) => {
      const now = Date.now();
      const { changes } = (await database.open()).prepare(PRUNE).run(from, now - input.older_than_ms, now);
      return { removed: Number(changes) };
    }),
  };
}

const ALIVE = "(expires_at IS NULL OR expires_at > ?)";
const SET = `INSERT INTO kv (plugin, key, value, written_at, expires_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value, written_at = excluded.written_at, expires_at = excluded.expires_at`;
const PRUNE = "DELETE FROM kv WHERE plugin = ? AND (written_at <= ? OR expires_at <= ?)";

interface Listing {
  readonly plugin: string;
  readonly prefix: string;
  readonly cursor: string;
  readonly limit: number;
}

/** In the order of their bytes, behind the cursor. */
function listKeys(database: DatabaseSync, { plugin, prefix, cursor, limit }: Listing): string[] {
  const rows = database.prepare(
    `SELECT key FROM kv WHERE plugin = ? AND key > ? AND key >= ? AND key < ? || char(1114111) AND ${ALIVE} ORDER BY key LIMIT ?`,
  ).all(plugin, cursor, prefix, prefix, Date.now(), limit);
  return rows.map(({ key }) => String(key));
}
