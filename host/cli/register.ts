/**
 * `polyplug register`: takes the folder of a plugin, adds the plugin to the configuration with its checksum.
 * What it asks for beyond running is shown, and written with --grant alone.
 * @module
 */
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { PluginError } from "../../protocol/errors.ts";
import { takeSums } from "../checksum.ts";
import { formatToml, type HostConfig, parseConfig } from "../config/parse.ts";
import { discoverPlugins } from "../discover.ts";
import { addPlugin } from "./config_edit.ts";
import { changeFile } from "./config_file.ts";
import { answer, type CliContext, EXIT, say } from "./context.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { findConfig } from "./configuration.ts";
import { visible } from "../visible.ts";

type Table = Readonly<Record<string, unknown>>;

/** The options of `register`. */
export interface RegisterOptions {
  /** Also writes what the plugin asks for. */
  readonly grant?: boolean;
}

/** Adds a plugin to the configuration. */
export async function register(context: CliContext, directory: string, { grant = false }: RegisterOptions): Promise<number> {
  const { path: config = "" } = await findConfig(context);
  const manifest = await readManifest(directory);
  for (const { path, message } of manifest.warnings) say(context, `warning[config.invalid]: ${visible(`${path} ${message}`)}`);
  const { hosts: asked, ...requests } = manifest.requests;
  let hosts: readonly string[] = [];
  let sha256 = "";
  await changeFile(config, async (text) => {
    const current = read(config, text);
    requireFree(current, config, manifest.name);
    const table = await withSums(manifest, dirname(config));
    sha256 = String(table["sha256"]);
    hosts = grant ? [...current.hosts.keys()].filter((host) => Array.isArray(asked) && asked.includes(host)) : [];
    const edited = addPlugin({ path: config, text }, {
      name: manifest.name,
      table: { ...table, ...merged(table, grant ? requests : {}) },
      hosts,
    });
    read(config, edited);
    return edited;
  });
  tell(context, { config, manifest, hosts, grant, sha256 });
  return EXIT.done;
}

function read(path: string, text: string): HostConfig {
  return parseConfig({ path, folder: dirname(path), content: text.replace(/^\ufeff/, "") });
}

function requireFree(config: HostConfig, path: string, name: string): void {
  const taken = [...config.plugins.keys()].find((other) => other.toLowerCase() === name.toLowerCase());
  if (taken === undefined) return;
  throw new PluginError("config.invalid", `"${path}" has a plugin "${taken}" already`, {
    plugin: name,
    hint: `To replace it: polyplug unregister ${taken}, then register again`,
  });
}

/** The table as the configuration gets it: paths from its folder, the checksum as the files are now. */
async function withSums(manifest: Manifest, folder: string): Promise<Table> {
  const table = relocate(manifest, folder);
  const { sha256: _stated, ...unsummed } = table;
  const content = { plugins: { [manifest.name]: unsummed }, hosts: { all: { plugins: [manifest.name] } } };
  const [spec] = discoverPlugins(parseConfig({ path: manifest.path, folder, content }), "all");
  if (spec === undefined) throw new TypeError("The host all has one plugin");
  const { sha256 } = await takeSums(spec);
  return { ...unsummed, sha256 };
}

function relocate({ folder: from, table }: Manifest, to: string): Table {
  const way = relative(to, from).split(sep).join("/");
  if (way === "") return table;
  const moved = (path: string) => isAbsolute(path) ? path : join(way, path).split(sep).join("/");
  const { exec, exec_file, files, cwd } = table as { exec?: string; exec_file?: string; files?: readonly string[]; cwd?: string };
  return {
    ...table,
    // A bare name is looked up on PATH, and arguments are read in the plugin's own folder.
    ...(exec !== undefined && /[/\\]/.test(exec) ? { exec: asPath(moved(exec)) } : {}),
    ...(exec_file === undefined ? {} : { exec_file: moved(exec_file) }),
    ...(files === undefined ? {} : { files: files.map(moved) }),
    cwd: moved(cwd ?? "."),
  };
}

function asPath(path: string): string {
  return path.includes("/") ? path : `./${path}`;
}

/** `env` may stand in both, each with its own variables. */
function merged(table: Table, requests: Table): Table {
  const { env } = requests;
  return env === undefined ? requests : { ...requests, env: { ...(table["env"] ?? {}), ...env } };
}

interface Outcome {
  readonly config: string;
  readonly manifest: Manifest;
  readonly hosts: readonly string[];
  readonly grant: boolean;
  readonly sha256: string;
}

function tell(context: CliContext, { config, manifest: { name, requests }, hosts, grant, sha256 }: Outcome): void {
  const { hosts: asked = [], ...others } = requests as { hosts?: readonly string[] };
  const granted = grant ? { ...others, ...(hosts.length === 0 ? {} : { hosts }) } : {};
  const absent = grant ? asked.filter((host) => !hosts.includes(host)) : [];
  answer(context, { plugin: name, config, sha256, hosts, granted, requests: grant ? {} : requests }, () => [
    `Registered "${name}" in ${visible(config)}`,
    `sha256 = "${sha256}"`,
    ...tableLines("Granted:", granted),
    ...tableLines("It asks for what was not granted; --grant writes it:", grant ? {} : requests),
  ]);
  if (absent.length > 0) say(context, visible(`It asks for hosts that the configuration does not have: ${absent.join(", ")}`));
  if (hosts.length === 0) say(context, `No host uses it yet: add "${name}" to plugins of a [hosts.NAME]`);
}

function tableLines(title: string, table: Table): readonly string[] {
  const lines = formatToml(table).trimEnd().split("\n").filter((line) => line !== "");
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${visible(line)}`)];
}
