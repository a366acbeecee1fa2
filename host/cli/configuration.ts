/**
 * Takes the global options, gives the configuration that they name and its host. Loads nothing that starts a plugin.
 * @module
 */
import { isPluginError, PluginError, withMore } from "../../protocol/errors.ts";
import { type ConfigSource, locateConfig } from "../config/locate.ts";
import type { HostConfig } from "../config/parse.ts";
import { type CliContext, usageError } from "./context.ts";

/** Finds and reads the configuration. */
export async function findConfig({ options }: CliContext): Promise<ConfigSource> {
  try {
    return await locateConfig(options.config);
  } catch (error) {
    if (!isPluginError(error) || error.code !== "config.not_found") throw error;
    const rule = options.config === undefined ? `${error.hint}; --config FILE names another` : "The place was chosen by --config";
    throw withMore(error, { hint: rule });
  }
}

/** The host that was asked for, or the only one. */
export function chooseHost(config: HostConfig, { options }: CliContext): string {
  const hosts = [...config.hosts.keys()];
  const [only] = hosts;
  if (options.host !== undefined) return options.host;
  if (only === undefined) {
    throw new PluginError("discover.unknown_host", `The configuration "${config.path ?? ""}" has no host`, {
      hint: "Add [hosts.NAME] with plugins = […]",
    });
  }
  if (hosts.length === 1) return only;
  throw usageError(`The configuration has ${hosts.length} hosts: ${hosts.join(", ")}`, `Choose one: --host ${only}`);
}
