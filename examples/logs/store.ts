/**
 * The plugin log-store: takes events, keeps them in SQLite, gives sums over them.
 *
 * Each run of a host has a database of its own in the plugin's data folder, so that runs at the same time do not mix, and a restart of
 * the plugin in the middle of a run loses nothing. `plugin.log.drop` deletes it; what a run that was cut short left goes after a day.
 * @module
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { type Bytes, definePlugin, PluginError, serve } from "@polyplug/core/plugin";
import * as v from "valibot";
import type { RetentionRequest, RunRequest, StoreRequest, Summary, Tally } from "./messages.ts";

const TABLES = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS events (time TEXT NOT NULL, address TEXT NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL);
`;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/, "must look like 2025-03-14T02:35:10"));
// It becomes part of a file's name.
const run = v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}$/));
const event = v.object({ time, address: v.string(), name: v.string(), count });
const storeSchema: v.GenericSchema<StoreRequest> = v.object({ run, batch: count, events: v.array(event) });
const retentionSchema: v.GenericSchema<RetentionRequest> = v.object({ run, before: time });
const runSchema: v.GenericSchema<RunRequest> = v.object({ run });

const databases = new Map<string, DatabaseSync>();

const folder = process.env["POLYPLUG_DATA_DIR"] ?? tmpdir();
const PREFIX = "log-store-";
const DAY_MS = 86_400_000;

function pathOf(run: string): string {
  return join(folder, `${PREFIX}${run}.sqlite`);
}

function removeAbandoned(): void {
  for (const path of readdirSync(folder).filter((file) => file.startsWith(PREFIX)).map((file) => join(folder, file))) {
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - changed > DAY_MS) rmSync(path, { force: true });
  }
}

function open(run: string): DatabaseSync {
  const known = databases.get(run);
  if (known !== undefined) return known;
  const database = new DatabaseSync(pathOf(run));
  database.exec(TABLES);
  databases.set(run, database);
  return database;
}

function store({ run, batch, events }: StoreRequest): { readonly stored: number } {
  const database = open(run);
  database.exec("BEGIN");
  try {
    const fresh = database.prepare("INSERT OR IGNORE INTO batches VALUES (?)").run(batch).changes;
    const insert = database.prepare("INSERT INTO events VALUES (?, ?, ?, ?)");
    if (fresh) { for (const { time, address, name, count } of events) insert.run(time, address, name, count); }
    database.exec("COMMIT");
    return { stored: fresh ? events.length : 0 };
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function query({ run }: RunRequest): Summary {
  const database = open(run);
  const span = database.prepare("SELECT coalesce(sum(count), 0) AS total, min(time) AS first, max(time) AS last FROM events").get();
  const tally = (column: string, order: string, where = "1") =>
    database.prepare(`SELECT ${column} AS name, sum(count) AS count FROM events WHERE ${where} GROUP BY 1 ORDER BY ${order}`).all();
  return {
    ...span as Pick<Summary, "total" | "first" | "last">,
    addresses: tally("address", "2 DESC, 1", "address <> ''") as unknown as Tally[],
    names: tally("name", "2 DESC, 1") as unknown as Tally[],
    hours: tally("substr(time, 1, 13)", "1") as unknown as Tally[],
  };
}

function retain({ run, before }: RetentionRequest): { readonly deleted: number } {
  const database = open(run);
  const gone = database.prepare("SELECT coalesce(sum(count), 0) AS deleted FROM events WHERE time < ?").get(before);
  database.prepare("DELETE FROM events WHERE time < ?").run(before);
  return gone as { readonly deleted: number };
}

function drop({ run }: RunRequest): Record<string, never> {
  databases.get(run)?.close();
  databases.delete(run);
  for (const suffix of ["", "-wal", "-shm"]) rmSync(pathOf(run) + suffix, { force: true });
  return {};
}

/** A command that takes and gives JSON. */
function json<T>(schema: v.GenericSchema<T>, handler: (input: T) => unknown): (payload: Bytes) => Uint8Array {
  return (payload) => {
    const input = parse(schema, payload);
    return new TextEncoder().encode(JSON.stringify(handler(input)));
  };
}

function parse<T>(schema: v.GenericSchema<T>, payload: Bytes): T {
  try {
    return v.parse(schema, JSON.parse(new TextDecoder().decode(payload)));
  } catch (error) {
    throw new PluginError("log.bad_request", v.isValiError(error) ? `${v.getDotPath(error.issues[0])}: ${error.message}` : String(error));
  }
}

/** Keeps the events of each run until the run is dropped. */
export const logStore = definePlugin({
  name: "log-store",
  version: "1.0.0",
  commands: {
    "plugin.log.store": json(storeSchema, store),
    "plugin.log.query": json(runSchema, query),
    "plugin.log.retention": json(retentionSchema, retain),
    "plugin.log.drop": json(runSchema, drop),
  },
});

if (import.meta.main) {
  removeAbandoned();
  await serve(logStore);
}
