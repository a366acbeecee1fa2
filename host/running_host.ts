/**
 * A host that is open: its plugins by name, each with its slot and its handle.
 * @module
 */
import type { Hono } from "hono";
import type { Driver } from "../protocol/caller.ts";
import { isPluginError, messageOf, PluginError } from "../protocol/errors.ts";
import type { Commands } from "../protocol/plugin.ts";
import { bounded } from "./bounded.ts";
import type { PluginSpec } from "./discover.ts";
import { DRIVERS, preloadDriver } from "./drivers.ts";
import { createCaller } from "./plugin_caller.ts";
import type { EventBus } from "./events/bus.ts";
import { createHandle, type PluginHandle } from "./handle.ts";
import { healthOfHost } from "./health.ts";
import type { Host, OpenHostOptions, ReloadOptions, StartOptions, StopOptions, Verification } from "./host.ts";
import { startLaunch } from "./launch.ts";
import type { LogSink } from "./logs/record.ts";
import { Guardian } from "./process/guardian.ts";
import { Roles } from "./roles.ts";
import type { createRoutes } from "./routes.ts";
import { replayRecord } from "./replay.ts";
import type { ApproveLaunch } from "./replacement.ts";
import { HostServices, type Member as ServedMember } from "./services/host_services.ts";
import { type Provider, providerFrom, requireUnique } from "./services/registry.ts";
import type { Settings } from "./settings.ts";
import { Slot, type StartLaunch } from "./slot.ts";
import { type PluginStatus, statusFromSlot } from "./status.ts";
import type { VerifiedPlugin } from "./verify.ts";

interface Member extends ServedMember {
  readonly handle: PluginHandle;
}

/** What a host takes from who opens it. */
export interface HostParts {
  readonly options: OpenHostOptions;
  readonly log: LogSink;
  /** Makes the routes for what is exposed; loaded with the host, since an application asks for them without waiting. */
  readonly createRoutes: typeof createRoutes;
  /** Reads the configuration again, for one plugin. */
  readonly readPlugin: (name: string) => Promise<VerifiedPlugin>;
  /** Where the host keeps what is to stay. */
  readonly stateDir: string;
  /** Patterns of the durable topics. */
  readonly durable: readonly string[];
}

/** What `openHost` gives. */
export class RunningHost implements Host {
  readonly name: string;
  readonly rejected: ReadonlyMap<string, PluginError>;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #log: LogSink;
  readonly #readPlugin: HostParts["readPlugin"];
  readonly #createRoutes: HostParts["createRoutes"];
  #routes: Hono | undefined;
  readonly #guardian: Guardian;
  readonly #services: HostServices;
  readonly #roles: Roles;
  #toldStart = false;
  #closing: Promise<void> | undefined;

