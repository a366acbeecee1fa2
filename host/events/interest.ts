/**
 * Which events a plugin gets: takes what its configuration, its info and the plugin itself say, tells whether a topic is for it.
 * @module
 */
import { PluginError, refusal } from "../../protocol/errors.ts";
import { isPattern, matchesTopic, patternsMeet } from "../../protocol/topics.ts";
import type { PluginSpec } from "../discover.ts";

/** What a plugin says of events when it has started. */
export interface Said {
  /** Whether it can take events at all. */
  readonly takesEvents: boolean;
  /** What its info names; `undefined` for one that says nothing. */
  readonly subscribes: readonly string[] | undefined;
}

/** A plugin's own patterns: those of its info, and as many that it asks for at run time. */
const MOST_PATTERNS = 1000;

/** What one plugin wants to hear. */
export class Interest {
  readonly #spec: () => PluginSpec;
  readonly #asked = new Set<string>();
  #said: readonly string[] | undefined;
  /** `undefined` until it has started. */
  takesEvents: boolean | undefined;

  constructor(spec: () => PluginSpec) {
    this.#spec = spec;
  }

  /** Whether it may get any. */
  get isAny(): boolean {
    const { enabled, subscribes } = this.#spec();
    return enabled && this.takesEvents !== false && subscribes.length > 0;
  }

  /** It has started; what it asked for before comes back with it. */
  started({ takesEvents, subscribes }: Said): void {
    this.takesEvents = takesEvents;
    this.#said = subscribes?.filter(isPattern).slice(0, MOST_PATTERNS);
  }

  /** Whether an event of this publisher is for it, as far as is known; `undefined` stands for the host. */
  wants(topic: string, publisher: string | undefined): boolean {
    const { events, name } = this.#spec();
    return (publisher !== name || events.own) && this.allows(topic) && this.#names(topic);
  }

  /** Whether its configuration lets it have the event. */
  allows(topic: string): boolean {
    return this.isAny && matchesAny(this.#spec().subscribes, topic);
  }

  /**
   * It asks for more.
   * @throws {PluginError} "exec.not_granted" when its configuration lets it have nothing of that, "exec.too_many_patterns".
   */
  ask(pattern: string): void {
    const { name, subscribes } = this.#spec();
    if (!subscribes.some((allowed) => patternsMeet(allowed, pattern))) {
      const hint = `Add it to subscribes of [plugins.${name}], if it should be`;
      throw new PluginError("exec.not_granted", `Plugin "${name}" may get no events on "${pattern}"`, { plugin: name, hint });
    }
    if (this.#asked.size >= MOST_PATTERNS && !this.#asked.has(pattern)) {
      throw refusal("exec.too_many_patterns", `Plugin "${name}" has asked for ${MOST_PATTERNS} patterns, which is the most`);
    }
    this.#asked.add(pattern);
  }

  /** It asks for that no more. */
  unask(pattern: string): void {
    this.#asked.delete(pattern);
  }

  #names(topic: string): boolean {
    return this.#said === undefined || matchesAny(this.#said, topic) || matchesAny(this.#asked, topic);
  }
}

function matchesAny(patterns: Iterable<string>, topic: string): boolean {
  for (const pattern of patterns) if (matchesTopic(pattern, topic)) return true;
  return false;
}
