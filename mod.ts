/**
 * polyplug: plugins as separate programs, in any language, for applications on Deno, Bun and Node.
 * An application needs `./host`, a plugin `./plugin`; this entry has the names of both.
 * @module
 */
export {
  type AttemptOptions,
  type Bytes,
  type Caller,
  type CallOptions,
  type Channel,
  type CommandInfo,
  type ConfigInput,
  type Driver,
  type DriverCaller,
  type DriverOptions,
  type Endpoint,
  type Executor,
  type Host,
  type Identity,
  isPluginError,
  openExecutor,
  openHost,
  type OpenHostOptions,
  PluginError,
  type PluginErrorOptions,
  type PluginExit,
  type PluginHandle,
  type PluginInfo,
  type PluginLog,
  type PluginState,
  type PluginStatus,
  recorded,
  type ReloadOptions,
  type StartOptions,
  type StopOptions,
  type SuperviseOptions,
} from "./host/mod.ts";
export {
  type Awaitable,
  type Commands,
  definePlugin,
  type Health,
  type Plugin,
  type PluginContext,
  type RawHandler,
  serve,
  type Served,
  type ServeOptions,
} from "./plugin/mod.ts";
export { codeFromPlugin } from "./protocol/mod.ts";
