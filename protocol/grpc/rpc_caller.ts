/**
 * The host's half of the service of plugin.proto: takes what carries its messages, gives a `DriverCaller`. gRPC and Connect share it.
 * @module
 */
import type { AttemptOptions, Bytes, CallOptions, DriverCaller, DriverOptions, Identity } from "../caller.ts";
import { answerTooLarge, payloadTooLarge, refusedError, requirePong } from "../call_error.ts";
import { isPluginError, PluginError, withMore } from "../errors.ts";
import { addPassage, HEADERS, parseIdentity, wholeTimeoutMs } from "../headers.ts";
import { isHeaderValue } from "../names.ts";
import { createRequestId } from "../request_id.ts";
import { PREFIX_BYTES } from "./envelope.ts";
import { decodeAnswer, encodeRequest } from "./message.ts";
import {
  decodePayload,
  encodePayload,
  errorFromRefusal,
  EXEC_PATH,
  formFromDialect,
  PAYLOAD,
  type PayloadForm,
  PING_PATH,
  responseFrom,
  type RpcRefusal,
  STREAM_PATH,
} from "./wire.ts";

/** One request; its body is a message, with as much room before it as the wire asks for. */
export interface RpcRequest {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Bytes;
  /** How it is given up. */
  readonly options: AttemptOptions;
}

/** An answer: a message, or what the plugin said in place of one. */
export interface RpcAnswer {
  /** Leading metadata. */
  header(name: string): string | null;
  readonly result: Bytes | RpcRefusal;
}

/** A stream of answers. */
export interface RpcParts {
  /** Leading metadata, once the first message is there. */
  header(name: string): string | null;
  /** Throws what the plugin said in place of the rest. */
  readonly messages: AsyncIterable<Bytes>;
}

/** What is special to a wire that carries the service of plugin.proto. */
export interface RpcWire {
  /** Whether `send` wants `onGiveUp` instead of a signal. */
  readonly takesGiveUp: boolean;
  /** The headers that every request has. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes that stay free before a message. */
  readonly room: number;
  /** The header that carries the milliseconds left. */
  readonly timeoutHeader: string;
  /** How it writes them. */
  formatTimeout(timeoutMs: number): string;
  /**
   * Sends one request, once.
   * @throws {PluginError} "caller.refused", "caller.lost", "caller.bad_response", "caller.too_large", or the signal's reason.
   */
  send(request: RpcRequest): Promise<RpcAnswer>;
  /**
   * Sends one request for a stream, once; its body has the room of an envelope before its message.
   * @throws {PluginError} from its messages, as `send`, and what the plugin refused it with.
   */
  stream(request: RpcRequest): RpcParts;
  /** Closes every connection; open calls end with "caller.lost". */
  close(): Promise<void>;
}

/** Calls the service of plugin.proto over a wire. */
export class RpcCaller implements DriverCaller {
  readonly takesGiveUp: boolean;
  readonly #options: DriverOptions;
  readonly #wire: RpcWire;
  #form: PayloadForm;
  /** The headers that are the same for every call. */
  #usual: Readonly<Record<string, string>>;
  #closed = false;
  #hasNoticed = false;

  constructor(options: DriverOptions, wire: RpcWire) {
    this.takesGiveUp = wire.takesGiveUp;
    this.#options = options;
    this.#wire = wire;
    this.#usual = { ...wire.headers, [HEADERS.host]: options.host };
    const dialect = options.dialect ?? (options.features?.includes("raw") === true ? "goplugin-1" : "seed");
    this.#form = formFromDialect(dialect);
  }

  async ping(options: CallOptions = {}): Promise<"pong"> {
    await this.#ping(undefined, options);
    return "pong";
  }

