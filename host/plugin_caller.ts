/**
 * What calls one plugin: takes a `Slot`, gives a `Caller` with a deadline on every call.
 * @module
 */
import type { Bytes, Caller, CallOptions } from "../protocol/caller.ts";
import { Call, createPing, type ForwardOptions, type Passage, type Send } from "./call.ts";
import type { Slot } from "./slot.ts";
import { StreamCall } from "./stream_call.ts";

/** What calls one plugin, for the application or for another plugin. */
export interface PluginCaller extends Caller {
  exec(command: string, payload?: Uint8Array, options?: ForwardOptions): Promise<Bytes>;
  stream(command: string, payload?: Uint8Array, options?: CallOptions & Passage): AsyncIterable<Bytes>;
}

/** Makes the caller of one plugin. */
export function createCaller(plugin: string, slot: Slot): PluginCaller {
  const target = { plugin, slot };
  return {
    ping: (options = NO_OPTIONS) => createPing(options, target).promise,
    exec: (command, payload, options = NO_OPTIONS): Promise<Bytes> => {
      const send: Send<Bytes> = (driver, attemptOptions) => driver.exec(command, payload, attemptOptions);
      return new Call(command, options, target, send).promise;
    },
    stream: (command, payload, options = NO_OPTIONS) => ({
      [Symbol.asyncIterator]: () => new StreamCall({ command, payload, options }, target),
    }),
  };
}

const NO_OPTIONS: CallOptions = {};
