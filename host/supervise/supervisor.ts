/**
 * Runs a plugin's life: takes what happens to it, follows the table of machine.ts, and does what the table says. It owns every timer of
 * the supervision, and knows nothing of wires.
 * @module
 */
import type { PluginError } from "../../protocol/errors.ts";
import type { Launch } from "../launch.ts";
import { type PluginState, States } from "../states.ts";
import type { RestartPolicy } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { Liveness } from "./liveness.ts";
import { type Effect, type Life, type LifeEvent, newLife, step } from "./machine.ts";

/** What the configuration says of a plugin's supervision. */
export interface SupervisionSpec {
  readonly restart: RestartPolicy;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** How long a plugin on demand is kept without a call; `undefined` for one that always runs. */
  readonly idleTimeMs: number | undefined;
}

/** What the supervisor lets others do. */
export interface Hands {
  /** Begins a start; then the event `ready` or `failed`. */
  launch(): void;
  /** Ends the process hard; then the event `exited`. */
  kill(): void;
  /** Lets go of the process, or gives up the start that is under way; what that takes goes on beside. */
  retire(): void;
  /** Tells those who wait for a process that there will be none. */
  reject(error: PluginError): void;
  /** The error for calls to a plugin that was given up. */
  crashed(reason: PluginError): PluginError;
}

/** Who takes part. */
export interface SupervisorOptions {
  readonly enabled: boolean;
  /** Whether plugins are watched and started again by themselves. */
  readonly supervised: boolean;
  /** What the configuration says now. */
  readonly spec: () => SupervisionSpec;
  readonly clock: Clock;
  readonly hands: Hands;
}

/** Follows one plugin from when its host is opened until it is closed. */
export class Supervisor {
  readonly states: States;
  readonly #options: SupervisorOptions;
  #life: Life;
  #cancelWait: () => void = () => {};
  #liveness: Liveness | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#life = newLife(options.enabled);
    this.states = new States(this.#life.state);
  }

  get state(): PluginState {
    return this.#life.state;
  }

  /** Something has happened. */
  on(event: LifeEvent): void {
    const { spec, supervised, clock, hands } = this.#options;
    const { restart, idleTimeMs } = spec();
    const { life, effects } = step(this.#life, event, {
      policy: restart,
      supervised,
      onDemand: idleTimeMs !== undefined,
      now: clock.now(),
      random: Math.random(),
      crashed: hands.crashed,
    });
    const hasMoved = life.state !== this.#life.state;
    this.#life = life;
    if (!hasMoved) return;
    this.#cancelWait();
    if (life.state.kind !== "ready") this.#unwatch();
    this.states.set(life.state);
    for (const effect of effects) this.#do(effect);
  }

  /** Watches the process that is ready now. */
  watch(launch: Launch): void {
    this.#unwatch();
    const { supervised, clock } = this.#options;
    const spec = this.#options.spec();
    if (!supervised && spec.idleTimeMs === undefined) return;
    this.#liveness = new Liveness(launch, {
      clock,
      ...spec,
      pingIntervalMs: supervised ? spec.pingIntervalMs : 0,
      onSick: (reason) => this.on({ kind: "sick", reason }),
      onUnused: () => this.on({ kind: "unused" }),
    });
  }

  /** A call's deadline has passed; `answers` is how many there were when it was sent. */
  overdue(answers: number): void {
    if (this.#options.supervised) this.#liveness?.overdue(answers);
  }

  #unwatch(): void {
    this.#liveness?.end();
    this.#liveness = undefined;
  }

  #do(effect: Effect): void {
    const { hands, clock } = this.#options;
    if (effect.kind === "wait") this.#cancelWait = clock.after(effect.delayMs, () => this.on({ kind: "due" }));
    else if (effect.kind === "reject") hands.reject(effect.error);
    else hands[effect.kind]();
  }
}
