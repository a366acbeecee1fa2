/**
 * Watches one process while it is ready: takes its launch, tells when it no longer answers, or when nobody has called it for long.
 *
 * A ping is sent only while no call is open, since a plugin that does one thing at a time cannot answer it, and only after an interval in
 * which nothing was answered. A call whose deadline has passed without any answer since it was sent asks for a ping at once, which counts
 * whatever is open: under load a plugin that hangs would always have calls to be busy with.
 * @module
 */
import { isPluginError, messageOf, PluginError } from "../../protocol/errors.ts";
import type { Launch } from "../launch.ts";
import { EXIT_LAG_MS } from "../process/exit_lag.ts";
import type { Clock } from "./clock.ts";

/** What is watched: a launch's calls, and the ping that asks it. */
export type Watched = Pick<Launch, "calls" | "ping">;

/** What the watch needs to know. */
export interface LivenessOptions {
  readonly clock: Clock;
  /** How long nothing may be heard before it is asked; 0 for never. */
  readonly pingIntervalMs: number;
  /** How long it may take to answer. */
  readonly pingTimeoutMs: number;
  /** How long a plugin on demand is kept without a call; `undefined` for one that always runs. */
  readonly idleTimeMs: number | undefined;
  readonly onSick: (reason: PluginError) => void;
  readonly onUnused: () => void;
}

/** In how many looks the quiet before a ping is counted: it is sent at most one look later than it could be. */
const PING_LOOKS = 2;
/** In how many looks the idle time is counted: a process ends at most one look later than it could. */
const IDLE_LOOKS = 8;
const LEAST_LOOK_MS = 5;
const IN_BACKGROUND = { background: true };

/** Watches until `end()`. */
export class Liveness {
  readonly #launch: Watched;
  readonly #options: LivenessOptions;
  #cancelPing: () => void = () => {};
  #cancelIdle: () => void = () => {};
  #asking: AbortController | undefined;
  #isOverdue = false;
  #ended = false;

  constructor(launch: Watched, options: LivenessOptions) {
    this.#launch = launch;
    this.#options = options;
    this.#waitForPing();
    if (options.idleTimeMs !== undefined) this.#lookForUse(options.idleTimeMs, 0);
  }

  /** A call's deadline has passed; `answers` is how many there were when it was sent. */
  overdue(answers: number): void {
    if (this.#ended || this.#launch.calls.answers !== answers) return;
    this.#isOverdue = true;
    this.#cancelPing();
    void this.#ask();
  }

  end(): void {
    this.#ended = true;
    this.#cancelPing();
    this.#cancelIdle();
    this.#asking?.abort();
  }

  /** Counts the looks at which nothing was open and nothing had been answered since the last one. */
  #waitForPing(quietLooks = 0): void {
    const { clock, pingIntervalMs } = this.#options;
    if (pingIntervalMs === 0) return;
    const { answers } = this.#launch.calls;
    const look = () => {
      const isQuiet = this.#launch.calls.open === 0 && this.#launch.calls.answers === answers;
      const looks = isQuiet ? quietLooks + 1 : 0;
      if (looks >= PING_LOOKS) void this.#ask();
      else this.#waitForPing(looks);
    };
    this.#cancelPing = clock.after(pingIntervalMs / PING_LOOKS, look, IN_BACKGROUND);
  }

  /** One ping; a second one while it is on its way would tell no more. */
  async #ask(): Promise<void> {
    if (this.#asking !== undefined) return;
    const asking = this.#asking = new AbortController();
    const { answers, begun } = this.#launch.calls;
    const failure = await this.#failureOfPing(asking);
    const isOverdue = this.#isOverdue;
    this.#asking = undefined;
    this.#isOverdue = false;
    if (this.#ended) return;
    // A call that began meanwhile may be what keeps it from answering.
    const isBusy = this.#launch.calls.begun !== begun && this.#launch.calls.open > 0 && !isOverdue;
    const isExcused = isBusy || this.#launch.calls.answers !== answers;
    if (failure === undefined || (isExcused && !isWrongAnswer(failure))) return this.#waitForPing();
    this.#options.onSick(failure);
  }

  /** A ping that is answered costs neither an error nor a signal that fires: hundreds of plugins may be watched. */
  async #failureOfPing(asking: AbortController): Promise<PluginError | undefined> {
    const { clock, pingTimeoutMs } = this.#options;
    const over = Promise.withResolvers<PluginError | undefined>();
    const dueAt = clock.now() + pingTimeoutMs;
    let cancel = clock.after(pingTimeoutMs, () => {
      // While the host itself was held up, an answer may have come that nobody has read yet.
      cancel = clock.after(Math.min(clock.now() - dueAt, pingTimeoutMs), () => {
        over.resolve(new PluginError("caller.timeout", `It did not answer ping within ${pingTimeoutMs} ms`));
      });
    });
    asking.signal.addEventListener("abort", () => over.resolve(undefined), { once: true });
    let isLate = true;
    this.#launch.ping({ timeoutMs: pingTimeoutMs, signal: asking.signal }).then(() => over.resolve(undefined), (error) => {
      isLate = false;
      over.resolve(isPluginError(error) ? error : new PluginError("caller.lost", messageOf(error), { cause: error }));
    });
    const failure = await over.promise;
    cancel();
    if (failure === undefined) return undefined;
    asking.abort(failure);
    if (!isLate) await new Promise<void>((resolve) => clock.after(EXIT_LAG_MS, resolve, IN_BACKGROUND));
    return failure;
  }

  /** Counts the looks at which nothing was open and nothing had begun since the last one. */
  #lookForUse(idleTimeMs: number, quietLooks: number): void {
    const { begun } = this.#launch.calls;
    const look = () => {
      const isQuiet = this.#launch.calls.open === 0 && this.#launch.calls.begun === begun;
      const looks = isQuiet ? quietLooks + 1 : 0;
      if (looks >= IDLE_LOOKS) this.#options.onUnused();
      else this.#lookForUse(idleTimeMs, looks);
    };
    this.#cancelIdle = this.#options.clock.after(Math.max(LEAST_LOOK_MS, idleTimeMs / IDLE_LOOKS), look, IN_BACKGROUND);
  }
}

/** Whether it answered, and not as a plugin that is well does; being busy is no excuse for that. */
function isWrongAnswer({ code, origin }: PluginError): boolean {
  return code === "caller.bad_response" || origin === "plugin";
}
