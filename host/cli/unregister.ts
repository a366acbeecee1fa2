/**
 * `polyplug unregister`: takes a plugin's name, removes the plugin from the configuration. Its files stay.
 * @module
 */
import { PluginError } from "../../protocol/errors.ts";
import { parseText } from "../config/parse.ts";
import { isTable } from "../config/schema.ts";
import { removePlugin } from "./config_edit.ts";
import { changeFile } from "./config_file.ts";
import { answer, type CliContext, EXIT } from "./context.ts";
import { findConfig } from "./configuration.ts";
import { visible } from "../visible.ts";

/** Removes a plugin from the configuration. It may have other faults: removing a plugin may be their remedy. */
export async function unregister(context: CliContext, name: string): Promise<number> {
  const { path: config = "" } = await findConfig(context);
  await changeFile(config, (text) => {
    requireKnown(config, text, name);
    return removePlugin({ path: config, text }, name);
  });
  answer(context, { plugin: name, config }, () => [`Unregistered "${name}" from ${visible(config)}`]);
  return EXIT.done;
}

function requireKnown(path: string, text: string, name: string): void {
  const { plugins } = parseText(text.replace(/^\ufeff/, ""), path);
  const known = isTable(plugins) ? Object.keys(plugins) : [];
  if (known.includes(name)) return;
  throw new PluginError("host.unknown_plugin", `"${path}" has no plugin "${name}"; it has: ${known.join(", ") || "none"}`);
}
