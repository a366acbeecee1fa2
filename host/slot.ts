/**
 * Holds a plugin's current launch: starts it for whoever asks first, gives it to all who ask, retires it. Nothing else knows that processes change.
 * @module
 */
import { PluginError } from "../protocol/errors.ts";
import type { Launch } from "./launch.ts";
import type { PluginExit } from "./process/spawn.ts";
import { type PluginState, States } from "./states.ts";

/** Starts one launch; the signal gives the start up. */
export type StartLaunch = (signal: AbortSignal) => Promise<Launch>;

/** A plugin's place in its host. */
export class Slot {
  readonly #plugin: string;
  readonly #start: StartLaunch;
  readonly #states: States;
  #launch: Launch | undefined;
  #starting: { readonly launch: Promise<Launch>; readonly controller: AbortController } | undefined;
  #stopping: Promise<void> | undefined;
  #closed = false;
  #launches = 0;
  #restarts = 0;
  #diedSinceStart = false;
  #lastExit: PluginExit | undefined;

  constructor(plugin: string, enabled: boolean, start: StartLaunch) {
    this.#plugin = plugin;
    this.#start = start;
    this.#states = new States({ kind: enabled ? "idle" : "inactive" });
  }

  /** The current state. */
  get state(): PluginState {
    return this.#states.current;
  }

  /** The current launch, if a process runs and is ready. */
  get launch(): Launch | undefined {
    return this.#launch;
  }

  /** The current launch if calls may go to it now; without one, `acquire` says why, or starts it. */
  get current(): Launch | undefined {
    return this.state.kind === "ready" ? this.#launch : undefined;
  }

  /** How the last process ended. */
  get lastExit(): PluginExit | undefined {
    return this.#lastExit;
  }

  /** How often it was started again after it ended by itself. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The current state first, none missed. */
  states(signal: AbortSignal | undefined): AsyncIterable<PluginState> {
    return this.#states.follow(signal);
  }

  /**
   * The current launch, or that of a start that runs or begins now; one start serves all who wait.
   * The signal ends this wait alone, not the start.
   *
   * @throws {PluginError} "host.closed", "host.inactive", "host.stopped", what the start throws, or the signal's reason.
   */
  async acquire(signal: AbortSignal | undefined): Promise<Launch> {
    signal?.throwIfAborted();
    this.#requireStartable();
    if (this.#launch !== undefined) return this.#launch;
    this.#starting ??= this.#begin();
    return await abortable(this.#starting.launch, signal);
  }

  /** As `acquire`, and takes a stopped plugin back into service. */
  async start(signal: AbortSignal | undefined): Promise<Launch> {
    signal?.throwIfAborted();
    if (this.#stopping !== undefined) await abortable(this.#stopping, signal);
    if (this.state.kind === "stopped" && !this.#closed) this.#states.set({ kind: "idle" });
    return await this.acquire(signal);
  }

  /** Ends the process and what it started; calls are refused until `start()`. */
  async stop(graceMs: number): Promise<void> {
    if (this.state.kind === "inactive" || this.state.kind === "stopped") return;
    // What it ends in is what the gentle stop waits for.
    if (this.#stopping !== undefined && graceMs === 0) void this.#launch?.stop(0);
    this.#stopping ??= this.#retire(graceMs).finally(() => {
      this.#stopping = undefined;
      this.#states.set({ kind: "stopped" });
    });
    await this.#stopping;
  }

  /** Stops for good. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    await this.stop(graceMs);
  }

  #requireStartable(): void {
    const name = this.#plugin;
    if (this.#closed) throw new PluginError("host.closed", `Plugin "${name}" cannot be called: its host was closed`, { plugin: name });
    if (this.state.kind === "inactive") {
      const hint = "Remove enabled = false from its configuration";
      throw new PluginError("host.inactive", `Plugin "${name}" is not enabled`, { plugin: name, hint });
    }
    if (this.state.kind === "stopping" || this.state.kind === "stopped") {
      const hint = "Start it again with start()";
      throw new PluginError("host.stopped", `Plugin "${name}" was stopped`, { plugin: name, hint });
    }
  }

  #begin(): { launch: Promise<Launch>; controller: AbortController } {
    const controller = new AbortController();
    this.#states.set({ kind: "starting", attempt: 1 });
    const launch = this.#run(controller.signal);
    launch.catch(() => {}); // Each waiter gets the failure; without one left it is in the state alone.
    return { launch, controller };
  }

  async #run(signal: AbortSignal): Promise<Launch> {
    try {
      const launch = await this.#start(signal);
      this.#launches += 1;
      if (this.#diedSinceStart) this.#restarts += 1;
      this.#diedSinceStart = false;
      this.#launch = launch;
      this.#starting = undefined;
      if (this.#stopping === undefined) this.#states.set({ kind: "ready", pid: launch.pid, launch: this.#launches });
      launch.exited.then((exit) => this.#onExit(launch, exit));
      return launch;
    } catch (error) {
      this.#starting = undefined;
      if (this.#stopping === undefined) this.#states.set({ kind: "idle" });
      throw error;
    }
  }

  #onExit(launch: Launch, exit: PluginExit): void {
    this.#lastExit = exit;
    if (this.#launch !== launch) return;
    this.#launch = undefined;
    if (this.#stopping !== undefined) return;
    this.#diedSinceStart = true;
    this.#states.set({ kind: "idle" });
  }

  async #retire(graceMs: number): Promise<void> {
    this.#states.set({ kind: "stopping" });
    const starting = this.#starting;
    const reason = new PluginError("host.stopped", `Plugin "${this.#plugin}" was stopped while it started`, { plugin: this.#plugin });
    starting?.controller.abort(reason);
    await Promise.allSettled([starting?.launch]);
    await this.#launch?.stop(graceMs);
    this.#launch = undefined;
  }
}

/** The promise's result, or the signal's reason, whichever comes first. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
