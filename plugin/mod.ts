/**
 * What a plugin written in TypeScript needs.
 * @module
 */
export { definePlugin } from "./define.ts";
export type { CommType, ServeOptions } from "./options.ts";
export { serve, type Served } from "./serve.ts";
export { isPluginError, PluginError, type PluginErrorOptions } from "../protocol/errors.ts";
export type { Bytes, Dialect } from "../protocol/caller.ts";
export type { Awaitable, Commands, Health, Plugin, PluginContext, RawHandler } from "../protocol/plugin.ts";
