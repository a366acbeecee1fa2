/**
 * Tells a plugin from anything else that a module may export, or an application in JavaScript pass.
 * @module
 */
import type { Plugin } from "../../protocol/plugin.ts";

/** Whether a value is what `definePlugin` gives, made by this copy of the package or another one. */
export function isPlugin(value: unknown): value is Plugin {
  if (typeof value !== "object" || value === null) return false;
  const { name, version, commands } = value as Readonly<Record<string, unknown>>;
  return typeof name === "string" && typeof version === "string" && typeof commands === "object" && commands !== null;
}
