/**
 * `polyplug list`: takes a host's name, gives its plugins with the state of their checksums. Starts nothing.
 * @module
 */
import { isAbsolute, relative } from "node:path";
import { addressFromEndpoint } from "../../protocol/endpoint.ts";
import { isPluginError } from "../../protocol/errors.ts";
import { isBuiltin } from "../builtins/builtin.ts";
import { parseConfig } from "../config/parse.ts";
import { discoverPlugins, type PluginSpec } from "../discover.ts";
import { verifyFiles } from "../verify.ts";
import { answer, type CliContext, EXIT, say } from "./context.ts";
import { chooseHost, findConfig } from "./configuration.ts";
import { formatTable } from "./table.ts";
import { visible } from "../visible.ts";

interface Row {
  readonly name: string;
  readonly type: string;
  readonly file: string;
  /** `attached` has no file to check: it is the address then. Nor has `built-in`, which an application brings. */
  readonly checksum: "attached" | "built-in" | "ok" | "md5 only" | "none" | "missing" | "changed" | "no file";
  readonly enabled: boolean;
  /** What it is one of several providers of. */
  readonly role?: string;
  /** Which of its commands can be called from outside. */
  readonly expose?: readonly string[];
}

/** Lists the plugins of the host. */
export async function list(context: CliContext): Promise<number> {
  const config = parseConfig(await findConfig(context));
  const host = chooseHost(config, context);
  const specs = discoverPlugins(config, host);
  const rows = await Promise.all(specs.map(rowFrom));
  if (rows.length === 0) say(context, `Host "${host}" has no plugin: name one in plugins = […] of [hosts.${host}]`);
  answer(context, rows, () => {
    if (rows.length === 0) return [];
    const cells = rows.map(({ name, type, file, checksum, enabled }) => {
      return [name, type, shortest(config.folder, file), checksum, enabled ? "yes" : "no"].map(visible);
    });
    return formatTable([["NAME", "TYPE", "FILE", "CHECKSUM", "ENABLED"], ...cells], { shrink: 2, width: context.io.stdout.columns });
  });
  return EXIT.done;
}

async function rowFrom(spec: PluginSpec): Promise<Row> {
  const row = { name: spec.name, type: spec.commType, enabled: spec.enabled, ...rolesOf(spec) };
  if (isBuiltin(spec)) return { ...row, file: "", checksum: "built-in" };
  if (spec.attach !== undefined) return { ...row, file: addressFromEndpoint(spec.attach), checksum: "attached" };
  return { ...row, file: spec.execFile, checksum: await checksumState(spec) };
}

function rolesOf({ role, expose }: PluginSpec): Pick<Row, "role" | "expose"> {
  return { ...(role === undefined ? {} : { role }), ...(expose.length > 0 ? { expose } : {}) };
}

async function checksumState(spec: PluginSpec): Promise<Row["checksum"]> {
  try {
    await verifyFiles(spec);
    return spec.sha256 !== undefined ? "ok" : spec.md5 !== undefined ? "md5 only" : "none";
  } catch (error) {
    if (!isPluginError(error)) throw error;
    const states: Readonly<Record<string, Row["checksum"]>> = {
      "verify.missing_checksum": "missing",
      "verify.checksum_mismatch": "changed",
      "verify.missing_file": "no file",
    };
    const state = states[error.code];
    if (state === undefined) throw error;
    return state;
  }
}

function shortest(folder: string, path: string): string {
  const short = isAbsolute(path) ? relative(folder, path) : path;
  return short.length < path.length ? short : path;
}
