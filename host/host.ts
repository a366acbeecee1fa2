/**
 * `openHost()`: stages 1 to 3 in order, then one slot and one handle a plugin.
 * @module
 */
import { resolve } from "node:path";
import type { Driver } from "../protocol/caller.ts";
import { isPluginError, messageOf, type PluginError } from "../protocol/errors.ts";
import { requireApiVersion, requireCompatibleApi } from "./api_version.ts";
import { type Builtin, requireBuiltins, withBuiltin, withBuiltins } from "./builtins/builtin.ts";
import { type ConfigInput, locateConfig } from "./config/locate.ts";
import { type HostConfig, parseConfig, parseConfigOf } from "./config/parse.ts";
import { discoverPlugin, discoverPlugins, type PluginSpec } from "./discover.ts";
import type { Commands } from "../protocol/plugin.ts";
import type { EventBus } from "./events/bus.ts";
import type { PluginHandle } from "./handle.ts";
import type { LogSink, PluginLog } from "./logs/record.ts";
import { createLogSink } from "./logs/sink.ts";
import { RunningHost } from "./running_host.ts";
import { providerFrom, requireUnique } from "./services/registry.ts";
import type { Settings } from "./settings.ts";
import type { SuperviseOptions } from "./supervise/options.ts";
import { requireCallable } from "./slot_errors.ts";
import type { PluginStatus } from "./status.ts";
import { type VerifiedPlugin, verifyPlugin, withoutChecksum } from "./verify.ts";

/** Options of `openHost`. */
export interface OpenHostOptions {
  /** The configuration: a file, or an object as a TOML parser gives it. Default: `GOPLUGIN_DIR`, else `~/.goplugin/config.toml`. */
  readonly config?: string | URL | ConfigInput;
  /**
   * The version of the application's own API. A plugin whose `api` in the configuration is a range without it is rejected.
   * Default: nothing is checked.
   */
  readonly api?: string;
  /** Transports of the application's own, by the `comm_type` that names them; `socket` stands for the framed socket. */
  readonly drivers?: Readonly<Record<string, Driver>>;
  /**
   * Plugins that run inside this process, by name: what `definePlugin` gives, or `{ worker: URL }` of a module that exports that, for one
   * in a thread of its own. They are plugins of the host beside those of the configuration, where a table with `comm_type = "builtin"`
   * says what they are granted, their `config`, limits and so on.
   */
  readonly builtins?: Readonly<Record<string, Builtin>>;
  /** Gets a record of every line that a plugin writes, and the host's notices; what it throws harms nothing. Default: nobody. */
  readonly onLog?: (record: PluginLog) => void;
  /** Gives the opening up, and closes the host when it fires later. */
  readonly signal?: AbortSignal;
  /**
   * Whether plugins are pinged while they are quiet, and started again when they end by themselves; with times of its own where those of
   * the configuration are not meant. Default: true. With false the next call starts a plugin that has ended.
   */
  readonly supervise?: boolean | SuperviseOptions;
}

/** Options of a reload. */
export interface ReloadOptions {
  /** Gives it up; the old process serves on. */
  readonly signal?: AbortSignal;
  /**
   * A file that `recorded()` has written. Its calls are sent to the new process before any other, one after the other, and unless each
   * is answered with the same bytes, or the same error code, the reload ends with "host.differs". They run for good: record no call
   * that must not run twice. Those that had failed on the way are left out.
   */
  readonly replay?: string | URL;
}

/** Options of a start. */
export interface StartOptions {
  /** Ends the wait; the start itself goes on. */
  readonly signal?: AbortSignal;
  /** Milliseconds to wait; default: the plugin's own start limit. */
  readonly timeoutMs?: number;
}

/** Options of a stop. */
export interface StopOptions {
  /** Milliseconds before SIGKILL in all, at most the sum of the plugin's `stop` times; 0 is a hard kill. */
  readonly graceMs?: number;
}

