/**
 * Stage 1, locate: takes what the application passed and the environment, gives the text or object that is the configuration, and its folder.
 * @module
 */
import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { messageOf, PluginError } from "../../protocol/errors.ts";

/** A configuration that is already an object, as a TOML parser would give it. Relative paths then start at the working folder. */
export type ConfigInput = Readonly<Record<string, unknown>>;

/** A configuration that was found and read, not yet parsed. */
export interface ConfigSource {
  /** The file, absolute; `undefined` for an object. */
  readonly path: string | undefined;
  /** Where relative paths start. */
  readonly folder: string;
  /** TOML text, or the object that the application passed. */
  readonly content: string | ConfigInput;
}

/** A place where the configuration must be, and why there. */
interface Place {
  readonly path: string;
  readonly rule: string;
}

/**
 * Finds and reads the configuration: the application's own choice, else `GOPLUGIN_DIR`, else `~/.goplugin/config.toml`.
 * A place that is named but missing is an error; nothing falls through to the next rule, since that would start other plugins than meant.
 *
 * @throws {PluginError} "config.not_found" naming path and rule, "config.invalid" when the file is not UTF-8.
 */
export async function locateConfig(given: string | URL | ConfigInput | undefined): Promise<ConfigSource> {
  if (typeof given === "object" && !(given instanceof URL)) return { path: undefined, folder: process.cwd(), content: given };
  const place = await choosePlace(given);
  return { path: place.path, folder: dirname(place.path), content: textFrom(place.path, await readPlace(place)) };
}

async function readPlace(place: Place): Promise<Uint8Array> {
  try {
    return await readFile(place.path);
  } catch (error) {
    throw new PluginError("config.not_found", `Cannot read the configuration "${place.path}": ${messageOf(error)}`, {
      hint: `The place was chosen by ${place.rule}`,
      cause: error,
    });
  }
}

/** TOML is UTF-8; replacement characters would stand for names that nobody wrote. */
function textFrom(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new PluginError("config.invalid", `The configuration "${path}" is not UTF-8 text`, { cause: error });
  }
}

async function choosePlace(given: string | URL | undefined): Promise<Place> {
  if (given !== undefined) {
    return { path: resolve(given instanceof URL ? fileURLToPath(given) : given), rule: "the application (config)" };
  }
  const directory = process.env["GOPLUGIN_DIR"];
  if (directory === undefined || directory === "") {
    return { path: join(homedir(), ".goplugin", "config.toml"), rule: "default, since GOPLUGIN_DIR is not set" };
  }
  const path = resolve(directory);
  const rule = "the environment variable GOPLUGIN_DIR";
  return { path: await isFolder(path) ? join(path, "config.toml") : path, rule };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false; // Reading it as a file tells what is wrong.
  }
}
