/**
 * The checksums of a plugin's files: takes a `PluginSpec`, gives the figures that the configuration is compared with.
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { glob, open, stat } from "node:fs/promises";
import { relative, resolve, sep } from "node:path";
import { messageOf, PluginError } from "../protocol/errors.ts";
import type { PluginSpec } from "./discover.ts";

/** How much of a file is in memory at a time. */
const CHUNK_BYTES = 256 * 1024;

/** Two checksums, in lower-case hex. */
export interface Sums {
  /** Of `exec_file`. */
  readonly md5: string;
  /** Of `exec_file`, or of the list of all files where `files` names further ones. */
  readonly sha256: string;
}

/**
 * Takes a plugin's checksums.
 * @throws {PluginError} "verify.missing_file" when a file cannot be read, or an entry of `files` matches none.
 */
export async function takeSums(spec: PluginSpec): Promise<Sums> {
  const own = await hashFile(spec, spec.execFile);
  return spec.files.length === 0 ? own : { md5: own.md5, sha256: await hashTogether(spec, own.sha256) };
}

async function hashFile(spec: PluginSpec, path: string): Promise<Sums> {
  try {
    return await sumsOfFile(path);
  } catch (error) {
    throw unreadable(spec, path, error);
  }
}

/**
 * Takes the checksums of one file.
 * @throws the system's error when it cannot be read.
 */
export async function sumsOfFile(path: string): Promise<Sums> {
  const hashes = { md5: createHash("md5"), sha256: createHash("sha256") };
  // A named pipe would be waited for without end.
  if (!(await stat(path)).isFile()) throw new Error("it is not a file");
  for await (const chunk of readChunks(path)) {
    hashes.md5.update(chunk);
    hashes.sha256.update(chunk);
  }
  return { md5: hashes.md5.digest("hex"), sha256: hashes.sha256.digest("hex") };
}

/** A stream of Node's would do the same and takes longer to load than a small file to read. */
async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  const file = await open(path);
  try {
    for (;;) {
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function isFile(spec: PluginSpec, path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    throw unreadable(spec, path, error);
  }
}

function unreadable(spec: PluginSpec, path: string, reason: unknown): PluginError {
  return failure(spec, `Cannot read the file "${path}" of plugin "${spec.name}": ${messageOf(reason)}`, {
    hint: "Correct exec, exec_file or files; relative paths start at the configuration's folder",
    cause: reason,
  });
}

/** The SHA-256 of what `sha256sum` prints for all files, sorted by their paths' bytes: one figure that a shell can compute too. */
async function hashTogether(spec: PluginSpec, ownSha256: string): Promise<string> {
  const names = new Set([nameFrom(spec, spec.execFile)]);
  for (const pattern of spec.files) {
    const found = await filesOf(spec, pattern);
    if (found.length === 0) {
      throw failure(spec, `Plugin "${spec.name}" lists "${pattern}" in files, which matches no file`, {
        hint: 'Correct files; all files of a folder are written as "folder/**"',
      });
    }
    for (const path of found) names.add(nameFrom(spec, path));
  }
  const hash = createHash("sha256");
  for (const name of [...names].sort(byBytes)) {
    const path = resolve(spec.folder, name);
    const sum = path === spec.execFile ? ownSha256 : (await hashFile(spec, path)).sha256;
    hash.update(sumLine(sum, name));
  }
  return hash.digest("hex");
}

async function filesOf(spec: PluginSpec, pattern: string): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const found of glob(pattern, { cwd: spec.folder })) {
    const path = resolve(spec.folder, found);
    if (await isFile(spec, path)) files.push(path);
  }
  return files;
}

/** A line as `sha256sum` prints it: marked by a backslash when the name needed one, so that no name can pass for two lines. */
function sumLine(sum: string, name: string): string {
  const escaped = name.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return `${escaped === name ? "" : "\\"}${sum}  ${escaped}\n`;
}

function nameFrom(spec: PluginSpec, path: string): string {
  return relative(spec.folder, path).split(sep).join("/");
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function failure(spec: PluginSpec, message: string, more: { hint: string; cause?: unknown }): PluginError {
  return new PluginError("verify.missing_file", message, { plugin: spec.name, ...more });
}
