/**
 * Takes plugins under development, watches the files that the configuration names for each, gives a call for each plugin whose file was saved.
 * @module
 */
import { glob } from "node:fs/promises";
import { resolve } from "node:path";
import type { PluginSpec } from "../discover.ts";
import { type FileWatch, watchFiles } from "./watch_files.ts";

/** Who is told. */
export interface WatchPluginsOptions {
  readonly plugins: readonly PluginSpec[];
  /** Gets the plugins that name the file that was saved. */
  readonly onFile: (plugins: readonly string[], path: string) => void;
  /** Gets that the configuration was saved. */
  readonly onConfig: (path: string) => void;
  /** Gets why a folder cannot be watched, or no longer. */
  readonly onProblem: (error: unknown) => void;
}

/**
 * Watches `exec_file`, what `files` finds now, a `config` that is a file, and the configuration itself. What a plugin imports beside them
 * is watched when it is named in `files`.
 */
export async function watchPlugins({ plugins, onFile, onConfig, onProblem }: WatchPluginsOptions): Promise<FileWatch> {
  const namesOf = new Map<string, string[]>();
  const configPath = plugins[0]?.configPath;
  for (const spec of plugins) {
    for (const path of await filesOf(spec)) namesOf.set(path, [...namesOf.get(path) ?? [], spec.name]);
  }
  const paths = [...namesOf.keys(), ...(configPath === undefined ? [] : [configPath])];
  return await watchFiles(paths, (path) => {
    if (path === configPath) onConfig(path);
    const names = namesOf.get(path);
    if (names !== undefined) onFile(names, path);
  }, { onProblem });
}

const FILE = "file://";

async function filesOf({ folder, execFile, files, config, attach }: PluginSpec): Promise<ReadonlySet<string>> {
  const paths = new Set(attach === undefined ? [execFile] : []);
  for (const pattern of files) {
    for await (const found of glob(pattern, { cwd: folder })) paths.add(resolve(folder, found));
  }
  if (typeof config === "string" && config.startsWith(FILE)) paths.add(resolve(folder, config.slice(FILE.length)));
  return paths;
}
