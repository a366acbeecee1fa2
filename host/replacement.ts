/**
 * Reload: takes a plugin of a new configuration, starts it beside the old one, lets calls go to it, and retires the old one. One that must
 * have the same port is stopped first, and calls wait.
 * @module
 */
import type { PluginError } from "../protocol/errors.ts";
import type { PluginSpec } from "./discover.ts";
import { STDIO } from "./drivers.ts";
import type { Launch } from "./launch.ts";
import { portFromArgs } from "./process/command_line.ts";
import type { Slot } from "./slot.ts";
import { asPluginError, requireCallable } from "./slot_errors.ts";
import type { LifeEvent } from "./supervise/machine.ts";
import type { VerifiedPlugin } from "./verify.ts";

/** Tries a new launch before calls go to it; what it throws keeps the old one in its place. */
export type ApproveLaunch = (launch: Launch, spec: PluginSpec, signal: AbortSignal) => Promise<void>;

/** How a plugin is replaced. */
export interface ReplaceOptions {
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
  readonly approve?: ApproveLaunch | undefined;
}

/** What a replacement does to its slot. */
export interface Seat {
  readonly slot: Pick<Slot, "state" | "closed" | "current" | "acquire">;
  /** What the slot starts; `undefined` when it is not enabled. */
  running(): VerifiedPlugin | undefined;
  /** Whether the slot itself starts a process now. */
  isStarting(): boolean;
  on(event: LifeEvent): void;
  start(plugin: VerifiedPlugin, signal: AbortSignal): Promise<Launch>;
  /** Makes it what the slot starts from now on. */
  take(plugin: VerifiedPlugin): void;
  /** Lets calls go to another process; gives the one that they went to. */
  swap(plugin: VerifiedPlugin, launch: Launch): Launch | undefined;
  /** Ends a launch that no call goes to any more; without a grace its open calls are answered first. */
  letGo(launch: Launch, graceMs: number | undefined): Promise<void>;
}

/** `ReplaceOptions` with the signal of the reload itself. */
type Replacing = ReplaceOptions & { readonly signal: AbortSignal };

/** The reloads of one slot, one after the other. */
export class Replacement {
  readonly #seat: Seat;
  #running: Promise<void> = Promise.resolve();
  #controller: AbortController | undefined;

  constructor(seat: Seat) {
    this.#seat = seat;
  }

  /** Replaces the plugin once the reloads before have ended. */
  async run(read: () => Promise<VerifiedPlugin>, options: ReplaceOptions): Promise<void> {
    const run = this.#running.then(async () => this.#replace(await read(), options));
    this.#running = run.catch(() => {});
    await run;
  }

  /** Gives up what is under way; resolves when that has ended. */
  async giveUp(reason: PluginError): Promise<void> {
    this.#controller?.abort(reason);
    await this.#running;
  }

  async #replace(next: VerifiedPlugin, { signal, approve }: ReplaceOptions): Promise<void> {
    const { slot, on, take } = this.#seat;
    const controller = this.#controller = new AbortController();
    const onAbort = () => controller.abort(signal?.reason);
    try {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", onAbort, { once: true });
      if (slot.state.kind === "stopped" && !slot.closed && approve === undefined) return take(next);
      if (slot.state.kind === "crashed" && !slot.closed) on({ kind: "revive" });
      requireCallable(next.spec.name, slot.state, slot.closed);
      const options = { signal: controller.signal, approve };
      await (hasFixedPlace(next.spec) ? this.#replaceInPlace(next, options) : this.#replaceBeside(next, options));
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#controller = undefined;
    }
  }

  async #replaceBeside(next: VerifiedPlugin, options: Replacing): Promise<void> {
    const old = this.#seat.swap(next, await this.#startApproved(next, options));
    if (old !== undefined) await this.#seat.letGo(old, undefined);
  }

  async #replaceInPlace(next: VerifiedPlugin, options: Replacing): Promise<void> {
    const { slot, on, take, swap, running, isStarting } = this.#seat;
    // Only beside one that runs can it be tried whether another may take its place.
    while (options.approve !== undefined && slot.current === undefined) await slot.acquire(options.signal);
    const before = running();
    on({ kind: "replacing" });
    if (slot.state.kind !== "starting" || isStarting() || before === undefined) {
      take(next);
      return void await slot.acquire(options.signal);
    }
    try {
      swap(next, await this.#startApproved(next, options));
    } catch (error) {
      if (slot.state.kind === "starting") await this.#putBack(before); // Else it was stopped meanwhile.
      throw error;
    }
  }

  /** Starts again what had to end for its replacement; the signal that gave that up is none of its. */
  async #putBack(plugin: VerifiedPlugin): Promise<void> {
    const { signal } = this.#controller = new AbortController();
    try {
      this.#seat.swap(plugin, await this.#startApproved(plugin, { signal, approve: undefined }));
    } catch (error) {
      this.#seat.on({ kind: "failed", reason: asPluginError(error, plugin.spec.name) });
    }
  }

  async #startApproved(plugin: VerifiedPlugin, { signal, approve }: Replacing): Promise<Launch> {
    const launch = await this.#seat.start(plugin, signal);
    try {
      await approve?.(launch, plugin.spec, signal);
      signal.throwIfAborted();
      return launch;
    } catch (error) {
      await this.#seat.letGo(launch, 0);
      throw error;
    }
  }
}

/** Whether only one process can be at the place where it listens. */
export function hasFixedPlace(spec: PluginSpec): boolean {
  if (spec.commType === STDIO) return false;
  return spec.attach === undefined && (spec.commPort !== 0 || spec.address !== undefined || portFromArgs(spec.execArgs) !== 0);
}
