/**
 * Takes the configurations of the examples, brings their sha256 lines up to date and touches nothing else. For after an edit:
 * `deno run -A examples/checksums.ts`.
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";

/** A configuration whose checksums were taken anew. */
export interface CheckedConfig {
  readonly path: string;
  /** The names of the plugins whose checksum in the file is not that of their `exec_file`. */
  readonly stale: readonly string[];
  /** The configuration's text with the right checksums. */
  readonly text: string;
}

/** Takes the checksums of every example that has a configuration. */
export async function checkExamples(folder: string = import.meta.dirname ?? "."): Promise<readonly CheckedConfig[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const paths = entries.map((entry) => join(folder, entry.name, "config.toml")).filter((path) => existsSync(path));
  return await Promise.all(paths.sort().map(checkConfig));
}

/**
 * Takes the checksums of one configuration. It reads lines, not TOML, so that comments and layout stay: each plugin has its
 * `exec_file = "…"` and, below it, `sha256 = "…"` on lines of their own.
 */
export async function checkConfig(path: string): Promise<CheckedConfig> {
  const stale: string[] = [];
  const lines: string[] = [];
  let [plugin, file] = ["", ""];
  for (const line of (await readFile(path, "utf8")).split("\n")) {
    plugin = /^\[plugins\.([\w-]+)\]/.exec(line)?.[1] ?? plugin;
    file = /^exec_file = "(.+)"/.exec(line)?.[1] ?? file;
    const old = /^sha256 = "(.*)"/.exec(line)?.[1];
    const sum = old === undefined ? "" : await sha256Of(resolve(path, "..", file));
    if (old !== undefined && old !== sum) stale.push(plugin);
    lines.push(old === undefined ? line : line.replace(`"${old}"`, `"${sum}"`));
  }
  return { path, stale, text: lines.join("\n") };
}

async function sha256Of(path: string): Promise<string> {
  return createHash("sha256").update(await readFile(path)).digest("hex");
}

if (import.meta.main) {
  for (const { path, stale, text } of await checkExamples()) {
    if (stale.length > 0) await writeFile(path, text);
    process.stdout.write(`${path}: ${stale.length === 0 ? "current" : `updated ${stale.join(", ")}`}\n`);
  }
}
