/**
 * Holds a plugin's current launch: starts it for whoever asks first, gives it to all who ask, swaps it, retires it. Nothing else knows
 * that processes change; when they do, the supervisor says.
 * @module
 */
import type { PluginError } from "../protocol/errors.ts";
import type { PluginSpec } from "./discover.ts";
import { History } from "./history.ts";
import type { Launch } from "./launch.ts";
import { Limit, type Place, type Waiter } from "./limit.ts";
import type { PluginExit } from "./process/spawn.ts";
import { abortable } from "./abortable.ts";
import { hasFixedPlace, Replacement, type ReplaceOptions } from "./replacement.ts";
import { ignore, Retiring } from "./retiring.ts";
import { asPluginError, crashedError, exitReason, requireCallable, stoppedError } from "./slot_errors.ts";
import type { PluginState } from "./states.ts";
import { CLOCK } from "./supervise/clock.ts";
import { requireTimes, type SuperviseOptions, withTimes } from "./supervise/options.ts";
import { Supervisor } from "./supervise/supervisor.ts";
import type { VerifiedPlugin } from "./verify.ts";

/** Starts one launch; the signal gives the start up. */
export type StartLaunch = (plugin: VerifiedPlugin, signal: AbortSignal) => Promise<Launch>;

/** What a slot needs of its host. */
export interface SlotOptions {
  readonly start: StartLaunch;
  /** Whether plugins are watched, and started again by themselves; times here win over those of the configuration. */
  readonly supervision: boolean | SuperviseOptions;
}

/** A start that is under way. */
interface Start {
  readonly controller: AbortController;
  /** Resolves when it has ended, however. */
  readonly done: Promise<void>;
}

/** A plugin's place in its host. */
export class Slot {
  readonly #options: SlotOptions;
  readonly #supervisor: Supervisor;
  readonly #waiters = new Set<PromiseWithResolvers<Launch>>();
  readonly #retiring = new Retiring();
  /** What an operator sees of its processes. */
  readonly history: History = new History();
  readonly #limit: Limit;
  readonly #replacement: Replacement;
  #plugin: VerifiedPlugin | undefined;
  #spec: PluginSpec;
  #launch: Launch | undefined;
  #starting: Start | undefined;
  #stopping: Promise<void> | undefined;
  #graceMs: number | undefined;
  #closed = false;

