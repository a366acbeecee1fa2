/**
 * A host that is open: its plugins by name, each with its slot and its handle.
 * @module
 */
import type { Driver } from "../protocol/caller.ts";
import { isPluginError, messageOf, PluginError } from "../protocol/errors.ts";
import { bounded } from "./bounded.ts";
import type { PluginSpec } from "./discover.ts";
import { DRIVERS, preloadDriver } from "./drivers.ts";
import { createHandle, type PluginHandle } from "./handle.ts";
import { healthOfHost } from "./health.ts";
import type { Host, OpenHostOptions, ReloadOptions, StartOptions, StopOptions, Verification } from "./host.ts";
import { startLaunch } from "./launch.ts";
import type { LogSink } from "./logs/record.ts";
import { Guardian } from "./process/guardian.ts";
import { replayRecord } from "./replay.ts";
import type { ApproveLaunch } from "./replacement.ts";
import { Slot, type StartLaunch } from "./slot.ts";
import { type PluginStatus, statusFromSlot } from "./status.ts";
import type { VerifiedPlugin } from "./verify.ts";

interface Member {
  readonly slot: Slot;
  readonly handle: PluginHandle;
}

/** What a host takes from who opens it. */
export interface HostParts {
  readonly options: OpenHostOptions;
  readonly log: LogSink;
  /** Reads the configuration again, for one plugin. */
  readonly readPlugin: (name: string) => Promise<VerifiedPlugin>;
}

/** What `openHost` gives. */
export class RunningHost implements Host {
  readonly name: string;
  readonly rejected: ReadonlyMap<string, PluginError>;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #log: LogSink;
  readonly #readPlugin: HostParts["readPlugin"];
  readonly #guardian: Guardian;
  #closing: Promise<void> | undefined;

  constructor(name: string, { verified, disabled, rejected }: Verification, { options, log, readPlugin }: HostParts) {
    const drivers = new Map<string, Driver>([...DRIVERS, ...Object.entries(options.drivers ?? {})]);
    this.name = name;
    this.rejected = rejected;
    this.#log = log;
    this.#readPlugin = readPlugin;
    const guardian = this.#guardian = new Guardian(name);
    const start: StartLaunch = (plugin, signal) => {
      preloadDriver(drivers.get(plugin.spec.commType));
      return startLaunch(plugin, { drivers, log, guardian }, signal);
    };
    const createMember = (spec: PluginSpec, plugin?: VerifiedPlugin): [string, Member] => {
      const slot = new Slot(spec, plugin, { start, supervision: options.supervise ?? true });
      return [spec.name, { slot, handle: createHandle(spec.name, slot) }];
    };
    const members = verified.map((plugin) => createMember(plugin.spec, plugin));
    this.#members = new Map([...members, ...disabled.map((spec) => createMember(spec))]);
  }

  get plugins(): readonly PluginStatus[] {
    return [...this.#members.values()].map(({ slot }) => statusFromSlot(slot));
  }

  get(name: string): PluginHandle {
    return this.#member(name).handle;
  }

  async start(name: string, options: StartOptions = {}): Promise<PluginHandle> {
    const { slot, handle } = this.#member(name);
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
      const started = startSlot(slot, {});
      await (options.bestEffort === true ? started.catch((error: unknown) => this.#logFailure(slot.spec.name, error)) : started);
    });
    try {
      await starts;
    } catch (error) {
      await this.stopAll();
      throw error;
    }
  }

  async reload(name: string, options: ReloadOptions = {}): Promise<void> {
    const { slot } = this.#member(name);
    options.signal?.throwIfAborted();
    const { signal, replay } = options;
    const approve: ApproveLaunch | undefined = replay === undefined ? undefined : async (launch, spec, bound) => {
      await replayRecord(replay, { launch, spec, signal: bound });
    };
    await slot.reload(() => this.#readPlugin(name), { signal, approve });
  }

  async health(): Promise<Readonly<Record<string, string | null>>> {
    return await healthOfHost(this.name, [...this.#members.values()].map(({ slot }) => slot));
  }

  async stopAll(options: StopOptions = {}): Promise<void> {
    await this.#each((slot) => slot.stop(graceMs(options)), "stop");
  }

  close(): Promise<void> {
    return this.#closing ??= this.#each((slot) => slot.close(Infinity), "close").finally(() => this.#guardian.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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
