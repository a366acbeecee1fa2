/**
 * What a plugin may call: takes its `Grants` and what it asks for, throws the refusal and logs it. The only place that decides.
 * @module
 */
import { PluginError } from "../../protocol/errors.ts";
import { isReserved, PUBLISH } from "../../protocol/reserved.ts";
import { matchesTopic } from "../../protocol/topics.ts";
import type { Grants } from "../discover.ts";
import type { LogSink } from "../logs/record.ts";

/** Whether there is anything for which the plugin needs a way to its host. */
export function grantsAnything({ services, publish, plugins }: Grants): boolean {
  return services.length > 0 || publish.length > 0 || plugins.size > 0;
}

/** Which method of which service. Publishing needs no grant of the service: the topics are what is granted. */
export function allowsService({ services, publish }: Grants, command: string): boolean {
  if (isReserved(command)) return false;
  return matchesAny(services, command) || (command === PUBLISH && publish.length > 0);
}

/** Which topic. */
export function allowsPublish({ publish }: Grants, topic: string): boolean {
  return matchesAny(publish, topic);
}

/** Which command of which plugin. */
export function allowsPlugin({ plugins }: Grants, plugin: string, command: string): boolean {
  return !isReserved(command) && matchesAny(plugins.get(plugin) ?? [], command);
}

function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matchesTopic(pattern, text));
}

/** The refusal of what is not granted. */
export function notGranted(plugin: string, what: string, key: string): PluginError {
  return new PluginError("exec.not_granted", `Plugin "${plugin}" is not granted ${what}`, {
    plugin,
    hint: `Add it to ${key} of [plugins.${plugin}.grants], if it should be`,
  });
}

/** A plugin that asks again and again must not fill the log: one record a second, with how many it stands for. */
const QUIET_MS = 1000;

/** Logs what a plugin was refused. */
export class RefusalLog {
  readonly #log: LogSink;
  readonly #last = new Map<string, { at: number; left: number }>();

  constructor(log: LogSink) {
    this.#log = log;
  }

  /** Says it, unless something was said of this plugin a moment ago. */
  add(plugin: string, { code, message }: PluginError): void {
    const now = performance.now();
    const last = this.#last.get(plugin) ?? { at: -Infinity, left: 0 };
    this.#last.set(plugin, last);
    if (now - last.at < QUIET_MS) {
      last.left += 1;
      return;
    }
    const values = { code, ...(last.left === 0 ? {} : { before: last.left }) };
    [last.at, last.left] = [now, 0];
    this.#log({ time: new Date(), plugin, level: "warn", message: `Refused a call of the plugin: ${message}`, values });
  }
}
