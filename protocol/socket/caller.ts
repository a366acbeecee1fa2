/**
 * The host's half of the framed socket: takes an endpoint, gives a `DriverCaller` that has all its calls on one connection.
 * @module
 */
import { connect } from "node:net";
import process from "node:process";
import type { Bytes, CallOptions, DriverCaller, DriverOptions, Identity } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { isPluginError, PluginError, withMore } from "../errors.ts";
import { createNonce, equalsSecret, proofFromToken } from "../proof.ts";
import { errorFromTransport, lostError, payloadTooLarge, refusedError } from "../call_error.ts";
import { Line } from "./line.ts";

/**
 * Opens the driver of the framed socket; it connects at the first call, and again when the connection was lost.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export function openSocketCaller(endpoint: Endpoint, options: DriverOptions): DriverCaller {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "The framed socket needs a Unix-socket or TCP endpoint");
  return new SocketCaller(endpoint, options);
}

type Place = Exclude<Endpoint, { kind: "pipes" }>;

class SocketCaller implements DriverCaller {
  readonly takesGiveUp = true;
  readonly #place: Place;
  readonly #options: DriverOptions;
  #line: Line | undefined;
  #opening: Promise<Line> | undefined;
  #token: string | undefined;
  #closed = false;

  constructor(place: Place, options: DriverOptions) {
    this.#place = place;
    this.#options = options;
  }

  async ping(options: CallOptions = {}): Promise<"pong"> {
    const line = this.#line ?? await this.#guarded(options, () => this.#open());
    await line.ping(options);
    return "pong";
  }

  async identify(nonce: string | undefined, options: CallOptions = {}): Promise<Identity> {
    return await this.#guarded(options, async () => {
      const line = await this.#connect();
      const identity = await line.greet(this.#options.host, { nonce });
      this.#line = line;
      return identity;
    });
  }

  trust(token: string): void {
    this.#token = token;
    this.#line?.sendToken(token);
  }

  exec(command: string, payload: Uint8Array = EMPTY, options: CallOptions = {}): Promise<Bytes> {
    const { maxPayloadBytes, plugin } = this.#options;
    if (payload.length > maxPayloadBytes) {
      return Promise.reject(withMore(payloadTooLarge(command, payload, maxPayloadBytes), { plugin }));
    }
    const line = this.#line;
    if (line === undefined) return this.#guarded(options, () => this.#open()).then((opened) => opened.call(command, payload, options));
    return line.call(command, payload, options);
  }

  async *stream(command: string, payload: Uint8Array = EMPTY, options: CallOptions = {}): AsyncGenerator<Bytes, void, void> {
    const { maxPayloadBytes, plugin } = this.#options;
    if (payload.length > maxPayloadBytes) throw withMore(payloadTooLarge(command, payload, maxPayloadBytes), { plugin });
    const line = this.#line ?? await this.#guarded(options, () => this.#open());
    yield* { [Symbol.asyncIterator]: () => line.stream(command, payload, options) };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#line?.end(lostError("it was closed"));
    return Promise.resolve();
  }

  /** A connection whose other side has shown that it holds the token, when there is one; one opening serves all who wait. */
  #open(): Promise<Line> {
    return this.#opening ??= this.#openLine().finally(() => this.#opening = undefined);
  }

  async #openLine(): Promise<Line> {
    const token = this.#token;
    const line = await this.#connect();
    if (this.#options.isHost === true) {
      await line.greet(this.#options.host, { token }); // Who gave the address has given the token too: it need not prove anything.
      return this.#line = line;
    }
    const nonce = token === undefined ? undefined : createNonce();
    const { proof = "" } = await line.greet(this.#options.host, { nonce });
    if (token !== undefined && nonce !== undefined) {
      if (!equalsSecret(proof, await proofFromToken(token, nonce))) {
        const error = new PluginError("caller.bad_response", "What answers on the socket cannot prove that it is the plugin");
        line.end(error);
        throw error;
      }
      line.sendToken(token);
    }
    return this.#line = line;
  }

  async #connect(): Promise<Line> {
    if (this.#closed) throw refusedError("The connection was closed");
    const place = this.#place;
    const socket = connect(
      place.kind === "unix" ? { path: place.path } : { host: place.url.hostname.replace(/^\[|\]$/g, ""), port: Number(place.url.port) },
    );
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    const line: Line = new Line(socket, this.#options, {
      defer: process.nextTick,
      onEnd: () => {
        if (this.#line === line) this.#line = undefined;
      },
    });
    socket.on("data", (chunk) => line.read(chunk));
    socket.on("error", (error) => line.end(errorFromTransport(error)));
    socket.on("close", () => line.end(lostError("the plugin closed it")));
    if (this.#closed) line.end(lostError("it was closed"));
    return line;
  }

  async #guarded<T>({ signal }: CallOptions, act: () => Promise<T>): Promise<T> {
    try {
      signal?.throwIfAborted();
      return await act();
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw withMore(isPluginError(error) ? error : errorFromTransport(error), { plugin: this.#options.plugin });
    }
  }
}

const EMPTY = new Uint8Array(0);
