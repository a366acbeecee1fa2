/**
 * What both sides agree on: callers, errors, endpoints, the plugin's shape and the pieces of the wire.
 * @module
 */
export type { AttemptOptions, Bytes, Caller, CallOptions, Driver, DriverCaller, DriverOptions, Identity } from "./caller.ts";
export { codeFromPlugin } from "./peer_error.ts";
export type { Channel, Endpoint } from "./endpoint.ts";
export type { Cancellation, DispatchRequest } from "./dispatch.ts";
export type { Runner } from "./server.ts";
export { isPluginError, PluginError, type PluginErrorOptions } from "./errors.ts";
export {
  type Codec,
  type Command,
  command,
  type InferInput,
  type InferOutput,
  type Schema,
  type Schemas,
  type StreamSchemas,
} from "./command.ts";
export type { PluginEvent } from "./event.ts";
export type { Awaitable, CommandInfo, Commands, Health, LogLevel, Plugin, PluginContext, PluginInfo, RawHandler } from "./plugin.ts";
