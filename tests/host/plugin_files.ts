/**
 * What the tests of configuration and verification share: plugins as files in a temporary folder, their sums, the library's view of them.
 * @module
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { parseConfig } from "../../host/config/parse.ts";
import { discoverPlugins, type PluginSpec } from "../../host/discover.ts";
import { openHost, type PluginHandle, type PluginLog } from "../../host/mod.ts";
import { bytes, pathOf, RUNTIME, text } from "../support.ts";

/** A table of the configuration. */
export type Table = Record<string, unknown>;

/** The md5 and sha256 of some bytes, in lower-case hex. */
export function sumsOf(data: string | Uint8Array): { md5: string; sha256: string } {
  return { md5: createHash("md5").update(data).digest("hex"), sha256: createHash("sha256").update(data).digest("hex") };
}

/** Copies the plain plugin into a folder of its own, and gives its table; a start of it leaves a line in `<name>/started`. */
export async function copyPlain(folder: string, name: string): Promise<Table> {
  await mkdir(join(folder, name));
  await copyFile(pathOf("tests/fixtures/plain.ts"), join(folder, name, "plugin.ts"));
  const { sha256 } = sumsOf(await readFile(join(folder, name, "plugin.ts")));
  const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), "plugin.ts"];
  return { exec: RUNTIME, exec_args: args, exec_file: `${name}/plugin.ts`, cwd: name, sha256 };
}

/** How often the plugin that `copyPlain` made was started. */
export async function startsOf(folder: string, name: string): Promise<number> {
  const text = await readFile(join(folder, name, "started"), "utf8").catch(() => "");
  return text.split("\n").length - 1;
}

/** Writes a configuration in which the host `test` may use all plugins, and gives its path. */
export async function writeConfig(folder: string, plugins: Record<string, Table>, settings: Table = {}): Promise<string> {
  const path = join(folder, "config.toml");
  await writeFile(path, stringify({ settings, plugins, hosts: { test: { plugins: Object.keys(plugins) } } }));
  return path;
}

/** Opens the host `test` of these plugins, and gives what it logged too. */
export async function openFiles(folder: string, plugins: Record<string, Table>, settings: Table = {}) {
  const records: PluginLog[] = [];
  const config = await writeConfig(folder, plugins, settings);
  const host = await openHost("test", { config, onLog: (record) => records.push(record) });
  return { host, records };
}

/** The spec of the one plugin `a` in a folder. */
export function specOf(folder: string, plugin: Table, settings: Table = {}): PluginSpec {
  const content = { settings, plugins: { a: plugin }, hosts: { test: { plugins: ["a"] } } };
  const [spec] = discoverPlugins(parseConfig({ path: undefined, folder, content }), "test");
  if (spec === undefined) throw new Error("The host has no plugin");
  return spec;
}

/** "abc", with the sums that RFC 1321 and FIPS 180 give for it. */
export const ABC = { md5: "900150983cd24fb0d6963f7d28e17f72", sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" };

/** Writes an executable file, and gives the table of a plugin that is this file alone. */
export async function writeProgram(folder: string, content: string | Uint8Array): Promise<Table> {
  await writeFile(join(folder, "program"), content, { mode: 0o755 });
  return { exec: "./program" };
}

/** Whether a plugin answers with what it was sent. */
export async function echoes(handle: PluginHandle): Promise<boolean> {
  return text(await handle.exec("any", bytes("hello"))) === "hello";
}
