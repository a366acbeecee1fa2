/**
 * The host's half of REST: takes an endpoint, gives a `DriverCaller` that sends each call exactly once.
 * @module
 */
import process from "node:process";
import { concatBytes } from "../bytes.ts";
import type { AttemptOptions, Bytes, CallOptions, DriverCaller, DriverOptions, Identity } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { isPluginError, messageOf, PluginError } from "../errors.ts";
import {
  decodeAnswer,
  decodeExecAnswer,
  encodeExecRequest,
  errorFromAnswer,
  EXEC_STATUS,
  HEADERS,
  isRaw,
  JSON_TYPE,
  jsonCap,
  MAX_TIMEOUT_MS,
  parseIdentity,
  PING_STATUS,
  RAW_TYPE,
} from "./wire.ts";

/** One HTTP request as the two clients take it. */
interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

/** One HTTP answer whose body has not been read. */
interface HttpAnswer {
  readonly status: number;
  header(name: string): string | null;
  /** Reads the body; `undefined` when it has more than `cap` bytes, and then the connection is closed. */
  read(cap: number): Promise<Bytes | undefined>;
}

/** An HTTP client that keeps connections and never sends a request twice. */
interface HttpClient {
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/**
 * Opens the REST driver.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export async function openRestCaller(endpoint: Endpoint, options: DriverOptions): Promise<DriverCaller> {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "REST needs a TCP or Unix-socket endpoint");
  // On Deno `fetch` and `node:http` send a POST again when a reused connection closes unanswered (denoland/deno#35610); undici fails on Bun.
  const client = "bun" in process.versions ? openFetchClient(endpoint) : await openUndiciClient(endpoint);
  return new RestCaller(client, options);
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

  async exec(command: string, payload: Uint8Array = new Uint8Array(0), options: CallOptions = {}): Promise<Bytes> {
    const limit = this.#options.maxPayloadBytes;
    if (payload.length > limit) {
      const message = `The payload for "${command}" has ${payload.length} bytes, the limit is ${limit}; it was not sent`;
      throw this.#named(new PluginError("caller.too_large", message, { hint: TOO_LARGE_HINT }));
    }
    return await this.#guarded(options, async () => {
      const headers = this.#headers(options);
      const body = this.#bodyFor(command, payload, headers);
      const answer = await this.#client.send({ method: "POST", path: "/exec", headers, body, ...signalOf(options) });
      const raw = answer.status === EXEC_STATUS && isRaw(answer.header("content-type"));
      const bytes = await this.#read(answer, raw ? limit : jsonCap(limit));
      if (raw) return bytes;
      if (answer.status !== EXEC_STATUS) throw errorFromAnswer(answer.status, EXEC_STATUS, textFrom(bytes));
      const response = decodeExecAnswer(textFrom(bytes));
      if (response.length > limit) throw this.#answerTooLarge();
      return response;
    });
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
      if (answer.status !== PING_STATUS) throw errorFromAnswer(answer.status, PING_STATUS, text);
      const response = decodeAnswer(text);
      if (response !== "pong") {
        throw new PluginError("caller.bad_response", `The answer to ping is ${JSON.stringify(response)}, not "pong"`);
      }
      return answer;
    });
  }

  /** Sets what makes the body readable and gives it: raw where the plugin takes it and HTTP can carry the command's name in a header. */
  #bodyFor(command: string, payload: Uint8Array, headers: Record<string, string>): string | Uint8Array {
    if (this.#raw && PRINTABLE.test(command)) {
      headers["content-type"] = RAW_TYPE;
      headers[HEADERS.command] = command;
      return payload;
    }
    headers["content-type"] = JSON_TYPE;
    return encodeExecRequest(command, payload);
  }

  #headers(options: AttemptOptions): Record<string, string> {
    const headers: Record<string, string> = {
      [HEADERS.host]: this.#options.host,
      [HEADERS.requestId]: options.requestId ?? crypto.randomUUID(),
      [HEADERS.attempt]: String(options.attempt ?? 1),
      "accept-encoding": "identity",
    };
    const left = options.timeoutMs;
    if (left !== undefined && left <= MAX_TIMEOUT_MS) headers[HEADERS.timeoutMs] = String(Math.max(1, Math.floor(left)));
    if (options.traceparent !== undefined) headers[HEADERS.traceparent] = options.traceparent;
    if (this.#token !== undefined) headers[HEADERS.authorization] = `Bearer ${this.#token}`;
    return headers;
  }

  async #read(answer: HttpAnswer, cap: number): Promise<Bytes> {
    const bytes = await answer.read(cap);
    if (bytes === undefined) throw this.#answerTooLarge();
    return bytes;
  }

  #answerTooLarge(): PluginError {
    const message = `The answer has more than the limit of ${this.#options.maxPayloadBytes} bytes`;
    return new PluginError("caller.too_large", message, { hint: TOO_LARGE_HINT });
  }

  /** Runs one exchange and gives every failure its code. */
  async #guarded<T>(options: CallOptions, exchange: () => Promise<T>): Promise<T> {
    try {
      if (this.#closed) throw new PluginError("caller.refused", "The connection was closed; the call was not sent");
      return await exchange();
    } catch (error) {
      if (options.signal?.aborted === true) throw options.signal.reason;
      throw this.#named(isPluginError(error) ? error : errorFromHttp(error));
    }
  }

  #named(error: PluginError): PluginError {
    const { origin, hint, cause } = error;
    const named = { origin, plugin: this.#options.plugin, cause, ...(hint === undefined ? {} : { hint }) };
    return new PluginError(error.code, error.message, named);
  }
}

