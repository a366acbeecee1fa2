/**
 * The tables and keys of config.toml as valibot schemas: what types they have, in the words of the file.
 * @module
 */
import * as v from "valibot";
import type { Dialect } from "../../protocol/caller.ts";
import { endpointFromAddress } from "../../protocol/endpoint.ts";
import { isName } from "../../protocol/names.ts";
import { isPattern } from "../../protocol/topics.ts";
import { isApiRange } from "../api_version.ts";

const text = v.pipe(v.string("must be a string"), v.nonEmpty("must not be empty"));
const texts = v.array(v.string("must be a string"), "must be a list of strings");
const flag = v.boolean("must be true or false");
const SECONDS = "must be a number of seconds, 0 or more";
const MOST_SECONDS = 2_147_483;
/** Timers take at most 2³¹−1 milliseconds; a longer one would fire at once. */
const seconds = v.pipe(
  v.number(SECONDS),
  v.finite(SECONDS),
  v.minValue(0, SECONDS),
  v.maxValue(MOST_SECONDS, `must be at most ${MOST_SECONDS} seconds`),
);
const COUNT = "must be a whole number, 1 or more";
const count = v.pipe(v.number(COUNT), v.integer(COUNT), v.minValue(1, COUNT));
/** Whether a value is a table; valibot takes a list for one too. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

const tableOf = <const E extends v.ObjectEntries>(entries: E) => {
  return Object.assign(v.pipe(v.custom<unknown>(isTable, "must be a table"), v.object(entries)), { entries });
};
const table = v.custom<Readonly<Record<string, unknown>>>(isTable, "must be a table");
const PORT = "must be an integer from 0 to 65535";
const port = v.pipe(
  v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,5}$/), v.transform(Number))], PORT),
  v.integer(PORT),
  v.minValue(0, PORT),
  v.maxValue(65535, PORT),
);
const hex = (digits: number) => {
  const message = `must be ${digits} hex digits`;
  return v.pipe(v.string(message), v.regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`), message), v.toLowerCase());
};

const ADDRESS = 'must be an http URL with a port, or "unix:" and an absolute path';
const address = v.pipe(
  v.string(ADDRESS),
  v.regex(/^(http:\/\/[^/]+:\d+\/?|unix:\/.+)$/, ADDRESS),
  v.check((value) => endpointFromAddress(value) !== undefined, ADDRESS),
);
const environmentTable = v.pipe(v.custom(isTable, "must be a table of strings"), v.record(v.string(), v.string("must be a string")));
const pattern = v.pipe(
  v.string("must be a string"),
  v.check(isPattern, 'must be a pattern: words of letters, digits, "_" or "-", "*" or "#", joined by dots'),
);
const patterns = v.array(pattern, "must be a list of strings");
const role = v.pipe(text, v.check(isName, 'must be 1 to 64 letters, digits, "_" or "-", a letter or digit first'));
const overflow = v.picklist(["drop-oldest", "drop-newest", "block"], 'must be "drop-oldest", "drop-newest" or "block"');
const capability = v.pipe(v.string("must be a string"), v.regex(/^[^@\s]+@\d+\.\d+\.\d+\S*$/, 'must have the form "name@1.2.3"'));

const apiRange = v.pipe(text, v.check(isApiRange, 'must be a semver range such as "^2.1.0"'));

const COUNT_OR_NONE = "must be a whole number, 0 or more";
const restart = tableOf({
  max: v.optional(v.pipe(v.number(COUNT_OR_NONE), v.integer(COUNT_OR_NONE), v.minValue(0, COUNT_OR_NONE))),
  window: v.optional(seconds),
  min_delay: v.optional(seconds),
  max_delay: v.optional(seconds),
});
const stop = tableOf({ shutdown: v.optional(seconds), stdin: v.optional(seconds), term: v.optional(seconds) });
const grants = tableOf({
  services: v.optional(patterns, []),
  publish: v.optional(patterns, []),
  plugins: v.optional(v.pipe(v.custom(isTable, "must be a table of lists"), v.record(v.string(), patterns)), {}),
});
const eventQueue = {
  queue: v.optional(count),
  overflow: v.optional(overflow),
  ack_timeout: v.optional(v.pipe(seconds, v.gtValue(0, "must be more than 0 seconds"))),
  max_attempts: v.optional(count),
  own: v.optional(flag),
};

/** A schema of a table, with its keys. */
export type TableSchema<T> = v.GenericSchema<unknown, T> & { readonly entries: v.ObjectEntries };

/** `[meta]`, which is information alone. */
export const META: TableSchema<unknown> = v.object({
  version: v.optional(v.string("must be a string")),
  author: v.optional(v.string("must be a string")),
  contributors: v.optional(texts),
});

/** `[settings]` */
export interface SettingsTable {
  readonly debug?: boolean | undefined;
  readonly allow_unverified?: boolean | undefined;
  readonly state_dir?: string | undefined;
}

/** `[settings]` */
export const SETTINGS: TableSchema<SettingsTable> = v.object({
  debug: v.optional(flag),
  allow_unverified: v.optional(flag),
  state_dir: v.optional(text),
});

