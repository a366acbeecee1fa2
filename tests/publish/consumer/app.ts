/**
 * An application as somebody writes it who has installed the package: opens the host of a configuration, calls its plugins,
 * and prints what came as JSON.
 * @module
 */
import { isPluginError, openHost, type PluginHandle, type PluginInfo } from "@polyplug/core/host";
import { openNano } from "./nano_driver.ts";

await using host = await openHost("app", { config: new URL("./config.toml", import.meta.url), drivers: { nano: openNano }, api: "2.3.0" });
const reverse: PluginHandle = host.get("reverse");
const nano = host.get("nano");
const info: PluginInfo = await reverse.info();

console.log(JSON.stringify({
  pong: await reverse.ping(),
  reversed: Array.from(await reverse.exec("bytes.reverse", Uint8Array.of(1, 2, 255))),
  refused: await reverse.exec("bytes.refuse").catch(told),
  commands: info.commands.map(({ name }) => name),
  echoed: Array.from(await nano.exec("nano.echo", Uint8Array.of(0, 128, 255))),
  attempt: new TextDecoder().decode(await nano.exec("nano.attempt")),
  forged: await nano.exec("nano.forge").catch(told),
  rejected: [...host.rejected].map(([name, { code }]) => [name, code]),
}));

function told(error: unknown): string {
  return isPluginError(error) ? `${error.origin} ${error.code}: ${error.message}` : String(error);
}
