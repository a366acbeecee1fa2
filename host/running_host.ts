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
import type { Host, OpenHostOptions, StartOptions, StopOptions, Verification } from "./host.ts";
import { startLaunch } from "./launch.ts";
import type { LogSink } from "./logs/record.ts";
import { Slot, type StartLaunch } from "./slot.ts";
import { type PluginStatus, statusFromSlot } from "./status.ts";

interface Member {
  readonly spec: PluginSpec;
  readonly slot: Slot;
  readonly handle: PluginHandle;
}

function createMember(spec: PluginSpec, start: StartLaunch): Member {
  const slot = new Slot(spec.name, spec.enabled, start);
  return { spec, slot, handle: createHandle(spec, slot) };
}

/** What `openHost` gives. */
export class RunningHost implements Host {
  readonly name: string;
  readonly rejected: ReadonlyMap<string, PluginError>;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #log: LogSink;
  #closing: Promise<void> | undefined;

  constructor(name: string, { verified, disabled, rejected }: Verification, options: OpenHostOptions, log: LogSink) {
    const drivers = new Map<string, Driver>([...DRIVERS, ...Object.entries(options.drivers ?? {})]);
    this.name = name;
    this.rejected = rejected;
    this.#log = log;
    const members = verified.map((plugin) =>
      createMember(plugin.spec, (signal) => {
        preloadDriver(drivers.get(plugin.spec.commType));
        return startLaunch(plugin, { drivers, log }, signal);
      })
    );
    const inactive = disabled.map((spec) =>
      createMember(spec, () => Promise.reject(new TypeError(`Plugin "${spec.name}" is not enabled`)))
    );
    this.#members = new Map([...members, ...inactive].map((member) => [member.spec.name, member]));
  }

  get plugins(): readonly PluginStatus[] {
    return [...this.#members.values()].map(({ spec, slot }) => statusFromSlot(spec, slot));
  }

  get(name: string): PluginHandle {
    return this.#member(name).handle;
  }

  async start(name: string, options: StartOptions = {}): Promise<PluginHandle> {
    const { spec, slot, handle } = this.#member(name);
    await startSlot(spec, slot, options);
    return handle;
  }

  async stop(name: string, options: StopOptions = {}): Promise<void> {
    await this.#member(name).slot.stop(graceMs(options));
  }

  async startAll(options: { readonly bestEffort?: boolean } = {}): Promise<void> {
    const enabled = [...this.#members.values()].filter(({ spec }) => spec.enabled);
    const starts = inTurns(enabled, async ({ spec, slot }) => {
      const started = startSlot(spec, slot, {});
      await (options.bestEffort === true ? started.catch((error: unknown) => this.#logFailure(spec.name, error)) : started);
    });
    try {
      await starts;
    } catch (error) {
      await this.stopAll();
      throw error;
    }
  }

  async stopAll(options: StopOptions = {}): Promise<void> {
    await this.#each((slot) => slot.stop(graceMs(options)), "stop");
  }

  close(): Promise<void> {
    return this.#closing ??= this.#each((slot) => slot.close(Infinity), "close");
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

async function startSlot(spec: PluginSpec, slot: Slot, { timeoutMs = Infinity, signal }: StartOptions): Promise<void> {
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be more than 0, not ${timeoutMs}`);
  await bounded(`to start plugin "${spec.name}"`, spec.name, { timeoutMs, ...(signal && { signal }) }, (_left, bound) => slot.start(bound));
}

function graceMs({ graceMs = Infinity }: StopOptions): number {
  if (graceMs >= 0) return graceMs;
  throw new RangeError(`graceMs must be 0 or more, not ${graceMs}`);
}
