/**
 * The host's half of stdio: takes a plugin's pipes, gives a `DriverCaller`, and runs what the plugin calls over them.
 * @module
 */
import process from "node:process";
import type { AttemptOptions, Bytes, CallOptions, DriverCaller, DriverOptions, Identity } from "../caller.ts";
import { lostError } from "../call_error.ts";
import type { Channel, Endpoint } from "../endpoint.ts";
import { PluginError, refusal } from "../errors.ts";
import type { Service } from "../server.ts";
import { Session } from "./session.ts";

/**
 * Opens the driver of stdio, which reads from now on. The endpoint is one program's pipes, so there is one driver for it.
 * @throws {PluginError} "caller.unsupported" for an endpoint that is an address.
 */
export function openStdioCaller(endpoint: Endpoint, options: DriverOptions): DriverCaller {
  if (endpoint.kind === "pipes") return new StdioCaller(endpoint.channel, options);
  throw new PluginError("caller.unsupported", "stdio needs a program that this host has started: it has no address", {
    hint: "Leave address and attach out of the plugin's configuration, or give it another comm_type",
  });
}

class StdioCaller implements DriverCaller {
  readonly takesGiveUp = true;
  readonly #channel: Channel;
  readonly #session: Session;

  constructor(channel: Channel, options: DriverOptions) {
    const { host, plugin, maxPayloadBytes, onNotice = () => {} } = options;
    this.#channel = channel;
    this.#session = new Session(channel, {
      host,
      plugin,
      maxPayloadBytes,
      onNotice,
      service: serviceFor(options),
      defer: process.nextTick,
    });
    this.#session.asking.takesCancel = options.features?.includes("cancel") === true;
  }

  async ping(options: CallOptions = {}): Promise<"pong"> {
    await this.#session.asking.ping(options);
    return "pong";
  }

  async identify(_nonce: string | undefined, options: CallOptions = {}): Promise<Identity> {
    const identity = await this.#session.asking.ping(options);
    if (identity.features.includes("cancel")) this.#session.asking.takesCancel = true;
    return identity;
  }

  exec(command: string, payload: Uint8Array = EMPTY, options: AttemptOptions = {}): Promise<Bytes> {
    return this.#session.asking.exec(command, payload, options);
  }

  stream(command: string, payload: Uint8Array = EMPTY, options: AttemptOptions = {}): AsyncIterable<Bytes> {
    return this.#session.asking.stream(command, payload, options);
  }

  async close(): Promise<void> {
    this.#session.close(lostError("it was closed"));
    await this.#channel.close();
  }
}

const EMPTY = new Uint8Array(0);

/** What the plugin finds at the other end of its pipes. */
function serviceFor({ incoming, maxPayloadBytes }: DriverOptions): Service {
  return {
    isHost: true,
    features: ["cancel", "stream"],
    draining: false,
    maxPayloadBytes,
    greet: () => {},
    admit: () => {
      if (incoming !== undefined) return incoming;
      throw refusal("exec.not_granted", "Nothing can be called here");
    },
    prove: () => Promise.resolve(undefined),
  };
}
