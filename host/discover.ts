/**
 * Stage 2, discover: takes a `HostConfig` and a host's name, gives a `PluginSpec` for each plugin that this host may use.
 * @module
 */
import { resolve } from "node:path";
import type { Dialect } from "../protocol/caller.ts";
import { type Endpoint, endpointFromAddress } from "../protocol/endpoint.ts";
import { PluginError } from "../protocol/errors.ts";
import type { Builtin } from "./builtins/builtin.ts";
import type { HostConfig } from "./config/parse.ts";
import type { RestartPolicy } from "./supervise/backoff.ts";
import type { EventQueueTable, PluginTable } from "./config/schema.ts";

const discovered: unique symbol = Symbol("discovered");

/** What the configuration says of one plugin of one host: paths absolute, times in milliseconds. */
export interface PluginSpec {
  /** The plugin's name in the configuration. */
  readonly name: string;
  /** The host that uses it. */
  readonly host: string;
  /** The configuration file; `undefined` when it was an object. */
  readonly configPath: string | undefined;
  /** Where relative paths start. */
  readonly folder: string;
  /** Where data folders are kept. */
  readonly stateDir: string;
  /** Whether it may run without any checksum. */
  readonly allowUnverified: boolean;
  /** The command as written: a path, or a name to look up on PATH. */
  readonly exec: string;
  readonly execArgs: readonly string[];
  /** The file whose checksum is taken. */
  readonly execFile: string;
  /** Globs of further files that belong to it, relative to `folder`. */
  readonly files: readonly string[];
  readonly md5: string | undefined;
  readonly sha256: string | undefined;
  /** How long it may take from spawn to ready. */
  readonly startTimeoutMs: number;
  readonly commType: string;
  /** What runs inside the host's own process; `undefined` for a program. */
  readonly builtin: Builtin | undefined;
  /** 0 when the host chooses. */
  readonly commPort: number;
  /** Where it listens, if not on a loopback address at its port. */
  readonly address: Endpoint | undefined;
  /** Where it already runs; then nothing is spawned, verified or stopped. */
  readonly attach: Endpoint | undefined;
  /** `undefined` when the configuration does not say: then as the plugin's features say, else as the seed does. */
  readonly dialect: Dialect | undefined;
  /** Whether the framed socket may be used, where the plugin offers it. */
  readonly socket: boolean;
  /** Features added to those that it lists itself. */
  readonly features: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly envInherit: readonly string[];
  /** A call's deadline unless the call has its own. */
  readonly timeoutMs: number;
  readonly maxPayloadBytes: number;
  readonly pingTimeoutMs: number;
  /** How long nothing may be heard of it before it is pinged; 0 for never. */
  readonly pingIntervalMs: number;
  readonly restart: RestartPolicy;
  readonly stop: StopTimes;
  /** How long it is kept without a call; `undefined` when it always runs. */
  readonly idleTimeMs: number | undefined;
  /** The most calls that it gets at once; `undefined` for any number. */
  readonly maxConcurrent: number | undefined;
  /** What it is initialised with: a table, a text, or where one stands; `undefined` for nothing. */
  readonly config: Readonly<Record<string, unknown>> | string | undefined;
  readonly enabled: boolean;
  /** The versions of the application's own API that it works with, a semver range; `undefined` for every one. */
  readonly api: string | undefined;
  /** What it may ask of the host, of events and of other plugins. */
  readonly grants: Grants;
  /** Patterns of the events that it may get. */
  readonly subscribes: readonly string[];
  /** How often it gets a tick; `undefined` for as often as it wants itself. */
  readonly tickMs: number | undefined;
  /** What it is found by, as "name@1.2.3". */
  readonly provides: readonly string[];
  /** How events wait for it. */
  readonly events: EventQueueOptions;
  /** What it is one of several providers of. */
  readonly role: string | undefined;
  /** Patterns of the commands that can be called from outside, on the host's routes. */
  readonly expose: readonly string[];
  /** Keys that were set and that this version cannot honour; running without them would be unsafe. */
  readonly unsupported: readonly string[];
  /** Only `discoverPlugins` makes one. */
  readonly [discovered]: true;
}

/** What a plugin may call; nothing that is not named. */
export interface Grants {
  /** Patterns of the host's services and their methods. */
  readonly services: readonly string[];
  /** Patterns of topics that it may publish on. */
  readonly publish: readonly string[];
  /** Patterns of commands, by the plugin that has them. */
  readonly plugins: ReadonlyMap<string, readonly string[]>;
}

/** How events wait for a plugin. */
export interface EventQueueOptions {
  /** The most that wait. */
  readonly queue: number;
  /** What happens to the next one. */
  readonly overflow: "drop-oldest" | "drop-newest" | "block";
  /** How long it may take to acknowledge one. */
  readonly ackTimeoutMs: number;
  /** How often one is sent before it is given up. */
  readonly maxAttempts: number;
  /** Whether it gets those that it has published itself. */
  readonly own: boolean;
}

