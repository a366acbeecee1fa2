/**
 * A built-in in the host's own thread: takes a `Plugin`, gives an `Engine`. Nothing can end a handler there that never returns.
 * @module
 */
import { createDispatcher } from "../../protocol/dispatch.ts";
import { HEADERS } from "../../protocol/headers.ts";
import type { LogLevel, Plugin } from "../../protocol/plugin.ts";
import { createPluginService } from "../../protocol/plugin_service.ts";
import type { Runner } from "../../protocol/server.ts";
import type { PluginSpec } from "../discover.ts";
import type { PluginExit } from "../process/spawn.ts";
import { type Engine, exitOf } from "./engine.ts";
import { LocalCaller } from "./local_caller.ts";

/** What a built-in takes from its host. */
export interface EngineOptions {
  readonly spec: PluginSpec;
  /** Runs its calls of the host. */
  readonly runner: Runner;
  /** Takes what its handlers log. */
  readonly log: (level: LogLevel, message: string, values?: Readonly<Record<string, unknown>>) => void;
}

/**
 * Makes it ready to be called.
 * @throws {PluginError} "exec.forbidden" when the plugin lists other hosts alone.
 */
export function openInProcess(plugin: Plugin, { spec, runner, log }: EngineOptions): Engine {
  const { host, name, maxPayloadBytes } = spec;
  const exited = Promise.withResolvers<PluginExit>();
  const outside = new LocalCaller(runner, { plugin: "host", isHost: true, from: name, maxPayloadBytes });
  const end = async (): Promise<void> => {
    await Promise.all([driver.close(), outside.close()]);
    exited.resolve(exitOf(null));
  };
  const dispatcher = createDispatcher(plugin, { onShutdown: () => {}, outside, log });
  const driver = new LocalCaller(dispatcher, { plugin: name, from: host, maxPayloadBytes });
  const service = createPluginService({ dispatcher, hosts: plugin.hosts ?? [], token: undefined, maxPayloadBytes });
  service.greet((header) => header === HEADERS.host ? host : undefined);
  return { driver, features: dispatcher.features, exited: exited.promise, drain: () => dispatcher.drain(), end };
}
