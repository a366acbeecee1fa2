/**
 * The host's half of REST: takes an endpoint, gives a `DriverCaller` that sends each call exactly once.
 * @module
 */
import type { AttemptOptions, Bytes, CallOptions, DriverCaller, DriverOptions, Identity } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { isPluginError, PluginError, withMore } from "../errors.ts";
import { callHeaders, HEADERS, parseIdentity, wholeTimeoutMs } from "../headers.ts";
import { decodeHex } from "../hex.ts";
import { type HttpAnswer, type HttpBody, type HttpClient, openHttpClient } from "./clients.ts";
import { decodeStream, isNdjson, NDJSON_TYPE, STREAM_STATUS } from "./stream.ts";
import { answerTooLarge, errorFromTransport, payloadTooLarge, refusedError, requirePong } from "../call_error.ts";
import { JsonBody, type JsonText, LONG_BYTES } from "./long_hex.ts";
import {
  decodeAnswer,
  decodeExecAnswer,
  encodeExecRequest,
  errorFromAnswer,
  EXEC_STATUS,
  isRaw,
  JSON_TYPE,
  jsonCap,
  longExecRequest,
  PING_STATUS,
  RAW_TYPE,
} from "./wire.ts";

/**
 * Opens the REST driver.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export async function openRestCaller(endpoint: Endpoint, options: DriverOptions): Promise<DriverCaller> {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "REST needs a TCP or Unix-socket endpoint");
  return new RestCaller(await openHttpClient(endpoint), options);
}

class RestCaller implements DriverCaller {
  readonly #client: HttpClient;
  readonly #options: DriverOptions;
  #raw: boolean;
  #token: string | undefined;
  #closed = false;

  constructor(client: HttpClient, options: DriverOptions) {
    this.#client = client;
    this.#options = options;
    this.#raw = options.features?.includes("raw") ?? false;
  }

  async ping(options: CallOptions = {}): Promise<"pong"> {
    await this.#ping({}, options);
    return "pong";
  }

  async identify(nonce: string | undefined, options: CallOptions = {}): Promise<Identity> {
    const answer = await this.#ping(nonce === undefined ? {} : { [HEADERS.nonce]: nonce }, options);
    const identity = parseIdentity(answer.header(HEADERS.polyplug), answer.header(HEADERS.proof));
    this.#raw ||= identity.features.includes("raw");
    return identity;
  }

  trust(token: string): void {
    this.#token = token;
  }

  async exec(command: string, payload: Uint8Array = new Uint8Array(0), options: AttemptOptions = {}): Promise<Bytes> {
    const limit = this.#options.maxPayloadBytes;
    return await this.#guarded(options, async () => {
      if (payload.length > limit) throw payloadTooLarge(command, payload, limit);
      const headers = this.#headers(options);
      const sent = this.#bodyFor(command, payload, headers);
      const answer = await this.#client.send({
        method: "POST",
        path: pathOf("exec", options.target),
        headers,
        body: sent,
        ...signalOf(options),
      });
      // A raw answer follows a raw call alone: a plain plugin may call its JSON an octet-stream.
      const raw = answer.status === EXEC_STATUS && isRaw(headers["content-type"] ?? null) && isRaw(answer.header("content-type"));
      if (raw) return await this.#read(answer, limit);
      const body = await this.#readJson(answer, jsonCap(limit));
      if (answer.status !== EXEC_STATUS) throw this.#errorFrom(answer.status, EXEC_STATUS, body.text);
      const response = decodeExecAnswer(body);
      if (response.length > limit) throw answerTooLarge(limit);
      return response;
    });
  }

  async *stream(command: string, payload: Uint8Array = new Uint8Array(0), options: AttemptOptions = {}): AsyncGenerator<Bytes, void, void> {
    const limit = this.#options.maxPayloadBytes;
    try {
      if (this.#closed) throw refusedError("The connection was closed");
      options.signal?.throwIfAborted();
      if (payload.length > limit) throw payloadTooLarge(command, payload, limit);
      const headers = this.#headers(options);
      const body = this.#bodyFor(command, payload, headers);
      const path = pathOf("stream", options.target);
      const answer = await this.#client.send({ method: "POST", path, headers, body, ...signalOf(options) });
      if (answer.status !== STREAM_STATUS) {
        throw this.#errorFrom(answer.status, STREAM_STATUS, textFrom(await this.#read(answer, jsonCap(limit))));
      }
      const type = answer.header("content-type");
      if (!isNdjson(type)) throw new PluginError("caller.bad_response", `The answer has the content type ${type}, not ${NDJSON_TYPE}`);
      yield* decodeStream(answer.body, this.#options);
    } catch (error) {
      throw this.#named(error, options);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client.close();
  }

  async #ping(extra: Record<string, string>, options: CallOptions): Promise<HttpAnswer> {
    return await this.#guarded(options, async () => {
      const headers = { ...this.#headers(options), ...extra };
      const answer = await this.#client.send({ method: "GET", path: "/ping", headers, ...signalOf(options) });
      const text = textFrom(await this.#read(answer, PING_CAP));
      if (answer.status !== PING_STATUS) throw this.#errorFrom(answer.status, PING_STATUS, text);
      requirePong(decodeAnswer(text));
      return answer;
    });
  }

  #errorFrom(status: number, expected: number, text: string): PluginError {
    return errorFromAnswer({ status, expected, text }, this.#options);
  }

  /** Sets what makes the body readable and gives it: raw where the plugin takes it and HTTP can carry the command's name in a header. */
  #bodyFor(command: string, payload: Uint8Array, headers: Record<string, string>): HttpBody {
    if (this.#raw && PRINTABLE.test(command)) {
      headers["content-type"] = RAW_TYPE;
      headers[HEADERS.command] = command;
      return payload;
    }
    headers["content-type"] = JSON_TYPE;
    return payload.length < LONG_BYTES ? encodeExecRequest(command, payload) : longExecRequest(command, payload);
  }

  #headers(options: AttemptOptions): Record<string, string> {
    const headers = callHeaders(this.#options.host, this.#token, options);
    headers["accept-encoding"] = "identity";
    const left = wholeTimeoutMs(options.timeoutMs);
    if (left !== undefined) headers[HEADERS.timeoutMs] = String(left);
    return headers;
  }

  async #read(answer: HttpAnswer, cap: number): Promise<Bytes> {
    const bytes = await answer.read(cap);
    if (bytes === undefined) throw answerTooLarge(this.#options.maxPayloadBytes);
    return bytes;
  }

  async #readJson(answer: HttpAnswer, cap: number): Promise<JsonText> {
    if (answer.length < LONG_BYTES) return { text: textFrom(await this.#read(answer, cap)), readHex: decodeHex };
    const json = new JsonBody(answer.length);
    if (!await answer.readInto(json, cap)) throw answerTooLarge(this.#options.maxPayloadBytes);
    return json.end();
  }

  /** Runs one exchange and gives every failure its code. */
  async #guarded<T>(options: CallOptions, exchange: () => Promise<T>): Promise<T> {
    try {
      if (this.#closed) throw refusedError("The connection was closed");
      return await exchange();
    } catch (error) {
      throw this.#named(error, options);
    }
  }

  #named(error: unknown, { signal }: CallOptions): unknown {
    if (signal?.aborted === true) return signal.reason;
    return withMore(isPluginError(error) ? error : errorFromTransport(error), { plugin: this.#options.plugin });
  }
}

const PRINTABLE = /^[\x21-\x7e]+$/;
/** Enough for the answer to ping, with room for keys of other frameworks. */
const PING_CAP = 64 * 1024;
const decoder = new TextDecoder();

function signalOf(options: CallOptions): { readonly signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}

/** Where a call goes: a plugin has one place, a host one for each of its plugins too. */
function pathOf(what: "exec" | "stream", target: string | undefined): string {
  return target === undefined ? `/${what}` : `/plugins/${encodeURIComponent(target)}/${what}`;
}

function textFrom(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