/** How long each step of stopping may take, in milliseconds. */
export interface StopTimes {
  /** For the shutdown command, or for open calls to finish. */
  readonly shutdownMs: number;
  /** After its stdin was closed. */
  readonly stdinMs: number;
  /** After SIGTERM. */
  readonly termMs: number;
}

/** goplugin's own wait; a plugin with a smaller `exec_time` still gets this long. */
const LEAST_START_TIMEOUT_S = 10;

/**
 * Picks the plugins of a host.
 * @throws {PluginError} "discover.unknown_host" listing the known ones.
 */
export function discoverPlugins(config: HostConfig, host: string): readonly PluginSpec[] {
  const names = config.hosts.get(host);
  if (names === undefined) {
    const known = [...config.hosts.keys()].join(", ") || "none";
    throw new PluginError("discover.unknown_host", `The configuration has no host "${host}"; it has: ${known}`, {
      hint: `Add [hosts.${host}] with plugins = […], or open one of the known hosts`,
    });
  }
  return [...new Set(names)].map((name) => specFromTable(config, host, name));
}

/**
 * One plugin of a host, as a configuration says it that was read anew.
 * @throws {PluginError} "host.unknown_plugin" when the host no longer has it.
 */
export function discoverPlugin(config: HostConfig, host: string, name: string): PluginSpec {
  if (config.hosts.get(host)?.includes(name) === true && config.plugins.has(name)) return specFromTable(config, host, name);
  throw new PluginError("host.unknown_plugin", `The configuration no longer has plugin "${name}" for host "${host}"`, {
    plugin: name,
    hint: `Add it to plugins of [hosts.${host}] again, or stop it`,
  });
}

function specFromTable(config: HostConfig, host: string, name: string): PluginSpec {
  const table = config.plugins.get(name);
  if (table === undefined) throw new TypeError(`parseConfig let host "${host}" name the unknown plugin "${name}"`);
  const { folder } = config;
  const exec = table.exec ?? "";
  return {
    name,
    host,
    configPath: config.path,
    folder,
    stateDir: resolve(folder, config.stateDir),
    allowUnverified: config.allowUnverified,
    exec,
    execArgs: table.exec_args,
    execFile: resolve(folder, table.exec_file ?? exec),
    files: table.files,
    md5: table.md5,
    sha256: table.sha256,
    startTimeoutMs: 1000 * (table.start_timeout ?? Math.max(table.exec_time, LEAST_START_TIMEOUT_S)),
    commType: table.comm_type,
    builtin: undefined,
    commPort: table.comm_port,
    address: table.address === undefined ? undefined : endpointFromAddress(table.address),
    attach: table.attach === undefined ? undefined : endpointFromAddress(table.attach),
    dialect: table.dialect,
    socket: table.socket,
    features: table.features,
    cwd: resolve(folder, table.cwd ?? "."),
    env: table.env,
    envInherit: table.env_inherit,
    timeoutMs: 1000 * table.timeout,
    maxPayloadBytes: table.max_payload,
    pingTimeoutMs: 1000 * table.ping_timeout,
    pingIntervalMs: 1000 * table.ping_interval,
    restart: restartPolicy(table),
    stop: stopTimes(table),
    idleTimeMs: table.daemon ? undefined : 1000 * table.idle_time,
    maxConcurrent: table.max_concurrent,
    config: table.config,
    enabled: table.enabled,
    api: table.api,
    grants: { ...table.grants, plugins: new Map(Object.entries(table.grants.plugins)) },
    subscribes: table.subscribes,
    tickMs: table.tick === undefined ? undefined : 1000 * table.tick,
    provides: table.provides,
    events: eventQueue({ ...config.events, ...definedOf(table.events) }),
    role: table.role,
    expose: table.expose,
    unsupported: (["permissions"] as const).filter((key) => table[key] !== undefined),
    [discovered]: true,
  };
}

/** The defaults of the configuration's description. */
function eventQueue(table: EventQueueTable): EventQueueOptions {
  return {
    queue: table.queue ?? 1000,
    overflow: table.overflow ?? "drop-oldest",
    ackTimeoutMs: 1000 * (table.ack_timeout ?? 5),
    maxAttempts: table.max_attempts ?? 20,
    own: table.own ?? false,
  };
}

/** Only what is said; a key without a value would hide that of another table. */
function definedOf(table: EventQueueTable): EventQueueTable {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined));
}

function restartPolicy({ restart, attach }: PluginTable): RestartPolicy {
  return {
    max: restart.max ?? (attach === undefined ? 5 : Infinity), // What somebody else runs may be back any time.
    windowMs: 1000 * (restart.window ?? 60),
    minDelayMs: 1000 * (restart.min_delay ?? 0.1),
    maxDelayMs: 1000 * (restart.max_delay ?? 5),
  };
}

function stopTimes({ stop }: PluginTable): StopTimes {
  return { shutdownMs: 1000 * (stop.shutdown ?? 2), stdinMs: 1000 * (stop.stdin ?? 1), termMs: 1000 * (stop.term ?? 2) };
}
