/**
 * A plugin within the test, as a dispatcher or as a service that a wire's server answers for.
 * @module
 */
import { createDispatcher, type Dispatcher } from "../../protocol/dispatch.ts";
import { PluginError } from "../../protocol/errors.ts";
import type { Outside } from "../../protocol/outward.ts";
import type { Commands, Plugin } from "../../protocol/plugin.ts";
import { createPluginService, type PluginServiceOptions } from "../../protocol/plugin_service.ts";
import type { Service } from "../../protocol/server.ts";

const refuse = () => Promise.reject(new PluginError("exec.not_granted", "There is nobody outside"));

/** What a plugin of a test has around it. */
export interface UnitOptions {
  readonly onShutdown?: () => void;
  readonly outside?: Outside;
  readonly log?: (level: string, message: string, values: Readonly<Record<string, unknown>>) => void;
}

/** The dispatcher of a plugin named `unit`. */
export function unitDispatcher(plugin: Partial<Plugin>, options: UnitOptions = {}): Dispatcher {
  const { onShutdown = () => {}, outside = { ping: refuse, exec: refuse }, log = () => {} } = options;
  return createDispatcher({ name: "unit", version: "1.0.0", commands: {}, ...plugin }, {
    onShutdown,
    outside,
    log: (level, message, values = {}) => log(level, message, values),
  });
}

/** What a test may set of the service. */
export type UnitServiceOptions = Partial<Omit<PluginServiceOptions, "dispatcher">>;

/** The service of a plugin that has these commands, open to everybody unless said otherwise, for payloads of up to 1 KiB. */
export function unitService(
  commands: Commands,
  options: UnitServiceOptions = {},
): { readonly dispatcher: Dispatcher; readonly service: Service } {
  const dispatcher = unitDispatcher({ commands });
  return { dispatcher, service: createPluginService({ dispatcher, hosts: [], token: undefined, maxPayloadBytes: 1024, ...options }) };
}
