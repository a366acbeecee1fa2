/**
 * Takes the global options, gives an open host that is closed however the command ends.
 * @module
 */
import { PluginError } from "../../protocol/errors.ts";
import { parseConfig } from "../config/parse.ts";
import { discoverPlugins, type PluginSpec } from "../discover.ts";
import { type Host, openHostFrom, type OpenHostOptions } from "../host.ts";
import type { PluginLog } from "../logs/record.ts";
import { chooseHost, findConfig } from "./configuration.ts";
import { type CliContext, say } from "./context.ts";
import { visible } from "../visible.ts";
import { formatValues } from "./log_line.ts";

/** Options of `withHost`. */
export interface SessionOptions extends Pick<OpenHostOptions, "drivers" | "onLog" | "supervise"> {
  /** Plugins that a reload takes whatever their checksum is. */
  readonly developed?: ReadonlySet<string>;
}

/** Opens the host, hands it to `use` and closes it; a second interrupt ends its processes at once. */
export async function withHost<T>(
  context: CliContext,
  use: (host: Host, specs: readonly PluginSpec[]) => Promise<T>,
  { developed, ...options }: SessionOptions = {},
): Promise<T> {
  const config = parseConfig(await findConfig(context));
  const name = chooseHost(config, context);
  const specs = discoverPlugins(config, name);
  if (specs.length === 0) {
    throw new PluginError("host.unknown_plugin", `Host "${name}" has no plugin`, {
      hint: `Name one in plugins = […] of [hosts.${name}] in "${config.path ?? ""}"`,
    });
  }
  const host = await openHostFrom(name, config, {
    onLog: (record) => logForDebug(context, record),
    supervise: false, // One call is made, and how a plugin ends is the answer.
    ...(context.options.config === undefined ? {} : { config: context.options.config }),
    ...options,
  }, developed);
  context.interrupt.onKill(() => killAll(host));
  try {
    return await use(host, specs);
  } finally {
    await host.close();
    context.interrupt.onKill(undefined);
  }
}

function logForDebug(context: CliContext, { plugin, level, message, values }: PluginLog): void {
  if (context.options.debug !== true) return;
  say(context, `debug: ${[plugin, level, visible(message)].filter((part) => part !== "").join(": ")} ${formatValues(values)}`.trimEnd());
}

/** Ends at once what still runs, starts or stops; closing the host then has nobody to wait for. */
export function killAll(host: Host): void {
  host.stopAll({ graceMs: 0 }).catch(() => {}); // Whoever closes the host is told too.
}
