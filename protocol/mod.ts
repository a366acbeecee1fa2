/**
 * What both sides agree on: callers, errors, endpoints, the plugin's shape and the pieces of the wire.
 * @module
 */
export type { AttemptOptions, Bytes, Caller, CallOptions, Driver, DriverCaller, DriverOptions, Identity } from "./caller.ts";
export { codeFromPlugin } from "./dispatch.ts";
export type { Channel, Endpoint } from "./endpoint.ts";
export { isPluginError, PluginError, type PluginErrorOptions } from "./errors.ts";
export type { Awaitable, CommandInfo, Commands, Health, Plugin, PluginContext, PluginInfo, RawHandler } from "./plugin.ts";
