/**
 * Takes a command, watches the files that it names, gives a call for each that was saved.
 * @module
 */
import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";

/** Options of `watchFiles`. */
export interface WatchOptions {
  /** Gets why a folder cannot be watched, or no longer. */
  readonly onProblem: (error: unknown) => void;
}

/** What looks at the files. */
export interface FileWatch {
  /** Looks no longer. */
  close(): void;
}

/**
 * Watches the files of a command, also one that is still to be made. Their folders are watched, since many an editor saves by putting
 * a new file in the old one's place; what counts is whether the file differs from when it was last seen.
 */
export async function watchFiles(
  command: readonly string[],
  onSave: (path: string) => void,
  { onProblem }: WatchOptions,
): Promise<FileWatch> {
  const files = filesOf(command);
  const seen = new Map<string, string>();
  for (const file of files) seen.set(file, await mark(file));
  const look = async (file: string) => {
    const now = await mark(file);
    if (now === seen.get(file)) return;
    seen.set(file, now);
    if (now !== "") onSave(file); // One that is gone comes back when the save is complete.
  };
  const watchers: FSWatcher[] = [];
  for (const folder of new Set(files.map((file) => dirname(file)))) {
    if (!await isFolder(folder)) continue;
    try {
      const inside = files.filter((file) => dirname(file) === folder);
      watchers.push(watch(folder, () => void inside.forEach(look)).on("error", onProblem));
    } catch (error) {
      onProblem(error);
    }
  }
  return { close: () => watchers.forEach((watcher) => watcher.close()) };
}

/** What may be a file: not flags, and not a program that is looked up on PATH. */
function filesOf(command: readonly string[]): readonly string[] {
  const named = command.filter((word, index) => word !== "" && !word.startsWith("-") && (index > 0 || /[/\\]/.test(word)));
  return [...new Set(named.map((word) => resolve(process.cwd(), word)))];
}

/** Differs whenever the file was written or replaced; empty when there is none. */
async function mark(file: string): Promise<string> {
  try {
    const stats = await stat(file);
    return stats.isFile() ? `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}` : "";
  } catch {
    return "";
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
