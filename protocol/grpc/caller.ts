/**
 * The host's half of gRPC: takes an endpoint, gives a `DriverCaller` that sends each call exactly once. `RpcCaller` is Connect's too.
 * @module
 */
import { connect } from "node:net";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { AttemptOptions, Bytes, CallOptions, DriverCaller, DriverOptions, Identity } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { isPluginError, PluginError } from "../errors.ts";
import { Plugin } from "../gen/plugin_pb.ts";
import { callHeaders, HEADERS, parseIdentity, wholeTimeoutMs } from "../headers.ts";
import { errorFromTransport, lostError, refusedError } from "../transport_error.ts";
import {
  decodePayload,
  encodePayload,
  ERROR_CODE,
  errorFromRpc,
  formFromDialect,
  messageCap,
  PAYLOAD,
  type PayloadForm,
  responseFrom,
} from "./wire.ts";

/**
 * Opens the gRPC driver: one HTTP/2 connection, made at the first call and again when it was lost.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export async function openGrpcCaller(endpoint: Endpoint, options: DriverOptions): Promise<DriverCaller> {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "gRPC needs a TCP or Unix-socket endpoint");
  const { createGrpcTransport, Http2SessionManager } = await import("@connectrpc/connect-node");
  const baseUrl = endpoint.kind === "tcp" ? endpoint.url.origin : "http://localhost";
  const place = endpoint.kind === "unix" ? { createConnection: () => connect({ path: endpoint.path }) } : {};
  const sessionManager = new Http2SessionManager(baseUrl, { idleConnectionTimeoutMs: MAX_IDLE_MS }, { ...SESSION, ...place });
  const cap = messageCap(options.maxPayloadBytes);
  const transport = createGrpcTransport({ baseUrl, sessionManager, readMaxBytes: cap, writeMaxBytes: cap, acceptCompression: [] });
  return new RpcCaller(options, {
    transport,
    timeoutHeader: (ms) => ["grpc-timeout", ms < 1e8 ? `${ms}m` : `${Math.floor(ms / 1000)}S`],
    isFromPlugin: (error) => error.metadata.has("grpc-status"),
    close: () => sessionManager.abort(new ConnectError("the connection was closed", Code.Canceled)),
  });
}

/** The host decides how long it keeps a connection. */
const MAX_IDLE_MS = 2 ** 31 - 1;
/** Windows in which a payload of the usual size fits, and memory for many calls at once (in MB; Node refuses streams over 10). */
const SESSION = { settings: { initialWindowSize: 1024 * 1024 }, maxSessionMemory: 1024 };

/** What is special to a wire that carries the service of plugin.proto. */
export interface RpcWire {
  readonly transport: Transport;
  /** The header that carries the milliseconds left. */
  timeoutHeader(timeoutMs: number): readonly [name: string, value: string];
  /** Whether the plugin itself answered with this error, or the way to it failed. */
  isFromPlugin(error: ConnectError): boolean;
  /** Closes every connection. */
  close(): Promise<void> | void;
}

/** Calls the service of plugin.proto over any transport of Connect's. */
export class RpcCaller implements DriverCaller {
  readonly #options: DriverOptions;
  readonly #wire: RpcWire;
  #form: PayloadForm;
  #token: string | undefined;
  #closed = false;

  constructor(options: DriverOptions, wire: RpcWire) {
    this.#options = options;
    this.#wire = wire;
    const dialect = options.dialect ?? (options.features?.includes("raw") === true ? "goplugin-1" : "seed");
    this.#form = formFromDialect(dialect);
  }

  async ping(options: CallOptions = {}): Promise<"pong"> {
    await this.#ping(undefined, options);
    return "pong";
  }

