/**
 * How much may be waiting to be published: takes one event at a time, throws when it is too much.
 * @module
 */
import { PluginError } from "../../protocol/errors.ts";
import { MOST_BYTES, type PublishedEvent, sizeOf } from "./published.ts";

const MOST_EVENTS = 10_000;

/** Counts what waits in one place. */
export class Allowance {
  readonly #what: string;
  readonly #hint: string;
  #events = 0;
  #bytes = 0;

  constructor(what: string, hint: string) {
    this.#what = what;
    this.#hint = hint;
  }

  /** How many wait. */
  get events(): number {
    return this.#events;
  }

  /**
   * Lets one in; whoever calls takes it out again.
   * @throws {PluginError} "caller.overloaded".
   */
  enter(event: PublishedEvent): void {
    if (this.#events >= MOST_EVENTS || this.#bytes >= MOST_BYTES) {
      const message = `The event on "${event.topic}" was not published: ${this.#events} events wait ${this.#what} already`;
      throw new PluginError("caller.overloaded", message, { hint: this.#hint });
    }
    this.#events += 1;
    this.#bytes += sizeOf(event);
  }

  leave(event: PublishedEvent): void {
    this.#events -= 1;
    this.#bytes -= sizeOf(event);
  }
}