  async identify(nonce: string | undefined, options: CallOptions = {}): Promise<Identity> {
    const answer = await this.#ping(nonce, options);
    const identity = parseIdentity(answer.header(HEADERS.polyplug), answer.header(HEADERS.proof));
    // What the configuration says in so many words wins over what the plugin lists.
    if (this.#options.dialect === undefined && identity.features.includes("raw")) this.#form = "raw";
    return identity;
  }

  trust(token: string): void {
    this.#usual = { ...this.#usual, [HEADERS.authorization]: `Bearer ${token}` };
  }

  async exec(command: string, payload: Uint8Array = EMPTY, options: CallOptions = {}): Promise<Bytes> {
    try {
      const limit = this.#options.maxPayloadBytes;
      if (payload.length > limit) throw payloadTooLarge(command, payload, limit);
      const form = this.#form;
      const headers = this.#headers(options);
      headers[PAYLOAD] = form;
      const body = encodeRequest({ command, payload: encodePayload(payload, form) }, this.#wire.room);
      const answer = await this.#send({ path: EXEC_PATH, headers, body, options });
      const said = answer.header(PAYLOAD);
      const response = this.#read(this.#responseFrom(answer), form, said);
      if (form === "raw" && said === null && looksLikeHex(response)) this.#noticeHex(command);
      if (response.length > limit) throw answerTooLarge(limit);
      return response;
    } catch (error) {
      throw this.#errorFrom(error, options);
    }
  }

  async *stream(command: string, payload: Uint8Array = EMPTY, options: AttemptOptions = {}): AsyncGenerator<Bytes, void, void> {
    try {
      const limit = this.#options.maxPayloadBytes;
      if (payload.length > limit) throw payloadTooLarge(command, payload, limit);
      if (this.#closed) throw refusedError("The connection was closed");
      const form = this.#form;
      const headers = this.#headers(options);
      headers[PAYLOAD] = form;
      const body = encodeRequest({ command, payload: encodePayload(payload, form) }, PREFIX_BYTES);
      const parts = this.#wire.stream({ path: STREAM_PATH, headers, body, options });
      for await (const result of parts.messages) {
        const part = this.#read(this.#responseFrom({ header: parts.header, result }), form, parts.header(PAYLOAD));
        if (part.length > limit) throw answerTooLarge(limit);
        yield part;
      }
    } catch (error) {
      throw this.#errorFrom(error, options);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#wire.close();
  }

  async #ping(nonce: string | undefined, options: CallOptions): Promise<RpcAnswer> {
    try {
      const headers = this.#headers(options);
      if (nonce !== undefined) headers[HEADERS.nonce] = nonce;
      const answer = await this.#send({ path: PING_PATH, headers, body: new Uint8Array(this.#wire.room), options });
      requirePong(decoder.decode(this.#responseFrom(answer)));
      return answer;
    } catch (error) {
      throw this.#errorFrom(error, options);
    }
  }

  #headers(options: AttemptOptions): Record<string, string> {
    const { requestId = createRequestId(), attempt = 1, traceparent, timeoutMs } = options;
    requireHeader(HEADERS.requestId, requestId);
    const headers: Record<string, string> = { ...this.#usual, [HEADERS.requestId]: requestId, [HEADERS.attempt]: String(attempt) };
    if (traceparent !== undefined) {
      requireHeader(HEADERS.traceparent, traceparent);
      headers[HEADERS.traceparent] = traceparent;
    }
    addPassage(headers, options);
    const left = wholeTimeoutMs(timeoutMs);
    if (left !== undefined) headers[this.#wire.timeoutHeader] = this.#wire.formatTimeout(left);
    return headers;
  }

  /** Not an async function, which each call would pay for. */
  #send(request: RpcRequest): Promise<RpcAnswer> {
    return this.#closed ? Promise.reject(refusedError("The connection was closed")) : this.#wire.send(request);
  }

  /** Reads a response in the form that was asked for; `said` is what the answer says of itself, which only our own plugins do. */
  #read(field: Bytes, form: PayloadForm, said: string | null): Bytes {
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

  /** A failure with its plugin's name; one of the signal is what the signal says. */
  #errorFrom(error: unknown, { signal }: CallOptions): unknown {
    if (signal?.aborted === true) return signal.reason;
    return isPluginError(error) ? withMore(error, { plugin: this.#options.plugin }) : error;
  }

  /**
   * The response in an answer's message.
   * @throws {PluginError} "caller.bad_response", or what the plugin refused the call with.
   */
  #responseFrom({ result }: RpcAnswer): Bytes {
    if (!(result instanceof Uint8Array)) throw this.#hinted(errorFromRefusal(result), result);
    const message = decodeAnswer(result);
    if (message === undefined) throw new PluginError("caller.bad_response", "The answer is no protobuf message of Ping or Exec");
    return responseFrom(message);
  }

  /** A plugin of the other dialect takes raw bytes for bad hex, and hex for a payload that it cannot read. */
  #hinted(error: PluginError, { code }: RpcRefusal): PluginError {
    if (code !== null || (error.code !== "exec.bad_request" && !UNREADABLE.test(error.message))) return error;
    const other = this.#form === "raw" ? "seed" : "goplugin-1";
    const hint = `If it could not read the payload, which was sent as ${this.#form}: try dialect = "${other}" in its configuration`;
    return withMore(error, { hint });
  }
}

/** HTTP/2 would carry anything. */
function requireHeader(name: string, value: string): void {
  if (!isHeaderValue(value)) throw refusedError(`No header can carry the ${name} ${JSON.stringify(value)}`);
}

/** What libraries say of a payload that they cannot read, where the status does not tell. */
const UNREADABLE = /\bhex\b|\butf-?8\b|unmarshal|deseriali[sz]/i;
const EMPTY = new Uint8Array(0);
const decoder = new TextDecoder();
/** Fewer may be digits by chance. */
const HEX_DIGITS = 8;

function looksLikeHex(bytes: Uint8Array): boolean {
  const isDigit = (byte: number) => (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
  return bytes.length >= HEX_DIGITS && bytes.length % 2 === 0 && bytes.every(isDigit);
}
