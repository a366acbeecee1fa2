/**
 * What an application needs to find, start and call plugins.
 * @module
 */
export type { Builtin } from "./builtins/builtin.ts";
export type { ConfigInput } from "./config/locate.ts";
export { type Executor, openExecutor } from "./executor.ts";
export type { PluginHandle } from "./handle.ts";
export { type Host, openHost, type OpenHostOptions, type ReloadOptions, type StartOptions, type StopOptions } from "./host.ts";
export type { EventBus } from "./events/bus.ts";
export type { DeadLetter, SubscriberStatus } from "./events/published.ts";
export type { SubscribeOptions } from "./events/subscription.ts";
export { type JsonSchema, jsonSchema } from "./json_schema.ts";
export type { PluginLog } from "./logs/record.ts";
export type { PluginExit } from "./process/spawn.ts";
export { recorded } from "./record.ts";
export type { Settings } from "./settings.ts";
export type { SuperviseOptions } from "./supervise/options.ts";
export type { PluginState } from "./states.ts";
export { type Api, type ByContract, type ByType, type Contract, type ContractApi, type Merge, type Nest, typed } from "./typed.ts";
export type { PluginStatus } from "./status.ts";
export type { AttemptOptions, Bytes, Caller, CallOptions, Driver, DriverCaller, DriverOptions, Identity } from "../protocol/caller.ts";
export type { Channel, Endpoint } from "../protocol/endpoint.ts";
export type { Cancellation, DispatchRequest } from "../protocol/dispatch.ts";
export type { Runner } from "../protocol/server.ts";
export { isPluginError, PluginError, type PluginErrorOptions } from "../protocol/errors.ts";
export {
  type Codec,
  type Command,
  command,
  type InferInput,
  type InferOutput,
  type Schema,
  type Schemas,
  type StreamSchemas,
} from "../protocol/command.ts";
export type { PluginEvent } from "../protocol/event.ts";
export type {
  Awaitable,
  CommandInfo,
  Commands,
  Health,
  LogLevel,
  Plugin,
  PluginContext,
  PluginInfo,
  RawHandler,
} from "../protocol/plugin.ts";