const TOO_LARGE_HINT = "Raise max_payload in the plugin's configuration, or send the data in parts";
const PRINTABLE = /^[\x21-\x7e]+$/;
/** Enough for the answer to ping, with room for keys of other frameworks. */
const PING_CAP = 64 * 1024;
const decoder = new TextDecoder();

/** Codes of the clients that say that no connection was made, so that no byte was sent. */
const REFUSED: readonly unknown[] = ["ECONNREFUSED", "ConnectionRefused", "FailedToOpenSocket", "ENOENT", "UND_ERR_CONNECT_TIMEOUT"];
/** Codes that say that what came was not HTTP. */
const NOT_HTTP = /^HPE_|^UND_ERR_(HEADERS_OVERFLOW|RES_CONTENT_LENGTH_MISMATCH|RESPONSE)|^(Malformed|Invalid)_?HTTP|^InvalidHTTP/i;

function errorFromHttp(error: unknown): PluginError {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  if (REFUSED.includes(code)) {
    return new PluginError("caller.refused", "It refused the connection; the call was not sent", { cause: error });
  }
  if (typeof code === "string" && NOT_HTTP.test(code)) {
    return new PluginError("caller.bad_response", `The answer is not HTTP: ${messageOf(error)}`, { cause: error });
  }
  const hint = 'The plugin may have run the call; send it again only when that does no harm (retry: "idempotent")';
  return new PluginError("caller.lost", `The connection ended before the answer was complete: ${messageOf(error)}`, { hint, cause: error });
}

function signalOf(options: CallOptions): { readonly signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}

function textFrom(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

async function openUndiciClient(endpoint: Exclude<Endpoint, { kind: "pipes" }>): Promise<HttpClient> {
  const { Pool } = await import("undici");
  // The call's own deadline bounds everything, so the client's timeouts are off.
  const timeouts = { headersTimeout: 0, bodyTimeout: 0 };
  const pool = endpoint.kind === "tcp"
    ? new Pool(endpoint.url.origin, timeouts)
    : new Pool("http://localhost", { ...timeouts, socketPath: endpoint.path });
  return {
    async send({ method, path, headers, body, signal }) {
      // undici would send a GET again by itself, hence idempotent: false.
      const { statusCode, headers: received, body: stream } = await pool.request({
        method,
        path,
        headers,
        idempotent: false,
        body: body ?? null,
        signal: signal ?? null,
      });
      return {
        status: statusCode,
        header: (name) => single(received[name]),
        read: async (cap) => {
          const length = Number(single(received["content-length"]) ?? Number.NaN);
          return length <= cap ? await stream.bytes() as Bytes : await readCapped(stream, length, cap);
        },
      };
    },
    close: () => pool.destroy(),
  };
}

function single(value: string | string[] | undefined): string | null {
  return Array.isArray(value) ? value.join(", ") : value ?? null;
}

function openFetchClient(endpoint: Exclude<Endpoint, { kind: "pipes" }>): HttpClient {
  const base = endpoint.kind === "tcp" ? endpoint.url.origin : "http://localhost";
  const ended = new AbortController();
  // `unix` and `timeout` are Bun's own options of fetch; its default timeout of five minutes would cut longer calls off.
  const bun = { timeout: false, ...(endpoint.kind === "unix" ? { unix: endpoint.path } : {}) };
  return {
    async send({ method, path, headers, body, signal }) {
      const either = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
      const init = { method, headers, body: body as BodyInit | undefined ?? null, signal: either, redirect: "manual" as const, ...bun };
      const answer = await fetch(base + path, init);
      return {
        status: answer.status,
        header: (name) => answer.headers.get(name),
        read: async (cap) => {
          if (answer.body === null) return new Uint8Array(0);
          return await readCapped(answer.body, Number(answer.headers.get("content-length") ?? Number.NaN), cap);
        },
      };
    },
    close: () => {
      ended.abort(new Error("The driver was closed"));
      return Promise.resolve();
    },
  };
}

/** Reads a body to its end; leaving the loop early destroys the stream and with it the connection. */
async function readCapped(body: AsyncIterable<Uint8Array>, length: number, cap: number): Promise<Bytes | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > cap || length > cap) return undefined;
    chunks.push(chunk);
  }
  return concatBytes(chunks, size);
}
