/**
 * Takes the folder of a plugin, gives what its author says in `goplugin.toml`, the requests apart from the rest.
 * @module
 */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf, PluginError } from "../../protocol/errors.ts";
import { type Finding, parseConfig, parseText } from "../config/parse.ts";
import { isTable } from "../config/schema.ts";
import { discoverPlugins } from "../discover.ts";
import { verifyFiles } from "../verify.ts";

type Table = Readonly<Record<string, unknown>>;

/** A plugin as its author ships it. */
export interface Manifest {
  /** The file. */
  readonly path: string;
  /** Its folder, where its relative paths start. */
  readonly folder: string;
  readonly name: string;
  /** The keys for config.toml, with the author's paths, without the requests. */
  readonly table: Table;
  /** What the author asks for and the operator decides: keys as in config.toml, and `hosts`. */
  readonly requests: Table;
  /** Keys that look mistyped. */
  readonly warnings: readonly Finding[];
}

/** Keys that give a plugin something of the host's; they are requests. */
const REQUESTS: readonly string[] = ["grants", "permissions", "env_inherit", "hosts"];

/**
 * Reads and checks `goplugin.toml`, and the checksums that it states.
 * @throws {PluginError} "config.not_found", "config.invalid", "verify.…".
 */
export async function readManifest(directory: string): Promise<Manifest> {
  const folder = resolve(directory);
  const path = join(folder, "goplugin.toml");
  const plugin = parseText(await readText(path), path)["plugin"];
  if (!isTable(plugin)) throw invalid(path, "plugin must be a table: [plugin]");
  const { name, hosts = [], ...keys } = plugin;
  if (typeof name !== "string") throw invalid(path, "plugin.name is missing: what the plugin is called in the configuration");
  if (!Array.isArray(hosts) || hosts.some((host) => typeof host !== "string")) {
    throw invalid(path, "plugin.hosts must be a list of strings");
  }
  const content = { settings: { allow_unverified: true }, plugins: { [name]: keys }, hosts: { all: { plugins: [name] } } };
  const config = parseConfig({ path, folder, content });
  for (const spec of discoverPlugins(config, "all")) await verifyFiles(spec);
  const { own, asked } = sortOut(keys);
  const requests = { ...asked, ...(hosts.length === 0 ? {} : { hosts }) };
  return {
    path,
    folder,
    name,
    table: own,
    requests,
    warnings: config.warnings.filter(({ message }) => message.includes("not a known key")),
  };
}

/** `env://` and `file://` read something of the host's too, so they wait for the operator as the requests do. */
function sortOut({ env, config, ...keys }: Table): { own: Table; asked: Table } {
  const entries = Object.entries(keys);
  const variables = isTable(env) ? Object.entries(env) : [];
  const isReference = (value: unknown) => typeof value === "string" && /^(env|file):\/\//.test(value);
  const pick = (wanted: boolean) => {
    const picked = variables.filter(([, value]) => isReference(value) === wanted);
    return {
      ...Object.fromEntries(entries.filter(([key]) => REQUESTS.includes(key) === wanted)),
      ...(picked.length === 0 ? {} : { env: Object.fromEntries(picked) }),
      ...(config !== undefined && isReference(config) === wanted ? { config } : {}),
    };
  };
  return { own: pick(false), asked: pick(true) };
}

async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (error) {
    throw new PluginError("config.not_found", `Cannot read "${path}": ${messageOf(error)}`, {
      hint: "register takes the plugin's folder, in which its author has put a goplugin.toml",
      cause: error,
    });
  }
}

function invalid(path: string, what: string): PluginError {
  return new PluginError("config.invalid", `"${path}": ${what}`);
}
