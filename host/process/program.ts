/**
 * Takes the command as written in the configuration, gives the absolute path of the program that will run.
 * @module
 */
import { stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import process from "node:process";
import { PluginError } from "../../protocol/errors.ts";

/**
 * Finds a plugin's program: a path is taken from the configuration's folder, a bare name is looked up on PATH.
 * A symbolic link stays as it is, since programs such as a Python environment's interpreter look at the name they were started by.
 *
 * @throws {PluginError} "spawn.not_found", "spawn.not_executable".
 */
export async function findProgram(plugin: string, exec: string, folder: string): Promise<string> {
  if (/[/\\]/.test(exec)) return await requireExecutable(plugin, resolve(folder, exec));
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((entry) => entry !== "");
  for (const entry of folders) {
    const path = join(resolve(entry), exec);
    if (await fileState(path) === "executable") return path;
  }
  throw new PluginError("spawn.not_found", `Cannot start plugin "${plugin}": there is no program "${exec}" on PATH`, {
    plugin,
    hint: `Install "${exec}", or write its path as exec`,
  });
}

async function requireExecutable(plugin: string, path: string): Promise<string> {
  const state = await fileState(path);
  if (state === "executable") return path;
  if (state === "missing") {
    throw new PluginError("spawn.not_found", `Cannot start plugin "${plugin}": there is no file "${path}"`, {
      plugin,
      hint: "Correct exec; relative paths start at the configuration's folder",
    });
  }
  throw new PluginError("spawn.not_executable", `Cannot start plugin "${plugin}": "${path}" is not an executable file`, {
    plugin,
    hint: state === "folder" ? "exec names a folder" : `chmod +x "${path}"`,
  });
}

async function fileState(path: string): Promise<"missing" | "folder" | "not executable" | "executable"> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return "folder";
    // Not `access`, which on Deno asks for the user's id. Whether this user may run it shows at the spawn.
    return process.platform === "win32" || (stats.mode & 0o111) !== 0 ? "executable" : "not executable";
  } catch {
    return "missing"; // For the start it makes no difference why it cannot be seen.
  }
}
