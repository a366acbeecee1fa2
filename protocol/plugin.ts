/**
 * What a plugin is, as its author writes it down: a name, a version and commands.
 * @module
 */
import type { Bytes, Caller } from "./caller.ts";
import type { Command } from "./command.ts";
import { commandInfo } from "./command_info.ts";
import type { PluginEvent } from "./event.ts";

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** What a handler knows about the call that it answers. */
export interface PluginContext {
  /** Fires when the caller gave up, its deadline passed, or its connection closed. */
  readonly signal: AbortSignal;
  /** The same for each try of a call. */
  readonly requestId: string;
  /** The W3C trace context of the call, as it came. */
  readonly traceparent: string | undefined;
  /** The host's name, or that of the plugin for which the host makes the call; `""` when the caller did not say. */
  readonly from: string;
  /** The bytes of `config` in the host's configuration, as `init` got them; none when it has none. */
  readonly config: Bytes;
  /**
   * The host's services, for which the host's configuration has `grants`. A call made before the handler has answered has no more time
   * than the handler, ends with it, and carries its `requestId` and trace.
   */
  readonly host: Caller;
  /** Another plugin of the host, called through it; the grant names the commands. */
  plugin(name: string): Caller;
  /**
   * Publishes an event; the host's configuration grants the topics in `publish`.
   * @returns the event's id, for a durable topic once it is written.
   */
  publish(topic: string, data: Uint8Array): Promise<string>;
  /** Writes a record to stderr, as one line of JSON, which the host hands to the application's `onLog`. */
  log(level: LogLevel, message: string, values?: Readonly<Record<string, unknown>>): void;
}

/** How much a record matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What is wrong with each part of a plugin, by the part's name; `null` for a part that is well. */
export type Health = Readonly<Record<string, string | null>>;

/**
 * Answers a command: bytes in, bytes out, or parts of bytes, an async generator's for example, which is asked for the next part when the
 * caller is. A thrown error reaches the caller with its `code` and `message`. A stream answers `stream` alone; bytes are one part there.
 */
export type RawHandler = (payload: Bytes, ctx: PluginContext) => Awaitable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Handlers by command name. */
export type Commands = Readonly<Record<string, RawHandler | Command>>;

/** A plugin as `definePlugin` checks it. */
export interface Plugin<C extends Commands = Commands> {
  /** The plugin's own name; the name in the host's config may be another. */
  readonly name: string;
  /** Its version, semver by custom. */
  readonly version: string;
  /** One line for people. */
  readonly description?: string;
  /** The only hosts that may call it, by name. Default: every host. */
  readonly hosts?: readonly string[];
  /** The versions of the application's API that it works with, a semver range. */
  readonly api?: string;
  /** What it can do. */
  readonly commands: C;
  /**
   * Takes the bytes of `config` in the host's configuration (a table comes as JSON; none when there is no such key) before any other call,
   * at each start anew. What it throws fails the start with that message.
   */
  init?(config: Bytes, ctx: PluginContext): Awaitable<void>;
  /**
   * What it does on events, by patterns of their topics (`*` is one word, `#` any number). An event is acknowledged when every handler
   * whose pattern fits has ended; one that throws gets it again. The host's configuration says in `subscribes` which it may get at all.
   */
  readonly on?: Readonly<Record<string, (event: PluginEvent, ctx: PluginContext) => Awaitable<void>>>;
  /** What it does at intervals, the first time at once; the host counts them, and `tick` in its configuration wins. Never two at a time. */
  readonly tick?: { readonly everyMs: number; run(ctx: PluginContext): Awaitable<void> };
  /** Tells how its parts are, a database's connection for example; `host.health()` asks. Default: it is well when it answers. */
  health?(ctx: PluginContext): Awaitable<Health>;
}

/** One command as `polyplug.info` lists it. */
export interface CommandInfo {
  /** What to call it by. */
  readonly name: string;
  /** One line for people. */
  readonly description?: string;
  /** JSON Schema of its input; none when that is bytes. */
  readonly input?: unknown;
  /** JSON Schema of its output, as it crosses the wire. */
  readonly output?: unknown;
  /** Whether it answers with a stream. */
  readonly stream?: boolean;
}

/** What a plugin says of itself. */
export interface PluginInfo {
  /** The plugin's own name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** One line for people. */
  readonly description?: string;
  /** Its commands. */
  readonly commands: readonly CommandInfo[];
  /** Event patterns that it listens to. */
  readonly subscribes: readonly string[];
  /** How often it wants a tick, in milliseconds. */
  readonly tickMs?: number;
  /** The only hosts that may call it; empty when every host may. */
  readonly hosts: readonly string[];
  /** The versions of the application's API that it works with. */
  readonly api?: string;
}

/** What `polyplug.info` answers for a plugin. */
export async function infoFromPlugin(plugin: Plugin): Promise<PluginInfo> {
  const names = Object.keys(plugin.commands).sort();
  return {
    name: plugin.name,
    version: plugin.version,
    ...(plugin.description === undefined ? {} : { description: plugin.description }),
    commands: await Promise.all(names.map((name) => commandInfo(name, plugin.commands[name]))),
    subscribes: Object.keys(plugin.on ?? {}).sort(),
    ...(plugin.tick === undefined ? {} : { tickMs: plugin.tick.everyMs }),
    hosts: plugin.hosts ?? [],
    ...(plugin.api === undefined ? {} : { api: plugin.api }),
  };
}