/** An application's name, its plugins and their processes. */
export interface Host {
  /** The name under which the configuration lists its plugins. */
  readonly name: string;
  /** Every plugin that may be called, with its state. */
  readonly plugins: readonly PluginStatus[];
  /** The plugins that did not pass verification, and why; `get()` of one throws its error. */
  readonly rejected: ReadonlyMap<string, PluginError>;
  /**
   * The handle of a plugin, always the same one; starts nothing. With the name of a role: a handle that follows whatever plays it, the
   * plugin of the configuration while it is active, else the built-in.
   * @throws {PluginError} "host.unknown_plugin", or the error for which it was rejected.
   */
  get(name: string): PluginHandle;
  /** Events between the application and its plugins. */
  readonly events: EventBus;
  /** What the application wants its plugins to know. */
  readonly settings: Settings;
  /**
   * The commands that plugins `expose` in the configuration, as `POST /plugins/<plugin>/<command>`, to be mounted in an application's own
   * server: bytes in, bytes out. They are open to whoever reaches that server; put authentication in front.
   */
  // `Hono`, which the check of the documentation would take for a private type of this package.
  readonly routes: InstanceType<typeof import("hono")["Hono"]>;
  /**
   * Offers plugins a service: its commands are called as `<service>.<command>` by those whose `grants` name them, until it is disposed.
   * @throws {TypeError} when the name is none, or is taken; `kv`, `log`, `events`, `settings` and `registry` are the host's own.
   */
  provide(service: string, commands: Commands): Disposable;
  /** Starts a plugin, a stopped one too, and resolves when it can be called. */
  start(name: string, options?: StartOptions): Promise<PluginHandle>;
  /** Stops a plugin: open calls finish, then its whole process group ends. Calls are refused until `start()`. */
  stop(name: string, options?: StopOptions): Promise<void>;
  /**
   * Reads the configuration again and puts a new process in the place of the plugin's: it is verified, started, initialised and pinged
   * first, then calls go to it, and the old one ends when its open calls have been answered. The handle stays the same.
   * @throws {PluginError} what is wrong with the new configuration or its start; the old process serves on.
   */
  reload(name: string, options?: ReloadOptions): Promise<void>;
  /** How the plugins and their parts are: `null` when well, else what is wrong, by names joined with dots. Starts nothing. */
  health(): Promise<Readonly<Record<string, string | null>>>;
  /** Starts every enabled plugin that is not on demand. When one fails the others are stopped and its error is thrown, unless `bestEffort`. */
  startAll(options?: { readonly bestEffort?: boolean }): Promise<void>;
  /** Stops every plugin; failures are gathered in an `AggregateError`. */
  stopAll(options?: StopOptions): Promise<void>;
  /** Stops everything for good; no process is left. */
  close(): Promise<void>;
  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens a host: locates, parses, discovers and verifies. Starts nothing.
 *
 * @example
 * ```ts
 * import { openHost } from "@polyplug/core/host";
 *
 * await using host = await openHost("main", { config: "config.toml" });
 * const answer = await host.get("hello").exec("hello.echo", new TextEncoder().encode("hi"));
 * ```
 *
 * @throws {PluginError} "config.not_found", "config.invalid", "discover.unknown_host".
 * @throws {TypeError} when `api` is no semver version, or a built-in no plugin.
 */
export async function openHost(name: string, options: OpenHostOptions = {}): Promise<Host> {
  requireApiVersion(options.api);
  const config = parseConfig(await locateConfig(options.config));
  return await openHostFrom(name, config, options);
}

/**
 * Opens a host of a configuration that has been read already. `developed` holds the plugins that a reload takes whatever their checksum
 * is, and says so; it is for the command line alone, and asked at each reload.
 */
export async function openHostFrom(
  name: string,
  read: HostConfig,
  options: OpenHostOptions,
  developed: ReadonlySet<string> = new Set(),
): Promise<Host> {
  const { builtins = {} } = options;
  requireBuiltins(builtins);
  const config = withBuiltins(read, name, builtins);
  const log = createLogSink(options.onLog);
  for (const { path, message } of config.warnings) log(notice("", `${path} ${message}`, "config.invalid"));
  const [plugins, { createRoutes }] = await Promise.all([
    verifyAll(discoverPlugins(config, name).map((spec) => withBuiltin(spec, builtins)), options.api, log),
    import("./routes.ts"),
  ]);
  options.signal?.throwIfAborted();
  const readPlugin = async (plugin: string): Promise<VerifiedPlugin> => {
    const now = withBuiltins(parseConfigOf(await locateConfig(options.config), plugin), name, builtins);
    const spec = withBuiltin(discoverPlugin(now, name, plugin), builtins);
    requireCallable(plugin, { kind: spec.enabled ? "idle" : "inactive" }, false);
    requireCompatibleApi(spec, options.api);
    if (!developed.has(plugin)) return await verifyPlugin(spec);
    log(notice(plugin, `The checksum of plugin "${plugin}" is not applied while it is watched`, "verify.not_applied"));
    return await verifyPlugin(withoutChecksum(spec));
  };
  requireUnique(plugins.verified.map(({ spec }) => providerFrom(spec)));
  const host = new RunningHost(name, plugins, {
    options,
    log,
    createRoutes,
    readPlugin,
    stateDir: resolve(config.folder, config.stateDir),
    durable: config.events.durable,
  });
  const onAbort = () => host.close().catch((error) => log({ ...notice("", messageOf(error), "host.closed"), level: "error" }));
  options.signal?.addEventListener("abort", onAbort, { once: true });
  return host;
}

/** The plugins of a host, sorted by whether they may run. */
export interface Verification {
  readonly verified: readonly VerifiedPlugin[];
  /** Those that are not enabled; nobody asks for their files. */
  readonly disabled: readonly PluginSpec[];
  readonly rejected: ReadonlyMap<string, PluginError>;
}

async function verifyAll(specs: readonly PluginSpec[], api: string | undefined, log: LogSink): Promise<Verification> {
  const verified: VerifiedPlugin[] = [];
  const rejected = new Map<string, PluginError>();
  for (const spec of specs.filter(({ enabled }) => enabled)) {
    try {
      requireCompatibleApi(spec, api);
      const plugin = await verifyPlugin(spec);
      verified.push(plugin);
      for (const { message, code } of plugin.warnings) log(notice(spec.name, message, code));
    } catch (error) {
      if (!isPluginError(error)) throw error;
      rejected.set(spec.name, error);
      log({ ...notice(spec.name, error.message, error.code), level: "error" });
    }
  }
  return { verified, disabled: specs.filter(({ enabled }) => !enabled), rejected };
}

function notice(plugin: string, message: string, code: string): PluginLog {
  return { time: new Date(), plugin, level: "warn", message, values: { code } };
}
