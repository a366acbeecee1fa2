/**
 * Everything that a host offers its plugins: takes the host's slots, gives the way back for each launch, services, events, ticks and
 * notices. Nothing of it costs anything before a plugin is granted something or listens.
 * @module
 */
import { isPluginError, messageOf } from "../../protocol/errors.ts";
import type { Commands } from "../../protocol/plugin.ts";
import type { Runner } from "../../protocol/server.ts";
import type { PluginCaller } from "../plugin_caller.ts";
import type { PluginSpec } from "../discover.ts";
import { Bus, type EventBus } from "../events/bus.ts";
import { EventStore } from "../events/store.ts";
import { PluginSubscriber } from "../events/subscriber.ts";
import { Ticker } from "../events/tick.ts";
import type { LogSink } from "../logs/record.ts";
import type { Guardian } from "../process/guardian.ts";
import { HostSettings, type Settings } from "../settings.ts";
import type { Slot } from "../slot.ts";
import { CLOCK } from "../supervise/clock.ts";
import { BackChannel, type Pass } from "./back_channel.ts";
import { Database } from "./database.ts";
import { eventsCommands } from "./events.ts";
import { kvCommands } from "./kv.ts";
import { logCommands } from "./log.ts";
import { followPluginEvents } from "./plugin_events.ts";
import { providerFrom, registryCommands } from "./registry.ts";
import { Router } from "./router.ts";
import { settingsCommands } from "./settings.ts";

/** A plugin of the host. */
export interface Member {
  readonly slot: Slot;
  readonly caller: PluginCaller;
}

/** What the services take from their host. */
export interface HostServicesOptions {
  readonly host: string;
  readonly stateDir: string;
  /** Patterns of the durable topics. */
  readonly durable: readonly string[];
  /** @throws {PluginError} "host.unknown_plugin", or why the plugin was rejected. */
  readonly member: (name: string) => Member;
  readonly members: () => ReadonlyMap<string, Member>;
  /** The plugin that a name stands for: itself, or that which plays the role of this name. */
  readonly servedBy: (name: string) => string;
  readonly log: LogSink;
  readonly guardian: Guardian;
}

/** The services of one host. */
export class HostServices {
  readonly #options: HostServicesOptions;
  readonly #router: Router;
  readonly #database: Database;
  readonly #store: EventStore;
  readonly #bus: Bus;
  readonly #settings: HostSettings;
  readonly #closing = new AbortController();
  #channel: BackChannel | undefined;
  #telling: Promise<void> | undefined;

  constructor(options: HostServicesOptions) {
    const { host, stateDir, durable, log, member, members, servedBy } = this.#options = options;
    const grantsOf = (plugin: string) => member(plugin).slot.spec.grants;
    this.#database = new Database(stateDir, host);
    this.#store = new EventStore(this.#database, {
      onTrouble: (error) => {
        const values = { code: isPluginError(error) ? error.code : "host.state" };
        log({ time: new Date(), plugin: "", level: "error", message: messageOf(error), values });
      },
    });
    this.#bus = new Bus({ host, durable, store: this.#store });
    this.#settings = new HostSettings(this.#bus, () => members().keys());
    const plugins = {
      grantsOf,
      servedBy,
      callerOf: (plugin: string) => member(plugin).caller,
      isReady: (plugin: string) => members().get(plugin)?.slot.current !== undefined,
    };
    this.#router = new Router(host, plugins, log);
    this.#router.provide("kv", kvCommands(this.#database));
    this.#router.provide("log", logCommands(log));
    this.#router.provide("events", eventsCommands({ bus: this.#bus, grantsOf, settings: this.#settings }));
    this.#router.provide("settings", settingsCommands(this.#settings));
    this.#router.provide(
      "registry",
      registryCommands(() => [...members().values()].map(({ slot }) => providerFrom(slot.spec, slot.state))),
    );
  }

  get events(): EventBus {
    return this.#bus;
  }

  get settings(): Settings {
    return this.#settings;
  }

  provide(service: string, commands: Commands): Disposable {
    return this.#router.provide(service, commands);
  }

  /** The way back for one launch; `undefined` for a plugin that is granted nothing. */
  async issue(spec: PluginSpec): Promise<Pass | undefined> {
    return await (this.#channel ??= this.#createChannel()).issue(spec);
  }

  /** The same for a built-in, which needs neither address nor token. */
  runnerOf(plugin: string): Runner {
    return this.#router.runnerOf(plugin);
  }

  /** Gives a plugin its events and ticks, from now on until the host closes. */
  follow(name: string, { slot, caller }: Member): void {
    const spec = () => slot.spec;
    const subscriber = new PluginSubscriber(this.#options.durable.length > 0, {
      spec,
      caller,
      isReady: () => slot.current !== undefined,
      wake: () => {
        if (slot.state.kind === "idle") slot.acquire(this.#closing.signal).catch(() => {}); // Its state tells what is wrong.
      },
      store: this.#store,
      clock: CLOCK,
      bury: (letter) => {
        this.#bus.bury(letter);
        const message = `Gave up event ${letter.id} on "${letter.topic}" after ${letter.attempts} tries: ${letter.reason}`;
        this.#options.log({ time: new Date(), plugin: name, level: "error", message, values: { code: "events.dead_letter" } });
      },
    });
    this.#bus.add(name, subscriber);
    const ticker = new Ticker(caller, spec, CLOCK);
    const tellSettings = () => this.#settings.tell(slot.spec.name);
    void followPluginEvents({ slot, caller, subscriber, ticker, tellSettings, log: this.#options.log }, this.#closing.signal);
  }

  /** Tells all plugins that run and listen that all have started. */
  notifyStarted(): void {
    this.#bus.notifyStarted((name) => RUNNING.has(this.#options.members().get(name)?.slot.state.kind ?? "idle"));
  }

  /** Tells the plugins that run and listen that the host is about to stop them, and waits for them a moment; two at a time tell it once. */
  async notifyStopping(): Promise<void> {
    const runs = (name: string) => this.#options.members().get(name)?.slot.current !== undefined;
    await (this.#telling ??= this.#bus.notifyRunning("polyplug.stopping", runs).finally(() => this.#telling = undefined));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#bus.close();
    await this.#channel?.close();
    await this.#database.close();
  }

  #createChannel(): BackChannel {
    const { members, guardian } = this.#options;
    const largest = Math.max(...[...members().values()].map(({ slot }) => slot.spec.maxPayloadBytes));
    return new BackChannel(largest, {
      runnerOf: (plugin) => this.#router.runnerOf(plugin),
      guardian,
      onStranger: (error) => this.#router.onStranger(error),
    });
  }
}

/** A plugin that is about to run is told as soon as it does. */
const RUNNING: ReadonlySet<string> = new Set(["starting", "ready", "unhealthy", "restarting"]);