  /** `plugin` is `undefined` for one that is not enabled. */
  constructor(spec: PluginSpec, plugin: VerifiedPlugin | undefined, options: SlotOptions) {
    requireTimes(options.supervision);
    this.#spec = spec;
    this.#plugin = plugin;
    this.#options = options;
    this.#limit = new Limit(spec.maxConcurrent);
    this.#supervisor = new Supervisor({
      enabled: plugin !== undefined,
      supervised: this.supervised,
      spec: () => withTimes(this.#spec, options.supervision),
      clock: CLOCK,
      hands: {
        launch: () => this.#begin(),
        kill: () => void this.#launch?.stop(0).catch(ignore),
        retire: () => this.#retire(),
        reject: (error) => this.#rejectWaiters(error),
        crashed: (reason) => crashedError(this.#spec.name, reason),
      },
    });
    this.#replacement = new Replacement({
      slot: this,
      running: () => this.#plugin,
      isStarting: () => this.#starting !== undefined,
      on: (event) => this.#supervisor.on(event),
      start: (next, signal) => this.#startOnce(next, signal),
      take: (next) => this.#take(next),
      swap: (next, launch) => this.#swap(next, launch),
      letGo: (launch, graceMs) => this.#retiring.letGo(launch, graceMs),
    });
  }

  /** What the configuration says now. */
  get spec(): PluginSpec {
    return this.#spec;
  }

  /** Whether it was stopped for good. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether a plugin that no longer serves is found out, and started again. */
  get supervised(): boolean {
    return this.#options.supervision !== false;
  }

  /** The current state. */
  get state(): PluginState {
    return this.#supervisor.state;
  }

  /** The current launch, if a process runs and is ready. */
  get launch(): Launch | undefined {
    return this.#launch;
  }

  /** The current launch if calls may go to it now; without one, `acquire` says why, or starts it. */
  get current(): Launch | undefined {
    return this.state.kind === "ready" ? this.#launch : undefined;
  }

  /** The current state first, none missed. */
  states(signal: AbortSignal | undefined): AsyncIterable<PluginState> {
    return this.#supervisor.states.follow(signal);
  }

  /**
   * The current launch, or the next one that is ready; one start serves all who wait.
   * The signal ends this wait alone, not the start.
   *
   * @throws {PluginError} "host.closed", "host.inactive", "host.stopped", "host.crashed", what the first start throws, or the signal's reason.
   */
  async acquire(signal: AbortSignal | undefined): Promise<Launch> {
    signal?.throwIfAborted();
    requireCallable(this.#spec.name, this.state, this.#closed);
    if (this.current !== undefined) return this.current;
    const waiter = Promise.withResolvers<Launch>();
    this.#waiters.add(waiter);
    this.#supervisor.on({ kind: "wanted" });
    try {
      return await abortable(waiter.promise, signal);
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  /**
   * A place for a call of a plugin with `max_concurrent`, to be held through all its tries; it runs or waits there.
   * @throws {PluginError} "caller.overloaded", or as `acquire` what keeps any call from running.
   */
  enter(waiter: Waiter, what: string): Place {
    requireCallable(this.#spec.name, this.state, this.#closed);
    return this.#limit.enter(waiter, { what, plugin: this.#spec.name });
  }

  /** As `acquire`, and takes a plugin that was stopped or given up back into service. */
  async start(signal: AbortSignal | undefined): Promise<Launch> {
    signal?.throwIfAborted();
    if (this.#stopping !== undefined) await abortable(this.#stopping, signal);
    if (!this.#closed) this.#supervisor.on({ kind: "revive" });
    return await this.acquire(signal);
  }

  /** A call's deadline has passed; `answers` is how many there had been on the launch when it was sent. */
  overdue(launch: Launch, answers: number): void {
    if (launch === this.#launch) this.#supervisor.overdue(answers);
  }

  /**
   * Puts a process of a new configuration in the place of the current one. Reloads come one after the other.
   * @throws {PluginError} why the new process could not be started; then the old one serves on.
   */
  async reload(read: () => Promise<VerifiedPlugin>, options: ReplaceOptions): Promise<void> {
    await this.#replacement.run(read, options);
  }

  /** Ends the process and what it started; calls are refused until `start()`. */
  async stop(graceMs: number): Promise<void> {
    if (this.state.kind === "inactive" || this.state.kind === "stopped") return;
    // What it ends in is what the gentle stop waits for.
    if (graceMs === 0) this.#retiring.stop(0);
    this.#stopping ??= this.#end(graceMs).finally(() => {
      this.#stopping = undefined;
      this.#supervisor.on({ kind: "stopped" });
    });
    await this.#stopping;
  }

  /** Stops for good. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    await this.stop(graceMs);
  }

  async #end(graceMs: number): Promise<void> {
    const { name } = this.#spec;
    const starting = this.#starting?.done;
    this.#graceMs = graceMs;
    const replaced = this.#replacement.giveUp(stoppedError(name));
    this.#retiring.stop(graceMs);
    this.#supervisor.on({ kind: "stop" });
    this.#rejectWaiters(stoppedError(name));
    await Promise.all([starting, replaced, this.#retiring.allGone()]);
    await this.#retiring.allGone(); // What has become ready meanwhile was retired too.
    this.#graceMs = undefined;
  }

  #begin(): void {
    const plugin = this.#plugin;
    if (plugin === undefined) throw new TypeError(`Plugin "${this.#spec.name}" is not enabled`);
    const controller = new AbortController();
    const done = this.#startOnce(plugin, controller.signal).then((launch) => {
      if (controller.signal.aborted) return this.#retiring.letGo(launch, 0);
      this.#starting = undefined;
      this.#adopt(launch, { kind: "ready", pid: launch.pid });
    }, (error) => {
      if (controller.signal.aborted) return;
      this.#starting = undefined;
      this.#supervisor.on({ kind: "failed", reason: asPluginError(error, plugin.spec.name) });
    });
    this.#starting = { controller, done };
  }

  /** Where two processes cannot be beside each other, the old one ends first. */
  async #startOnce(plugin: VerifiedPlugin, signal: AbortSignal): Promise<Launch> {
    if (hasFixedPlace(plugin.spec)) await abortable(this.#retiring.allGone(), signal);
    return await this.#options.start(plugin, signal);
  }

  #adopt(launch: Launch, event: { readonly kind: "ready" | "swapped"; readonly pid: number | undefined }): void {
    this.#launch = launch;
    launch.exited.then((exit) => this.#onExit(launch, exit));
    this.#supervisor.on(event);
    this.#supervisor.watch(launch);
    this.history.began(launch);
    for (const waiter of this.#waiters) waiter.resolve(launch);
    this.#limit.follow(this.#spec.maxConcurrent); // A reload may have changed it.
  }

  #onExit(launch: Launch, exit: PluginExit): void {
    const isCurrent = this.#launch === launch;
    this.history.ended(exit, { byItself: isCurrent });
    if (!isCurrent) return;
    this.#launch = undefined;
    const reason = exitReason(this.#spec.name, exit, this.state);
    this.#supervisor.on({ kind: "exited", reason, wanted: this.#waiters.size > 0 || launch.calls.open > 0 });
  }

  #retire(): void {
    const { name } = this.#spec;
    this.#starting?.controller.abort(stoppedError(name, "while it started"));
    this.#starting = undefined;
    const launch = this.#launch;
    this.#launch = undefined;
    if (launch !== undefined) this.#retiring.letGo(launch, this.#graceMs).catch(ignore);
  }

  #rejectWaiters(error: PluginError): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#limit.refuseAll(error);
  }

  /** Lets calls go to another process; gives the one that they went to. */
  #swap(next: VerifiedPlugin, launch: Launch): Launch | undefined {
    const old = this.#launch;
    this.#starting?.controller.abort(stoppedError(next.spec.name, "by a reload"));
    this.#starting = undefined;
    this.#take(next);
    this.#adopt(launch, { kind: "swapped", pid: launch.pid });
    return old;
  }

  #take(plugin: VerifiedPlugin): void {
    this.#plugin = plugin;
    this.#spec = plugin.spec;
  }
}
