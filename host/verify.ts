/**
 * Stage 3, verify: takes a `PluginSpec` from discover.ts, gives a `VerifiedPlugin` to launch.ts.
 * The files can still change between this check and the start, so launch.ts asks again just before each spawn.
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { glob, stat } from "node:fs/promises";
import { basename, dirname, relative, resolve, sep } from "node:path";
import process from "node:process";
import { messageOf, PluginError } from "../protocol/errors.ts";
import type { PluginSpec } from "./discover.ts";
import { findProgram } from "./process/program.ts";

const verified: unique symbol = Symbol("verified");

/** A plugin whose files are those that were registered. */
export interface VerifiedPlugin {
  /** What the configuration says. */
  readonly spec: PluginSpec;
  /** The program that will run, absolute. */
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
  await verifyFiles(spec);
  const program = await findProgram(spec.name, spec.exec, spec.folder);
  return { spec, program, warnings: await findWarnings(spec, program), [verified]: true };
}

/**
 * Checks the sums of `exec_file` and `files` alone, as just before a spawn.
 * @throws {PluginError} "verify.missing_file", "verify.missing_checksum", "verify.checksum_mismatch".
 */
export async function verifyFiles(spec: PluginSpec): Promise<void> {
  const own = await hashFile(spec, spec.execFile);
  const sums = { md5: own.md5, sha256: spec.files.length === 0 ? own.sha256 : await hashTogether(spec, own.sha256) };
  if (spec.md5 === undefined && spec.sha256 === undefined && !spec.allowUnverified) {
    throw failure(spec, "verify.missing_checksum", `Plugin "${spec.name}" has no checksum for "${spec.execFile}"`, {
      hint: `If the file is the one you mean, add sha256 = "${sums.sha256}"`,
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

interface Sums {
  readonly md5: string;
  readonly sha256: string;
}

async function hashFile(spec: PluginSpec, path: string): Promise<Sums> {
  const hashes = { md5: createHash("md5"), sha256: createHash("sha256") };
  try {
    for await (const chunk of createReadStream(path)) {
      hashes.md5.update(chunk);
      hashes.sha256.update(chunk);
    }
  } catch (error) {
    throw failure(spec, "verify.missing_file", `Cannot read the file "${path}" of plugin "${spec.name}": ${messageOf(error)}`, {
      hint: "Correct exec_file or files; relative paths start at the configuration's folder",
      cause: error,
    });
  }
  return { md5: hashes.md5.digest("hex"), sha256: hashes.sha256.digest("hex") };
}

/** The SHA-256 of what `sha256sum` prints for all files, sorted by their paths' bytes: one figure that a shell can compute too. */
async function hashTogether(spec: PluginSpec, ownSha256: string): Promise<string> {
  const names = new Set([nameFrom(spec, spec.execFile)]);
  for (const pattern of spec.files) {
    const before = names.size;
    for await (const found of glob(pattern, { cwd: spec.folder })) {
      const path = resolve(spec.folder, found);
      if ((await stat(path)).isFile()) names.add(nameFrom(spec, path));
    }
    if (names.size === before && !/[*?[{]/.test(pattern) && !names.has(nameFrom(spec, resolve(spec.folder, pattern)))) {
      throw failure(spec, "verify.missing_file", `Plugin "${spec.name}" lists the file "${pattern}", which does not exist`);
    }
  }
  const hash = createHash("sha256");
  for (const name of [...names].sort(byBytes)) {
    const path = resolve(spec.folder, name);
    const sum = path === spec.execFile ? ownSha256 : (await hashFile(spec, path)).sha256;
    hash.update(`${sum}  ${name}\n`);
  }
  return hash.digest("hex");
}

function nameFrom(spec: PluginSpec, path: string): string {
  return relative(spec.folder, path).split(sep).join("/");
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function findWarnings(spec: PluginSpec, program: string): Promise<readonly PluginError[]> {
  const warnings: PluginError[] = [];
  if (spec.md5 !== undefined && spec.sha256 === undefined) {
    warnings.push(failure(spec, "verify.missing_checksum", `Plugin "${spec.name}" has an md5 alone, which can be forged; add a sha256`));
  }
  const inCommand = [program, ...spec.execArgs].some((part) => basename(part) === basename(spec.execFile));
  if (!inCommand) {
    const message = `exec_file "${spec.execFile}" is neither exec nor one of its arguments, so another file may run than the one checked`;
    warnings.push(failure(spec, "verify.missing_file", message));
  }
  for (const path of [spec.execFile, ...(spec.configPath === undefined ? [] : [spec.configPath])]) {
    const open = await worldWritable(path);
    if (open === undefined) continue;
    const message = `"${open}" can be written by every user of this machine, so the checksum of plugin "${spec.name}" protects little`;
    warnings.push(failure(spec, "verify.unsafe_permissions", message, { hint: `chmod o-w "${open}"` }));
  }
  return warnings;
}

/** The file or the nearest folder above it that everybody may write; a sticky folder lets nobody replace another's file. */
async function worldWritable(path: string): Promise<string | undefined> {
  if (process.platform === "win32") return undefined;
  const { mode } = await stat(path);
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) return path;
  const parent = dirname(path);
  return parent === path ? undefined : await worldWritable(parent);
}

function failure(spec: PluginSpec, code: string, message: string, more: { hint?: string; cause?: unknown } = {}): PluginError {
  return new PluginError(code, message, { plugin: spec.name, ...more });
}