  constructor(name: string, { verified, disabled, rejected }: Verification, parts: HostParts) {
    const { options, log, stateDir, durable } = parts;
    const drivers = new Map<string, Driver>([...DRIVERS, ...Object.entries(options.drivers ?? {})]);
    this.name = name;
    this.rejected = rejected;
    this.#log = log;
    this.#readPlugin = parts.readPlugin;
    this.#createRoutes = parts.createRoutes;
    const guardian = this.#guardian = new Guardian(name);
    const start: StartLaunch = (plugin, signal) => {
      preloadDriver(drivers.get(plugin.spec.commType));
      return startLaunch(plugin, {
        drivers,
        log,
        guardian,
        issue: (spec) => services.issue(spec),
        runnerOf: (name) => services.runnerOf(name),
      }, signal);
    };
    const services = this.#services = new HostServices({
      host: name,
      stateDir,
      durable,
      member: (plugin) => this.#member(plugin),
      members: () => this.#members,
      servedBy: (plugin) => this.#roles.servedBy(plugin),
      log,
      guardian,
    });
    const createMember = (spec: PluginSpec, plugin?: VerifiedPlugin): [string, Member] => {
      const slot = new Slot(spec, plugin, { start, supervision: options.supervise ?? true });
      const caller = createCaller(spec.name, slot);
      return [spec.name, { slot, caller, handle: createHandle(spec.name, slot, caller) }];
    };
    const members = verified.map((plugin) => createMember(plugin.spec, plugin));
    this.#members = new Map([...members, ...disabled.map((spec) => createMember(spec))]);
    this.#roles = new Roles(this.#members);
    for (const [plugin, member] of this.#members) services.follow(plugin, member);
  }

  get plugins(): readonly PluginStatus[] {
    return [...this.#members.values()].map(({ slot }) => statusFromSlot(slot));
  }

  get events(): EventBus {
    return this.#services.events;
  }

  get settings(): Settings {
    return this.#services.settings;
  }

  get routes(): Hono {
    return this.#routes ??= this.#createRoutes((plugin) => {
      const member = this.#members.get(plugin);
      return member && { spec: member.slot.spec, handle: member.handle };
    });
  }

  provide(service: string, commands: Commands): Disposable {
    return this.#services.provide(service, commands);
  }

  get(name: string): PluginHandle {
    return this.#roles.handleOf(name, (plugin) => this.#member(plugin).handle) ?? this.#member(name).handle;
  }

  async start(name: string, options: StartOptions = {}): Promise<PluginHandle> {
    const { slot, handle } = this.#member(name);
    this.#requireFree(slot);
    await startSlot(slot, options);
    return handle;
  }

  async stop(name: string, options: StopOptions = {}): Promise<void> {
    await this.#member(name).slot.stop(graceMs(options));
  }

  async startAll(options: { readonly bestEffort?: boolean } = {}): Promise<void> {
    const slots = [...this.#members.values()].map(({ slot }) => slot);
    const always = slots.filter(({ spec }) => spec.enabled && spec.idleTimeMs === undefined);
    const starts = inTurns(always, async (slot) => {
      const started = Promise.resolve().then(() => this.#requireFree(slot)).then(() => startSlot(slot, {}));
      await (options.bestEffort === true ? started.catch((error: unknown) => this.#logFailure(slot.spec.name, error)) : started);
    });
    try {
      await starts;
    } catch (error) {
      await this.stopAll();
      throw error;
    }
    if (!this.#toldStart) this.#services.notifyStarted();
    this.#toldStart = true;
  }

  async reload(name: string, options: ReloadOptions = {}): Promise<void> {
    const { slot } = this.#member(name);
    options.signal?.throwIfAborted();
    const { signal, replay } = options;
    const approve: ApproveLaunch | undefined = replay === undefined ? undefined : async (launch, spec, bound) => {
      await replayRecord(replay, { launch, spec, signal: bound });
    };
    await slot.reload(async () => this.#requireUnique(await this.#readPlugin(name)), { signal, approve });
  }

  async health(): Promise<Readonly<Record<string, string | null>>> {
    return await healthOfHost(this.name, [...this.#members.values()].map(({ slot }) => slot));
  }

  async stopAll(options: StopOptions = {}): Promise<void> {
    const graceful = graceMs(options);
    if (graceful > 0) await this.#services.notifyStopping();
    this.#toldStart = false;
    await this.#each((slot) => slot.stop(graceful), "stop");
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      await this.#services.notifyStopping();
      await this.#each((slot) => slot.close(Infinity), "close");
    } finally {
      await this.#services.close();
      await this.#guardian.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** While a plugin was gone another one may have taken over what it provides. */
  #requireFree({ spec, state }: Slot): void {
    const others = this.#othersThan(spec.name).filter(({ isGone }) => !isGone);
    for (const capability of providerFrom(spec).claims) {
      const owner = others.find(({ claims }) => claims.includes(capability));
      if (owner === undefined || state.kind === "inactive") continue;
      throw new PluginError(
        "host.duplicate",
        `Cannot start plugin "${spec.name}": "${capability}" is provided by plugin "${owner.name}" now`,
        {
          plugin: spec.name,
          hint: `Stop "${owner.name}" first`,
        },
      );
    }
  }

  /** A reload may bring what another plugin provides already. */
  #requireUnique(plugin: VerifiedPlugin): VerifiedPlugin {
    requireUnique([...this.#othersThan(plugin.spec.name), providerFrom(plugin.spec)]);
    return plugin;
  }

  #othersThan(name: string): readonly Provider[] {
    return [...this.#members.values()].map(({ slot }) => providerFrom(slot.spec, slot.state)).filter((each) => each.name !== name);
  }

  #logFailure(plugin: string, error: unknown): void {
    const values = isPluginError(error) ? { code: error.code } : {};
    this.#log({ time: new Date(), plugin, level: "error", message: messageOf(error), values });
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member !== undefined) return member;
    const refused = this.rejected.get(name);
    if (refused !== undefined) throw refused;
    const known = [...this.#members.keys(), ...this.rejected.keys()].join(", ") || "none";
    throw new PluginError("host.unknown_plugin", `Host "${this.name}" has no plugin "${name}"; it has: ${known}`, {
      hint: `Add it to plugins of [hosts.${this.name}] in the configuration`,
    });
  }

  async #each(act: (slot: Slot) => Promise<void>, verb: string): Promise<void> {
    const results = await Promise.allSettled([...this.#members.values()].map(({ slot }) => act(slot)));
    const reasons = results.flatMap((result) => result.status === "rejected" ? [result.reason] : []);
    if (reasons.length > 0) throw new AggregateError(reasons, `Host "${this.name}" could not ${verb} ${reasons.length} of its plugins`);
  }
}

/** How many plugins are started at once: enough to use the time in which one waits, few enough that none misses its start limit. */
const STARTS_AT_ONCE = 8;

/** Does the work for each item, a few at once; after the first failure no further one is begun. */
export async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await work(item);
      } catch (error) {
        waiting.length = 0;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: STARTS_AT_ONCE }, worker));
}

async function startSlot(slot: Slot, { timeoutMs = Infinity, signal }: StartOptions): Promise<void> {
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be more than 0, not ${timeoutMs}`);
  const { name } = slot.spec;
  await bounded(`to start plugin "${name}"`, name, { timeoutMs, ...(signal && { signal }) }, (_left, bound) => slot.start(bound));
}

function graceMs({ graceMs = Infinity }: StopOptions): number {
  if (graceMs >= 0) return graceMs;
  throw new RangeError(`graceMs must be 0 or more, not ${graceMs}`);
}
