/**
 * Takes the global options, gives an open host that is closed however the command ends.
 * @module
 */
import process from "node:process";
import { PluginError } from "../../protocol/errors.ts";
import { parseConfig } from "../config/parse.ts";
import { discoverPlugins } from "../discover.ts";
import { type Host, openHostFrom, type OpenHostOptions } from "../host.ts";
import type { PluginLog } from "../logs/record.ts";
import { chooseHost, findConfig } from "./configuration.ts";
import { type CliContext, say } from "./context.ts";
import { visible } from "../visible.ts";

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
