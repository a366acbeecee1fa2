/**
 * `PluginHandle`: what the application holds for good, whatever happens to the process behind it.
 * @module
 */
import type { Bytes, Caller, CallOptions } from "../protocol/caller.ts";
import { PluginError } from "../protocol/errors.ts";
import { failedStream } from "../protocol/part_reader.ts";
import type { PluginInfo } from "../protocol/plugin.ts";
import { INFO, sendingProblem } from "../protocol/reserved.ts";
import type { Slot } from "./slot.ts";
import type { PluginState } from "./states.ts";

/** A plugin as the application sees it. Making one starts nothing; the first call does. */
export interface PluginHandle extends Caller {
  /** The plugin's name in the configuration. */
  readonly name: string;
  /** The current state. */
  readonly state: PluginState;
  /** The current state first, then each later one, none missed, until the signal fires. */
  states(options?: { readonly signal?: AbortSignal }): AsyncIterable<PluginState>;
  /** Starts it if need be and resolves when it can be called. */
  ready(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * What the plugin says of itself.
   * @throws {PluginError} "caller.unsupported" when it does not have the feature `info`.
   */
  info(): Promise<PluginInfo>;
  /** Whether it has the command `prefix`, or commands that begin with `prefix` and a dot. */
  supports(prefix: string): Promise<boolean>;
}

/** Makes the handle of a slot. */
export function createHandle(name: string, slot: Slot, caller: Caller): PluginHandle {
  const info = async (): Promise<PluginInfo> => {
    const { features } = await slot.acquire(undefined);
    if (features.includes("info")) return infoFromBytes(name, await caller.exec(INFO));
    const message = `Plugin "${name}" does not say what it can do: it lacks the feature "info"`;
    throw new PluginError("caller.unsupported", message, { plugin: name });
  };
  return {
    name,
    get state() {
      return slot.state;
    },
    states: (options = {}) => slot.states(options.signal),
    ready: async (options = {}) => void await slot.acquire(options.signal),
    // Like exec, it rejects when it is used wrongly, and does not throw before it returns.
    ping: async (options) => await caller.ping(options),
    exec: (command: string, payload?: Uint8Array, options?: CallOptions): Promise<Bytes> => {
      try {
        requireCall(command, payload);
        return caller.exec(command, payload, options);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    stream: (command: string, payload?: Uint8Array, options?: CallOptions): AsyncIterable<Bytes> => {
      try {
        requireCall(command, payload);
        return caller.stream(command, payload, options);
      } catch (error) {
        return failedStream(error);
      }
    },
    info,
    supports: async (prefix) => {
      const { commands } = await info();
      return commands.some(({ name }) => name === prefix || name.startsWith(`${prefix}.`));
    },
  };
}

function requireCall(command: string, payload: Uint8Array | undefined): void {
  const problem = sendingProblem(command);
  if (problem !== undefined) throw new TypeError(problem);
  if (payload !== undefined && !(payload instanceof Uint8Array)) throw new TypeError("The payload must be a Uint8Array");
}

function infoFromBytes(plugin: string, bytes: Bytes): PluginInfo {
  try {
    const { commands = [], subscribes = [], hosts = [], ...rest } = JSON.parse(new TextDecoder().decode(bytes));
    return { ...rest, commands, subscribes, hosts };
  } catch (error) {
    throw new PluginError("caller.bad_response", `Plugin "${plugin}" answered polyplug.info with something that is not JSON`, {
      plugin,
      cause: error,
    });
  }
}
