/**
 * The way back to the host: takes what the environment says of it, gives what handlers call; opened by the first call.
 * @module
 */
import type { DriverCaller, DriverOptions } from "../protocol/caller.ts";
import { endpointFromAddress } from "../protocol/endpoint.ts";
import { PluginError } from "../protocol/errors.ts";
import type { Outside } from "../protocol/outward.ts";
import { failedStream } from "../protocol/part_reader.ts";

/** Where the host is. */
export interface WayBack {
  /** The address of its contract in REST. */
  readonly url: string;
  /** The same services on the framed socket, `unix:/path`; several times quicker. */
  readonly socket: string | undefined;
  /** Shows which launch of which plugin calls. */
  readonly token: string;
}

/** What a plugin calls, and how it lets go of it. */
export interface OpenOutside extends Outside {
  close(): Promise<void>;
}

/** Makes it; `name` is what the plugin is called in the host's configuration. */
export function createOutside(name: string, way: WayBack | undefined, maxPayloadBytes: number): OpenOutside {
  if (way === undefined) return { ping: refuse, exec: refuse, stream: () => failedStream(noWay()), close: () => Promise.resolve() };
  const options = { host: name, plugin: "host", dialect: undefined, maxPayloadBytes, isHost: true, features: ["raw"] };
  let opening: Promise<DriverCaller> | undefined;
  let driver: DriverCaller | undefined;
  const open = () => opening ??= openDriver(way, options).then((opened) => driver = opened);
  return {
    takesGiveUp: way.socket !== undefined,
    ping: (given) => driver === undefined ? open().then((opened) => opened.ping(given)) : driver.ping(given),
    exec: (command, payload, given) =>
      driver === undefined ? open().then((opened) => opened.exec(command, payload, given)) : driver.exec(command, payload, given),
    async *stream(command, payload, given) {
      const opened = driver ?? await open();
      if (opened.stream !== undefined) yield* opened.stream(command, payload, given);
    },
    close: async () => await (await opening)?.close(),
  };
}

async function openDriver({ url, socket, token }: WayBack, options: DriverOptions): Promise<DriverCaller> {
  const endpoint = endpointFromAddress(socket ?? url);
  if (endpoint === undefined) throw new PluginError("caller.unsupported", `The host's address "${socket ?? url}" is none`);
  const driver = socket === undefined
    ? await (await import("../protocol/rest/caller.ts")).openRestCaller(endpoint, options)
    : (await import("../protocol/socket/caller.ts")).openSocketCaller(endpoint, options);
  driver.trust?.(token);
  return driver;
}

function refuse(): Promise<never> {
  return Promise.reject(noWay());
}

function noWay(): PluginError {
  const message = "This plugin has no way back to its host, since the host's configuration grants it nothing";
  const hint = "Add [plugins.NAME.grants] to it, with services, publish or plugins";
  return new PluginError("exec.not_granted", message, { hint });
}