/** How events wait for who gets them; what a plugin does not say `[events]` does. */
export interface EventQueueTable {
  readonly queue?: number | undefined;
  readonly overflow?: "drop-oldest" | "drop-newest" | "block" | undefined;
  readonly ack_timeout?: number | undefined;
  readonly max_attempts?: number | undefined;
  readonly own?: boolean | undefined;
}

/** `[events]` */
export interface EventsTable extends EventQueueTable {
  readonly durable: readonly string[];
}

/** `[events]` */
export const EVENTS: TableSchema<EventsTable> = v.object({ durable: v.optional(patterns, []), ...eventQueue });

/** `[hosts.NAME]` */
export const HOST: TableSchema<{ readonly plugins: readonly string[] }> = v.object({ plugins: v.optional(texts, []) });

/** `[plugins.NAME]` whose types are right; keys that have no effect yet are `unknown`. */
export interface PluginTable {
  readonly author?: string | undefined;
  readonly md5?: string | undefined;
  readonly sha256?: string | undefined;
  readonly exec?: string | undefined;
  readonly exec_args: readonly string[];
  readonly exec_file?: string | undefined;
  readonly files: readonly string[];
  readonly exec_time: number;
  readonly start_timeout?: number | undefined;
  readonly comm_type: string;
  readonly comm_port: number;
  readonly address?: string | undefined;
  readonly attach?: string | undefined;
  readonly socket: boolean;
  readonly dialect?: Dialect | undefined;
  readonly features: readonly string[];
  readonly cwd?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly env_inherit: readonly string[];
  readonly timeout: number;
  readonly max_payload: number;
  readonly ping_timeout: number;
  readonly ping_interval: number;
  readonly restart: {
    readonly max?: number | undefined;
    readonly window?: number | undefined;
    readonly min_delay?: number | undefined;
    readonly max_delay?: number | undefined;
  };
  readonly daemon: boolean;
  readonly idle_time: number;
  readonly max_concurrent?: number | undefined;
  readonly config?: Readonly<Record<string, unknown>> | string | undefined;
  readonly stop: { readonly shutdown?: number | undefined; readonly stdin?: number | undefined; readonly term?: number | undefined };
  readonly enabled: boolean;
  readonly api?: string | undefined;
  readonly events: EventQueueTable;
  readonly expose: readonly string[];
  readonly grants: {
    readonly services: readonly string[];
    readonly publish: readonly string[];
    readonly plugins: Readonly<Record<string, readonly string[]>>;
  };
  readonly permissions?: unknown;
  readonly provides: readonly string[];
  readonly role?: string | undefined;
  readonly subscribes: readonly string[];
  readonly tick?: number | undefined;
}

/** `[plugins.NAME]`, with the defaults that need no other key. */
export const PLUGIN: TableSchema<PluginTable> = v.object({
  author: v.optional(v.string("must be a string")),
  md5: v.optional(hex(32)),
  sha256: v.optional(hex(64)),
  exec: v.optional(text),
  exec_args: v.optional(texts, []),
  exec_file: v.optional(text),
  files: v.optional(texts, []),
  exec_time: v.optional(seconds, 0),
  start_timeout: v.optional(v.pipe(seconds, v.gtValue(0, "must be more than 0 seconds"))),
  comm_type: v.optional(text, "rest"),
  comm_port: v.optional(port, 0),
  address: v.optional(address),
  attach: v.optional(address),
  socket: v.optional(flag, true),
  dialect: v.optional(v.picklist(["seed", "goplugin-1"], 'must be "seed" or "goplugin-1"')),
  features: v.optional(texts, []),
  cwd: v.optional(text),
  env: v.optional(environmentTable, {}),
  env_inherit: v.optional(texts, []),
  config: v.optional(v.union([v.string(), table], "must be a table or a string")),
  timeout: v.optional(v.pipe(seconds, v.gtValue(0, "must be more than 0 seconds")), 30),
  max_payload: v.optional(count, 16 * 1024 * 1024),
  max_concurrent: v.optional(count),
  ping_interval: v.optional(seconds, 5),
  ping_timeout: v.optional(v.pipe(seconds, v.gtValue(0, "must be more than 0 seconds")), 2),
  restart: v.optional(restart, {}),
  stop: v.optional(stop, {}),
  daemon: v.optional(flag, true),
  idle_time: v.optional(seconds, 30),
  enabled: v.optional(flag, true),
  api: v.optional(apiRange),
  subscribes: v.optional(patterns, []),
  tick: v.optional(v.pipe(seconds, v.gtValue(0, "must be more than 0 seconds"))),
  provides: v.optional(v.array(capability, 'must be a list of "name@1.2.3"'), []),
  events: v.optional(tableOf(eventQueue), {}),
  expose: v.optional(patterns, []),
  role: v.optional(role),
  grants: v.optional(grants, {}),
  permissions: v.optional(table),
}, "must be a table");

/** The `comm_type` of a table that is for a plugin which the application brings itself. */
export const BUILTIN = "builtin";
