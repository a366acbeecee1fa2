/**
 * Takes a configuration's text and one change, gives the text with the change in it and every other byte as it was.
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { PluginError } from "../../protocol/errors.ts";
import type { ConfigInput } from "../config/locate.ts";
import { formatToml, parseText } from "../config/parse.ts";
import { isTable } from "../config/schema.ts";
import { addToList, removeFromList } from "./toml_lists.ts";
import { insertTables, removeTables } from "./toml_tables.ts";

/** A configuration's text, and where it is from. */
export interface ConfigText {
  readonly path: string;
  readonly text: string;
}

/** A plugin that is added. */
export interface NewPlugin {
  readonly name: string;
  readonly table: ConfigInput;
  /** The hosts of the file that may use it. */
  readonly hosts: readonly string[];
}

/**
 * Adds a plugin below the last one, and its name to the lists of hosts.
 * @throws {PluginError} "config.invalid" when that cannot be done without rewriting other parts.
 */
export function addPlugin({ path, text }: ConfigText, { name, table, hosts }: NewPlugin): string {
  const wanted = valuesOf(text, path);
  (wanted["plugins"] ??= {})[name] = table;
  for (const host of hosts) listOf(wanted, host).push(name);
  const written = formatToml({ plugins: { [name]: table } });
  const message = `Cannot add plugin "${name}" to "${path}" without rewriting other parts of it`;
  return checked(message, { path, wanted, byHand: written }, () => {
    return hosts.reduce((edited, host) => addToList(edited, ["hosts", host, "plugins"], name), insertTables(text, "plugins", written));
  });
}

/**
 * Removes a plugin with its tables and the comments that touch them, and its name from the lists of hosts.
 * @throws {PluginError} "config.invalid" when that cannot be done without rewriting other parts.
 */
export function removePlugin({ path, text }: ConfigText, name: string): string {
  const wanted = valuesOf(text, path);
  delete wanted["plugins"]?.[name];
  const hosts = Object.keys(wanted["hosts"] ?? {}).filter((host) => listOf(wanted, host).includes(name));
  for (const list of hosts.map((host) => listOf(wanted, host))) list.splice(0, list.length, ...list.filter((each) => each !== name));
  const message = `Cannot remove plugin "${name}" from "${path}" without rewriting other parts of it`;
  return checked(message, { path, wanted, byHand: `the tables of [plugins.${name}], and "${name}" in the lists of [hosts]` }, () => {
    return hosts.reduce((edited, host) => removeFromList(edited, ["hosts", host, "plugins"], name), removeTables(text, ["plugins", name]));
  });
}

type Tables = Record<string, Record<string, unknown> | undefined>;

/** The values of a text, to be changed; the byte order mark is none of them. */
function valuesOf(text: string, path: string): Tables {
  return structuredClone(parseText(text.replace(/^\ufeff/, ""), path)) as Tables;
}

/** The list of a host's plugins; an absent one is made. */
function listOf(tables: Tables, host: string): unknown[] {
  const table = tables["hosts"]?.[host] as Record<string, unknown>;
  return (table["plugins"] ??= []) as unknown[];
}

/** Makes the edit and reads it again: it must mean what was asked for and nothing else, whatever layout the file has. */
function checked(
  message: string,
  { path, wanted, byHand }: { readonly path: string; readonly wanted: Tables; readonly byHand: string },
  edit: () => string,
): string {
  const hint = `Edit the file by hand:\n${byHand.trimEnd()}`;
  try {
    const edited = edit();
    if (isDeepStrictEqual(withoutEmpty(valuesOf(edited, path)), withoutEmpty(wanted))) return edited;
  } catch (cause) {
    throw new PluginError("config.invalid", message, { hint, cause });
  }
  throw new PluginError("config.invalid", message, { hint });
}

/** Without its last plugin a file may keep an empty table or none, and a host without a list has an empty one. */
function withoutEmpty({ plugins, hosts, ...others }: Tables): unknown {
  const lists = Object.entries(hosts ?? {}).map(([name, host]) => [name, isTable(host) ? { plugins: [], ...host } : host]);
  return structuredClone({ ...others, plugins: plugins ?? {}, hosts: Object.fromEntries(lists) });
}