  async identify(nonce: string | undefined, options: CallOptions = {}): Promise<Identity> {
    const header = await this.#ping(nonce, options);
    const identity = parseIdentity(header.get(HEADERS.polyplug), header.get(HEADERS.proof));
    // What the configuration says in so many words wins over what the plugin lists.
    if (this.#options.dialect === undefined && identity.features.includes("raw")) this.#form = "raw";
    return identity;
  }

  trust(token: string): void {
    this.#token = token;
  }

  async exec(command: string, payload: Uint8Array = new Uint8Array(0), options: CallOptions = {}): Promise<Bytes> {
    const limit = this.#options.maxPayloadBytes;
    if (payload.length > limit) {
      const message = `The payload for "${command}" has ${payload.length} bytes, the limit is ${limit}; it was not sent`;
      throw this.#named(new PluginError("caller.too_large", message, { hint: TOO_LARGE_HINT }));
    }
    const form = this.#form;
    return await this.#guarded(options, async (signal) => {
      const headers = { ...this.#headers(options), [PAYLOAD]: form };
      const request = { Command: command, Payload: encodePayload(payload, form) };
      const { message, header } = await this.#wire.transport.unary(Plugin.method.exec, signal, undefined, headers, request);
      const response = this.#read(responseFrom(message, EMPTY), form, header.get(PAYLOAD));
      if (response.length > limit) throw this.#answerTooLarge();
      return response;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#wire.close();
  }

  async #ping(nonce: string | undefined, options: CallOptions): Promise<Headers> {
    return await this.#guarded(options, async (signal) => {
      const headers = { ...this.#headers(options), ...(nonce === undefined ? {} : { [HEADERS.nonce]: nonce }) };
      const { message, header } = await this.#wire.transport.unary(Plugin.method.ping, signal, undefined, headers, {});
      const response = responseFrom(message, "");
      if (response === "pong") return header;
      throw new PluginError("caller.bad_response", `The answer to ping is ${JSON.stringify(response.slice(0, 120))}, not "pong"`);
    });
  }

  #headers(options: AttemptOptions): Record<string, string> {
    const headers = callHeaders(this.#options.host, this.#token, options);
    const left = wholeTimeoutMs(options.timeoutMs);
    if (left === undefined) return headers;
    // As a header and not as the transport's own option, which would start a second timer for the same deadline.
    const [name, value] = this.#wire.timeoutHeader(left);
    return { ...headers, [name]: value };
  }

  /** Reads a response in the form that was asked for; `said` is what the answer says of itself, which only our own plugins do. */
  #read(field: Uint8Array, form: PayloadForm, said: string | null): Bytes {
    const response = said === null || said === form ? decodePayload(field, form) : undefined;
    if (response !== undefined) return response;
    const other = form === "raw" ? "seed" : "goplugin-1";
    const came = said ?? (form === "hex" ? "not hex" : "not raw");
    throw new PluginError("caller.bad_response", `The payload of the answer is ${came}, where ${form} was asked for`, {
      hint: `The plugin may speak the other dialect: try dialect = "${other}" in its configuration`,
    });
  }

  #answerTooLarge(): PluginError {
    const message = `The answer has more than the limit of ${this.#options.maxPayloadBytes} bytes`;
    return new PluginError("caller.too_large", message, { hint: TOO_LARGE_HINT });
  }

  /** Runs one exchange, gives it up with CANCEL when the signal fires, and gives every failure its code. */
  async #guarded<T>({ signal }: CallOptions, exchange: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    // Of any other reason the transport makes a reset that means an internal error.
    const cancel = () => controller.abort(new ConnectError("the call was given up", Code.Canceled));
    try {
      if (this.#closed) throw refusedError("The connection was closed");
      signal?.throwIfAborted();
      signal?.addEventListener("abort", cancel, { once: true });
      return await exchange(controller.signal);
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw this.#named(isPluginError(error) ? error : this.#errorFrom(error));
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  #errorFrom(thrown: unknown): PluginError {
    const error = ConnectError.from(thrown);
    if (isPluginError(error.cause)) return error.cause;
    if (this.#wire.isFromPlugin(error)) return this.#hinted(errorFromRpc(error), error);
    if (this.#closed) return lostError("it was closed", error);
    if (error.rawMessage.includes("REFUSED_STREAM")) return refusedError("It took no more calls on this connection", error);
    if (error.code === Code.ResourceExhausted) return this.#answerTooLarge();
    if (error.cause !== undefined) return errorFromTransport(error.cause);
    if (/stream closed|stream was|session|premature/i.test(error.rawMessage)) return lostError(error.rawMessage, error);
    return new PluginError("caller.bad_response", `The answer is not what the contract says: ${error.rawMessage}`, { cause: error });
  }

  /** A plugin of the other dialect takes raw bytes for bad hex. */
  #hinted(error: PluginError, { metadata }: ConnectError): PluginError {
    const explicit = this.#options.dialect;
    if (error.code !== "exec.bad_request" || explicit === undefined || metadata.has(ERROR_CODE)) return error;
    const hint = `If it could not read the payload, it may not speak the dialect "${explicit}"`;
    return new PluginError(error.code, error.message, { origin: "plugin", hint });
  }

  #named({ code, message, origin, hint, cause }: PluginError): PluginError {
    return new PluginError(code, message, { origin, plugin: this.#options.plugin, cause, ...(hint === undefined ? {} : { hint }) });
  }
}

const TOO_LARGE_HINT = "Raise max_payload in the plugin's configuration, or send the data in parts";
const EMPTY = new Uint8Array(0);
