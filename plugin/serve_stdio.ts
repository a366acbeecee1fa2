/**
 * `serve()` over stdin and stdout: takes a plugin, gives a server that needs no address, on which the plugin calls its host too.
 * @module
 */
import process from "node:process";
import { createDispatcher, type Dispatcher } from "../protocol/dispatch.ts";
import type { Plugin } from "../protocol/plugin.ts";
import { createPluginService } from "../protocol/plugin_service.ts";
import { writeLog } from "./log.ts";
import type { ServeOptions, SettledOptions } from "./options.ts";
import type { Served } from "./serve.ts";
import { endProcess, watchUntil } from "./stop.ts";
import { keepStdout } from "./keep_stdout.ts";

/** Serves a plugin until its host ends it or stdin ends. */
export async function serveStdio(plugin: Plugin, settled: SettledOptions, { signal }: ServeOptions): Promise<Served> {
  const { pluginName, maxPayloadBytes, hostProtocols } = settled;
  const write = keepStdout();
  const { openStdioServer } = await import("../protocol/stdio/server.ts");
  const end = () => void (signal === undefined ? close().then(endProcess) : close());
  const { promise: dispatching, resolve: dispatch } = Promise.withResolvers<Dispatcher>();
  const server = openStdioServer({
    name: pluginName,
    maxPayloadBytes,
    write,
    onNotice: (message) => writeLog("warn", message, {}),
  }, (outside) => {
    const dispatcher = createDispatcher(plugin, {
      onShutdown: end,
      outside,
      log: (level, text, values = {}) => writeLog(level, text, values),
    });
    dispatch(dispatcher);
    // Everything on this wire is hex.
    const features = dispatcher.features.filter((feature) => feature !== "raw");
    return createPluginService({ dispatcher, hosts: plugin.hosts ?? [], token: undefined, maxPayloadBytes, features });
  });
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    await (await dispatching).drain();
    await server.close();
    unwatch();
    process.stdin.pause();
    process.stdin.unref?.();
    finish();
  };
  const close = (): Promise<void> => closing ??= closeAll();
  const unwatch = watchUntil(signal, end);
  void server.ended.then(end);
  if (hostProtocols === undefined) announce(plugin);
  return { address: server.address, finished, close };
}

/** To a person, who has started it by hand. */
function announce({ name, version, commands }: Plugin): void {
  const [command] = Object.keys(commands);
  const params = command === undefined ? "" : `,"params":{"command":"${command}","payload":"68656c6c6f"}`;
  const line = `{"jsonrpc":"2.0","id":1,"method":"${command === undefined ? "ping" : "exec"}"${params}}`;
  process.stderr.write(`${name} ${version} reads lines of JSON-RPC from stdin\nCall it:\n  ${line}\n`);
}
