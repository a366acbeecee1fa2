/**
 * Plugins that wait for one another while they start: takes each call that one makes of another, throws when nobody could ever go on.
 * @module
 */
import { PluginError } from "../../protocol/errors.ts";

/** A call that a plugin has made, through the host, of another. */
export interface Passage {
  readonly from: string;
  readonly target: string;
  /** The same for all calls that one has led to. */
  readonly requestId: string;
}

/** Knows which calls the plugins that start are waiting for. */
export class StartingPlugins {
  readonly #isReady: (plugin: string) => boolean;
  readonly #open = new Map<string, Set<Passage>>();

  constructor(isReady: (plugin: string) => boolean) {
    this.#isReady = isReady;
  }

  /**
   * Runs a call, unless it would wait for a plugin that waits for it.
   * @throws {PluginError} "host.cycle".
   */
  pass<T>(passage: Passage, call: () => Promise<T>): Promise<T> {
    const { from, target } = passage;
    return this.#isReady(target) && this.#isReady(from) ? call() : this.#watch(passage, call);
  }

  async #watch<T>(passage: Passage, call: () => Promise<T>): Promise<T> {
    const { from, target } = passage;
    if (!this.#isReady(target) && this.#leadsTo(passage, target, new Set())) {
      const message = `Plugin "${from}" cannot call plugin "${target}", which waits for "${from}" to start itself`;
      throw new PluginError("host.cycle", message, { plugin: target, hint: "Call it after init, or let only one of them call the other" });
    }
    if (this.#isReady(from)) return await call();
    const open = this.#open.get(from) ?? new Set();
    this.#open.set(from, open.add(passage));
    try {
      return await call();
    } finally {
      open.delete(passage);
      if (open.size === 0) this.#open.delete(from);
    }
  }

  /** Whether the start of `plugin` waits for who makes this call: for its start, or for this very call to go on. */
  #leadsTo(call: Passage, plugin: string, seen: Set<string>): boolean {
    if (seen.has(plugin)) return false;
    seen.add(plugin);
    for (const { target, requestId } of this.#open.get(plugin) ?? []) {
      if (target === call.from && (!this.#isReady(target) || requestId === call.requestId)) return true;
      if (!this.#isReady(target) && this.#leadsTo(call, target, seen)) return true;
    }
    return false;
  }
}
