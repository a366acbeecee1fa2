/**
 * Stage 4, environment: takes the host's own environment and a `PluginSpec`, gives the plugin's.
 * @module
 */
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { inheritedNames, VARIABLES } from "../../protocol/environment.ts";
import { messageOf, PluginError } from "../../protocol/errors.ts";
import { PROTOCOL_VERSION } from "../../protocol/reserved.ts";
import type { PluginSpec } from "../discover.ts";

const REFERENCE = "env://";

/**
 * Builds a plugin's environment: an allow-list of the host's own, what the configuration adds, and what the contract says.
 * @throws {PluginError} "config.invalid" when `env` refers to a variable that is not set.
 */
export function pluginEnvironment(spec: PluginSpec, token: string | undefined, dataDir: string | undefined): Record<string, string> {
  const env: Record<string, string> = {};
  // Each by its name, so that under Deno these alone need to be allowed.
  for (const name of [...inheritedNames(process.platform), ...spec.envInherit]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  for (const [name, value] of Object.entries(spec.env)) env[name] = resolveReference(spec, name, value);
  return {
    ...env,
    [VARIABLES.protocol]: String(PROTOCOL_VERSION),
    [VARIABLES.host]: spec.host,
    [VARIABLES.plugin]: spec.name,
    [VARIABLES.commType]: spec.commType,
    ...(token === undefined ? {} : { [VARIABLES.token]: token }),
    [VARIABLES.maxPayload]: String(spec.maxPayloadBytes),
    ...(dataDir === undefined ? {} : { [VARIABLES.dataDir]: dataDir }),
  };
}

/** Makes the folder that a plugin keeps between launches; `undefined` where the place cannot be written, as in a read-only image. */
export async function makeDataDir(spec: PluginSpec): Promise<string | undefined> {
  // Two hosts that use the same plugin have a process each, which must not meet in one folder.
  const path = join(spec.stateDir, "data", spec.host, spec.name);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700); // One that was there already may be open to others.
    return path;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (["EACCES", "EPERM", "EROFS"].includes(code)) return undefined;
    throw new PluginError("config.invalid", `Cannot make the data folder "${path}" of plugin "${spec.name}": ${messageOf(error)}`, {
      plugin: spec.name,
      hint: "Correct state_dir",
      cause: error,
    });
  }
}

function resolveReference(spec: PluginSpec, name: string, value: string): string {
  if (!value.startsWith(REFERENCE)) return value;
  const source = value.slice(REFERENCE.length);
  const found = process.env[source];
  if (found !== undefined) return found;
  throw new PluginError(
    "config.invalid",
    `plugins.${spec.name}.env.${name} refers to the environment variable "${source}", which is not set`,
    {
      plugin: spec.name,
      hint: `Set ${source} before the host starts, or write the value itself`,
    },
  );
}
