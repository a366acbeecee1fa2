/**
 * The host's half of the service of plugin.proto: takes a transport of Connect's, gives a `DriverCaller`. gRPC and Connect share it.
 * @module
 */
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { CommonTransportOptions } from "@connectrpc/connect/protocol";
import type { AttemptOptions, Bytes, CallOptions, DriverCaller, DriverOptions, Identity } from "../caller.ts";
import { isPluginError, PluginError, withMore } from "../errors.ts";
import { Plugin } from "../gen/plugin_pb.ts";
import { callHeaders, HEADERS, parseIdentity, wholeTimeoutMs } from "../headers.ts";
import { answerTooLarge, lostError, payloadTooLarge, refusedError, requirePong } from "../call_error.ts";
import {
  decodePayload,
  encodePayload,
  ERROR_CODE,
  errorFromRpc,
  formFromDialect,
  PAYLOAD,
  type PayloadForm,
  responseFrom,
} from "./wire.ts";

/** What the transports of both wires have in common: binary messages, none compressed, none over the cap. */
export function transportOptions(cap: number): Omit<CommonTransportOptions, "baseUrl" | "httpClient"> {
  const compression = { acceptCompression: [], sendCompression: null, compressMinBytes: 0 };
  return { ...compression, useBinaryFormat: true, interceptors: [], readMaxBytes: cap, writeMaxBytes: cap };
}

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
  /** The calls that a close gives up. */
  readonly #open = new Set<AbortController>();
  #closed = false;
  #hasNoticed = false;

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
    const form = this.#form;
    return await this.#guarded(options, async (signal) => {
      if (payload.length > limit) throw payloadTooLarge(command, payload, limit);
      const headers = { ...this.#headers(options), [PAYLOAD]: form };
      const request = { Command: command, Payload: encodePayload(payload, form) };
      const { message, header } = await this.#wire.transport.unary(Plugin.method.exec, signal, undefined, headers, request);
      const response = this.#read(responseFrom(message, EMPTY), form, header.get(PAYLOAD));
      if (form === "raw" && header.get(PAYLOAD) === null && looksLikeHex(response)) this.#noticeHex(command);
      if (response.length > limit) throw answerTooLarge(limit);
      return response;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#open) call.abort(new ConnectError("the connection was closed", Code.Canceled));
    await this.#wire.close();
  }

  async #ping(nonce: string | undefined, options: CallOptions): Promise<Headers> {
    return await this.#guarded(options, async (signal) => {
      const headers = { ...this.#headers(options), ...(nonce === undefined ? {} : { [HEADERS.nonce]: nonce }) };
      const { message, header } = await this.#wire.transport.unary(Plugin.method.ping, signal, undefined, headers, {});
      requirePong(responseFrom(message, ""));
      return header;
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

  /** Raw bytes may well be hex digits, a checksum's for example, so that this can be no error. */
  #noticeHex(command: string): void {
    if (this.#hasNoticed) return;
    this.#hasNoticed = true;
    const hint = 'if they stand for other bytes, the plugin speaks the other dialect: try dialect = "seed" in its configuration';
    this.#options.onNotice?.(`The answer to "${command}" is all hex digits, where raw bytes were asked for; ${hint}`);
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
      this.#open.add(controller);
      return await exchange(controller.signal);
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      if (controller.signal.aborted) throw withMore(lostError("it was closed", error), { plugin: this.#options.plugin });
      throw withMore(isPluginError(error) ? error : this.#errorFrom(error), { plugin: this.#options.plugin });
    } finally {
      this.#open.delete(controller);
      signal?.removeEventListener("abort", cancel);
    }
  }

  #errorFrom(thrown: unknown): PluginError {
    const error = ConnectError.from(thrown);
    if (isPluginError(error.cause)) return error.cause;
    if (this.#wire.isFromPlugin(error)) return this.#hinted(errorFromRpc(error), error);
    if (error.code === Code.ResourceExhausted) return answerTooLarge(this.#options.maxPayloadBytes);
    return new PluginError("caller.bad_response", `The answer is not what the contract says: ${error.rawMessage}`, { cause: error });
  }

  /** A plugin of the other dialect takes raw bytes for bad hex, and hex for a payload that it cannot read. */
  #hinted(error: PluginError, { metadata }: ConnectError): PluginError {
    if (metadata.has(ERROR_CODE) || (error.code !== "exec.bad_request" && !UNREADABLE.test(error.message))) return error;
    const other = this.#form === "raw" ? "seed" : "goplugin-1";
    const hint = `If it could not read the payload, which was sent as ${this.#form}: try dialect = "${other}" in its configuration`;
    return withMore(error, { hint });
  }
}

/** What libraries say of a payload that they cannot read, where the status does not tell. */
const UNREADABLE = /\bhex\b|\butf-?8\b|unmarshal|deseriali[sz]/i;
const EMPTY = new Uint8Array(0);
/** Fewer may be digits by chance. */
const HEX_DIGITS = 8;

function looksLikeHex(bytes: Uint8Array): boolean {
  const isDigit = (byte: number) => (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
  return bytes.length >= HEX_DIGITS && bytes.length % 2 === 0 && bytes.every(isDigit);
}
