/**
 * What a plugin written in TypeScript needs.
 * @module
 */
export { definePlugin } from "./define.ts";
export type { CommType, ServeOptions } from "./options.ts";
export { serve, type Served } from "./serve.ts";
export { isPluginError, PluginError, type PluginErrorOptions } from "../protocol/errors.ts";
export type { Bytes, Caller, CallOptions, Dialect } from "../protocol/caller.ts";
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
export type { Awaitable, Commands, Health, LogLevel, Plugin, PluginContext, RawHandler } from "../protocol/plugin.ts";
