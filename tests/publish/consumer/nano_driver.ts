/**
 * A transport of an application's own, with the names of `@polyplug/core/protocol` alone: a line of JSON there, a line of JSON back,
 * a connection a call.
 * @module
 */
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import {
  type AttemptOptions,
  type Bytes,
  codeFromPlugin,
  type Driver,
  type DriverCaller,
  type DriverOptions,
  type Endpoint,
  PluginError,
} from "@polyplug/core/protocol";

/** A line back: base64, or what the plugin refused with. */
interface Answer {
  readonly bytes?: string;
  readonly code?: string;
  readonly message?: string;
}

/** Opens the driver; for `drivers: { nano: openNano }`. */
export const openNano: Driver = (endpoint: Endpoint, { plugin }: DriverOptions): DriverCaller => {
  if (endpoint.kind !== "tcp") throw new PluginError("caller.unsupported", "nano needs a TCP endpoint", { plugin });
  const { hostname, port } = endpoint.url;
  const ask = async (command: string, payload: Uint8Array, { signal, attempt = 1 }: AttemptOptions): Promise<Bytes> => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
    const abort = () => socket.destroy();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await once(socket, "connect").catch((cause) => {
        throw new PluginError("caller.refused", "It refused the connection", { plugin, cause });
      });
      socket.write(`${JSON.stringify({ command, payload: btoa(String.fromCharCode(...payload)), attempt })}\n`);
      return bytesFrom(await text(socket), plugin);
    } finally {
      signal?.removeEventListener("abort", abort);
      socket.destroy();
    }
  };
  return {
    ping: async (options = {}) => {
      await ask("ping", new Uint8Array(0), options);
      return "pong";
    },
    exec: (command, payload = new Uint8Array(0), options = {}) => ask(command, payload, options),
    close: () => Promise.resolve(),
  };
};

function bytesFrom(line: string, plugin: string): Bytes {
  if (!line.endsWith("\n")) throw new PluginError("caller.lost", "The connection ended in the answer", { plugin });
  const { bytes, code, message }: Answer = JSON.parse(line);
  if (bytes !== undefined) return Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0));
  throw new PluginError(codeFromPlugin(code), message ?? "It refused the call", { origin: "plugin", plugin });
}
