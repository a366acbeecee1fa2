/**
 * Takes the global options, gives the configuration that they name, its host, and an open host that is closed however the command ends.
 * @module
 */
import process from "node:process";
import { isPluginError, PluginError, withMore } from "../../protocol/errors.ts";
import { type ConfigSource, locateConfig } from "../config/locate.ts";
import { type HostConfig, parseConfig } from "../config/parse.ts";
import { discoverPlugins } from "../discover.ts";
import { type Host, openHostFrom, type OpenHostOptions } from "../host.ts";
import type { PluginLog } from "../logs/record.ts";
import { type CliContext, say, usageError } from "./context.ts";
import { visible } from "../visible.ts";

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

/** Opens the host, hands it to `use` and closes it; a second interrupt ends its processes at once. */
export async function withHost<T>(
  context: CliContext,
  use: (host: Host) => Promise<T>,
  options: Pick<OpenHostOptions, "drivers" | "onLog"> = {},
): Promise<T> {
  const config = parseConfig(await findConfig(context));
  const name = chooseHost(config, context);
  if (discoverPlugins(config, name).length === 0) {
    throw new PluginError("host.unknown_plugin", `Host "${name}" has no plugin`, {
      hint: `Name one in plugins = […] of [hosts.${name}] in "${config.path ?? ""}"`,
    });
  }
  const host = await openHostFrom(name, config, { onLog: (record) => logForDebug(context, record), ...options });
  context.interrupt.onKill(() => killAll(host));
  try {
    return await use(host);
  } finally {
    await host.close();
    context.interrupt.onKill(undefined);
  }
}

function logForDebug(context: CliContext, { plugin, level, message }: PluginLog): void {
  if (context.options.debug === true) say(context, `debug: ${plugin === "" ? "" : `${plugin}: `}${level}: ${visible(message)}`);
}

/** Ends the process groups that still run; closing the host then has nobody to wait for. */
export function killAll(host: Host): void {
  for (const { pid } of host.plugins) {
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    } catch {
      // It has ended in between.
    }
  }
}
