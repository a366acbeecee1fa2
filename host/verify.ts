/**
 * Stage 3, verify: takes a `PluginSpec` from discover.ts, gives a `VerifiedPlugin` to launch.ts.
 * The files can still change between this check and the start, so launch.ts asks again just before each spawn.
 * @module
 */
import { realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { PluginError } from "../protocol/errors.ts";
import { takeSums } from "./checksum.ts";
import { isBuiltin } from "./builtins/builtin.ts";
import type { PluginSpec } from "./discover.ts";
import { findProgram } from "./process/program.ts";

const verified: unique symbol = Symbol("verified");

/** A plugin whose files are those that were registered. */
export interface VerifiedPlugin {
  /** What the configuration says. */
  readonly spec: PluginSpec;
  /** The program that will run, absolute; empty for a built-in, and for one that is attached to. */
  readonly program: string;
  /** What an operator should look at, though nothing stands against a start. */
  readonly warnings: readonly PluginError[];
  /** Only `verifyPlugin` makes one. */
  readonly [verified]: true;
}

/**
 * Checks a plugin's files.
 * @throws {PluginError} "verify.missing_file", "verify.missing_checksum", "verify.checksum_mismatch", "spawn.not_found",
 * "spawn.not_executable", or "config.invalid" for a key that this version cannot honour.
 */
export async function verifyPlugin(spec: PluginSpec): Promise<VerifiedPlugin> {
  for (const key of spec.unsupported) {
    throw failure(spec, "config.invalid", `plugins.${spec.name}.${key} is not supported by this version, so the plugin is not started`);
  }
  if (spec.attach !== undefined || isBuiltin(spec)) return { spec, program: "", warnings: [], [verified]: true };
  await verifyFiles(spec);
  const program = await findProgram(spec.name, spec.exec, spec.folder);
  return { spec, program, warnings: await findWarnings(spec, program), [verified]: true };
}

/** A plugin whose files may be any, since its author is changing them. */
export function withoutChecksum(spec: PluginSpec): PluginSpec {
  return { ...spec, md5: undefined, sha256: undefined, allowUnverified: true };
}

/**
 * Checks the sums of `exec_file` and `files` alone, as just before a spawn.
 * @throws {PluginError} "verify.missing_file", "verify.missing_checksum", "verify.checksum_mismatch".
 */
export async function verifyFiles(spec: PluginSpec): Promise<void> {
  const sums = await takeSums(spec);
  // An md5 covers exec_file alone.
  const covered = spec.sha256 !== undefined || (spec.md5 !== undefined && spec.files.length === 0);
  if (!covered && !spec.allowUnverified) {
    const what = spec.files.length === 0 ? `checksum for "${spec.execFile}"` : "sha256 for its files";
    throw failure(spec, "verify.missing_checksum", `Plugin "${spec.name}" has no ${what}`, {
      hint: `If they are the files you mean, add sha256 = "${sums.sha256}"`,
    });
  }
  for (const kind of ["md5", "sha256"] as const) {
    const expected = spec[kind];
    if (expected === undefined || expected === sums[kind]) continue;
    const what = kind === "sha256" && spec.files.length > 0 ? `The files of plugin "${spec.name}"` : `"${spec.execFile}"`;
    throw failure(spec, "verify.checksum_mismatch", `${what} changed: ${kind} is ${sums[kind]}, the configuration says ${expected}`, {
      hint: "If the change is yours, update the checksum in the configuration; if not, do not run it",
    });
  }
}

async function findWarnings(spec: PluginSpec, program: string): Promise<readonly PluginError[]> {
  const warnings: PluginError[] = [];
  if (spec.md5 !== undefined && spec.sha256 === undefined) {
    warnings.push(failure(spec, "verify.missing_checksum", `Plugin "${spec.name}" has an md5 alone, which can be forged; add a sha256`));
  }
  const command = [program, ...spec.execArgs.map((arg) => resolve(spec.cwd, arg))];
  if (!command.includes(spec.execFile)) {
    const message = `exec_file "${spec.execFile}" is neither exec nor one of its arguments, so another file may run than the one checked`;
    warnings.push(failure(spec, "verify.missing_file", message));
  }
  for (const open of await findWorldWritable([spec.execFile, ...(spec.configPath === undefined ? [] : [spec.configPath])])) {
    const message = `"${open}" can be written by every user of this machine, so the checksum of plugin "${spec.name}" protects little`;
    warnings.push(failure(spec, "verify.unsafe_permissions", message, { hint: `chmod o-w "${open}"` }));
  }
  return warnings;
}

/** For each file, and for what it links to: itself or the nearest folder above it that everybody may write. */
async function findWorldWritable(files: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  if (process.platform === "win32") return found;
  for (const file of files) {
    for (const path of [file, await realpath(file)]) {
      const open = await worldWritable(path);
      if (open !== undefined) found.add(open);
    }
  }
  return found;
}

async function worldWritable(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return undefined; // A host under Deno need not be allowed to look above its own folders.
  const sticky = stats.isDirectory() && (stats.mode & 0o1000) !== 0; // There nobody can replace another's file.
  if ((stats.mode & 0o002) !== 0 && !sticky) return path;
  const parent = dirname(path);
  return parent === path ? undefined : await worldWritable(parent);
}

function failure(spec: PluginSpec, code: string, message: string, more: { hint?: string; cause?: unknown } = {}): PluginError {
  return new PluginError(code, message, { plugin: spec.name, ...more });
}
