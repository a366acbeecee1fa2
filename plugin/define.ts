/**
 * `definePlugin`: takes what an author wrote, gives a `Plugin` that is known to be well-formed.
 * @module
 */
import { MAX_TIMER_MS } from "../protocol/deadlines.ts";
import { isDottedName, isName } from "../protocol/names.ts";
import type { Commands, Plugin } from "../protocol/plugin.ts";
import { isReserved } from "../protocol/reserved.ts";
import { isPattern } from "../protocol/topics.ts";

/**
 * Defines a plugin. Nothing starts: the result can be served, or loaded into a host as a built-in.
 *
 * @example
 * ```ts
 * import { definePlugin, serve } from "@polyplug/core/plugin";
 *
 * export const hello = definePlugin({
 *   name: "hello",
 *   version: "1.0.0",
 *   commands: { "hello.echo": (bytes) => bytes },
 * });
 * if (import.meta.main) await serve(hello);
 * ```
 *
 * @throws {TypeError} when a name, the version or a command is not what the contract allows.
 */
export function definePlugin<const C extends Commands>(plugin: Plugin<C>): Plugin<C> {
  if (!isName(plugin.name)) throw new TypeError(`The plugin's name "${plugin.name}" must be 1 to 64 letters, digits, "_" or "-"`);
  if (plugin.version === "") throw new TypeError(`Plugin "${plugin.name}" needs a version, for example "1.0.0"`);
  for (const [name, handler] of Object.entries(plugin.commands)) {
    const command = `Command "${name}" of plugin "${plugin.name}"`;
    if (!isDottedName(name)) throw new TypeError(`${command} must be words of letters, digits, "_" or "-", joined by dots`);
    if (isReserved(name)) throw new TypeError(`${command} is reserved: "polyplug." belongs to the framework`);
    if (!isHandler(handler)) throw new TypeError(`${command} must be a function, or what command() gives`);
  }
  for (const name of ["init", "health"] as const) {
    if (plugin[name] !== undefined && typeof plugin[name] !== "function") {
      throw new TypeError(`${name} of plugin "${plugin.name}" must be a function`);
    }
  }
  requireEvents(plugin);
  return plugin;
}

function isHandler(handler: unknown): boolean {
  return typeof handler === "function" || (typeof handler === "object" && handler !== null && "schemas" in handler && "run" in handler);
}

function requireEvents({ name, on = {}, tick }: Plugin): void {
  for (const [pattern, handler] of Object.entries(on)) {
    const which = `Pattern "${pattern}" in on of plugin "${name}"`;
    if (!isPattern(pattern)) throw new TypeError(`${which} must be words, "*" or "#", joined by dots`);
    if (typeof handler !== "function") throw new TypeError(`${which} must have a function`);
  }
  if (tick === undefined) return;
  if (typeof tick.run !== "function") throw new TypeError(`tick.run of plugin "${name}" must be a function`);
  if (!(tick.everyMs > 0 && tick.everyMs <= MAX_TIMER_MS)) {
    throw new TypeError(`tick.everyMs of plugin "${name}" must be more than 0, not ${tick.everyMs}`);
  }
}
