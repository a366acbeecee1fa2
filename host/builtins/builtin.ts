/**
 * Built-in plugins: takes what the application passed as `builtins` and a `HostConfig`, gives the configuration with them in it.
 * @module
 */
import * as v from "valibot";
import { PluginError } from "../../protocol/errors.ts";
import { isName } from "../../protocol/names.ts";
import type { Plugin } from "../../protocol/plugin.ts";
import type { HostConfig } from "../config/parse.ts";
import { BUILTIN, PLUGIN } from "../config/schema.ts";
import type { PluginSpec } from "../discover.ts";
import { isPlugin } from "./is_plugin.ts";

/** A plugin that runs inside the host's own process: in its thread, or in one of its own whose module exports it. */
export type Builtin = Plugin | { readonly worker: URL };

/** Built-ins by the name under which the host has them. */
export type Builtins = Readonly<Record<string, Builtin>>;

/**
 * Refuses what is no plugin; an application in JavaScript may pass anything.
 * @throws {TypeError} naming the built-in.
 */
export function requireBuiltins(builtins: Builtins): void {
  for (const [name, builtin] of Object.entries(builtins)) {
    if (!isName(name)) throw new TypeError(`A built-in cannot be called "${name}": 1 to 64 letters, digits, "_" or "-"`);
    if (isPlugin(builtin) || isWorker(builtin)) continue;
    throw new TypeError(`The built-in "${name}" must be what definePlugin() gives, or { worker: URL } of a module that exports that`);
  }
}

/** Whether a plugin is no program, be it that the application does not bring it. */
export function isBuiltin({ builtin, commType }: Pick<PluginSpec, "builtin" | "commType">): boolean {
  return builtin !== undefined || commType === BUILTIN;
}

function isWorker(builtin: object): builtin is { readonly worker: URL } {
  return typeof builtin === "object" && builtin !== null && "worker" in builtin && builtin.worker instanceof URL;
}

/**
 * The configuration of one host with the built-ins in it. A table with `comm_type = "builtin"` is for the built-in of its name; one
 * without a table has the defaults.
 * @throws {PluginError} "config.invalid" when the configuration has a program of that name.
 */
export function withBuiltins(config: HostConfig, host: string, builtins: Builtins): HostConfig {
  const names = config.hosts.get(host);
  if (names === undefined) return config; // Discovering it says so.
  const plugins = new Map(config.plugins);
  for (const name of Object.keys(builtins)) {
    requireFreeName(name, config);
    if (!plugins.has(name)) plugins.set(name, v.parse(PLUGIN, { comm_type: BUILTIN }));
  }
  return { ...config, plugins, hosts: new Map([...config.hosts, [host, [...names, ...Object.keys(builtins)]]]) };
}

function requireFreeName(name: string, { plugins }: HostConfig): void {
  const role = [...plugins.values()].map((table) => table.role).find((each) => each?.toLowerCase() === name.toLowerCase());
  if (role !== undefined) {
    const hint = "Give one of them another name: host.get() finds plugins and roles by their names";
    throw new PluginError("config.invalid", `The built-in "${name}" has the name of the role "${role}"`, { plugin: name, hint });
  }
  const twin = [...plugins.keys()].find((each) => each.toLowerCase() === name.toLowerCase());
  if (twin === undefined || (twin === name && plugins.get(twin)?.comm_type === BUILTIN)) return;
  throw new PluginError("config.invalid", `The built-in "${name}" has the name of plugin "${twin}" of the configuration`, {
    plugin: name,
    hint: `Give one of them another name; where [plugins.${twin}] is meant for the built-in, it has comm_type = "${BUILTIN}" and no exec`,
  });
}

/** What a plugin's table says, with the built-in that it is for. */
export function withBuiltin(spec: PluginSpec, builtins: Builtins): PluginSpec {
  if (spec.commType !== BUILTIN || !Object.hasOwn(builtins, spec.name)) return spec;
  const builtin = builtins[spec.name];
  return builtin === undefined ? spec : { ...spec, builtin, commType: isWorker(builtin) ? "worker" : BUILTIN };
}

/** The error of a table whose built-in the application does not bring. */
export function missingBuiltin({ name }: PluginSpec): PluginError {
  const message = `Plugin "${name}" is a built-in, and this application does not bring it`;
  const hint = `Pass builtins: { ${JSON.stringify(name)}: … } to openHost()`;
  return new PluginError("caller.unknown_comm_type", message, { plugin: name, hint });
}
