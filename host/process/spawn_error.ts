/**
 * Why a program could not be run: takes what the runtime or the gate's shell said, gives the error of stage 4.
 * @module
 */
import { stat } from "node:fs/promises";
import process from "node:process";
import { messageOf, PluginError } from "../../protocol/errors.ts";

/** What was to be run. */
export interface Unrun {
  readonly plugin: string;
  readonly program: string;
  readonly cwd: string;
}

/** Explains what the runtime threw or reported. */
export async function spawnError(error: unknown, { plugin, program, cwd }: Unrun): Promise<PluginError> {
  const folder = await stat(cwd).catch(() => undefined);
  if (folder?.isDirectory() !== true) {
    return new PluginError("spawn.not_found", `${cannotStart(plugin)}: its working folder "${cwd}" does not exist`, {
      plugin,
      hint: "Correct cwd",
      cause: error,
    });
  }
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return notFound(plugin, program, error);
  return notExecutable(plugin, `"${program}" cannot be run: ${messageOf(error)}`, error);
}

/** Explains why a shell could not become the program, from its exit code and its own words. */
export function gateError({ plugin, program }: Unrun, code: number | null, words: string): PluginError {
  // bash before 5.2 says 126 where the interpreter is missing.
  if (code === 127 || /No such file/.test(words)) return notFound(plugin, program, words);
  const reason = words.slice(words.lastIndexOf(": ") + 1).trim();
  return notExecutable(plugin, `"${program}" cannot be run: ${reason}`, words);
}

function notFound(plugin: string, program: string, cause: unknown): PluginError {
  const hint = "The file is missing, or the interpreter that its first line names is";
  return new PluginError("spawn.not_found", `${cannotStart(plugin)}: "${program}" cannot be run`, { plugin, hint, cause });
}

function notExecutable(plugin: string, what: string, cause: unknown): PluginError {
  const hint = `Check its permissions, and that it is a program for ${process.platform} on ${process.arch}`;
  return new PluginError("spawn.not_executable", `${cannotStart(plugin)}: ${what}`, { plugin, hint, cause });
}

function cannotStart(plugin: string): string {
  return `Cannot start plugin "${plugin}"`;
}
