/**
 * Ticks of one plugin: sent at intervals while it is ready, the first at once, never two at a time.
 * @module
 */
import { MAX_TIMER_MS } from "../../protocol/deadlines.ts";
import { createRequestId } from "../../protocol/request_id.ts";
import type { PluginCaller } from "../plugin_caller.ts";
import type { PluginSpec } from "../discover.ts";
import type { Clock } from "../supervise/clock.ts";
import { sendEvent } from "./delivery.ts";

/** The topic of a tick. */
const TICK = "polyplug.tick";

/** What sends a plugin its ticks. */
export class Ticker {
  readonly #caller: PluginCaller;
  readonly #spec: () => PluginSpec;
  readonly #clock: Clock;
  #round = 0;
  #cancel: (() => void) | undefined;

  constructor(caller: PluginCaller, spec: () => PluginSpec, clock: Clock) {
    this.#caller = caller;
    this.#spec = spec;
    this.#clock = clock;
  }

  /** Begins anew; what the configuration says wins over what the plugin wants. */
  start(wantedMs: number | undefined): void {
    this.stop();
    const everyMs = this.#spec().tickMs ?? wantedMs;
    if (everyMs !== undefined && everyMs > 0) void this.#run(this.#round, everyMs);
  }

  /** None is sent from now on; one that is on its way is not called back. */
  stop(): void {
    this.#round += 1;
    this.#cancel?.();
  }

  async #run(round: number, everyMs: number): Promise<void> {
    let due = this.#clock.now();
    for (let count = 1; round === this.#round; count++) {
      await this.#send(count);
      if (round !== this.#round) return;
      // One that took longer than the interval is followed at the next moment that is due, not by all that were missed.
      const now = this.#clock.now();
      due += everyMs * Math.max(1, Math.ceil((now - due) / everyMs));
      await this.#wait(due - now);
    }
  }

  /** Longer than a timer takes is until the ticks end. */
  async #wait(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = delayMs > MAX_TIMER_MS ? () => {} : this.#clock.after(delayMs, resolve, { background: true });
      this.#cancel = () => {
        cancel();
        resolve();
      };
    });
  }

  /** It may take as long as any call; what is wrong with the plugin shows in its own log and in its state. */
  async #send(count: number): Promise<void> {
    const { host: from, timeoutMs } = this.#spec();
    const event = { id: createRequestId(), topic: TICK, from, data: new TextEncoder().encode(String(count)) };
    await sendEvent(event, { caller: this.#caller, timeoutMs, attempt: 1 }).catch(() => {});
  }
}
