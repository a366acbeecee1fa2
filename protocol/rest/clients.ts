/**
 * The two HTTP clients under the callers of REST and Connect: both keep connections and send no request twice.
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import process from "node:process";
import { concatBytes } from "../bytes.ts";
import type { Bytes } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";

/** Where HTTP can go. */
export type HttpEndpoint = Exclude<Endpoint, { kind: "pipes" }>;

/** One HTTP request as the two clients take it. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

/** One HTTP answer whose body has not been read. */
export interface HttpAnswer {
  readonly status: number;
  header(name: string): string | null;
  /** All headers. */
  headers(): Headers;
  /** Reads the body; `undefined` when it has more than `cap` bytes, and then the connection is closed. */
  read(cap: number): Promise<Bytes | undefined>;
  /** The body as it comes, which is read only as it is asked for; who leaves it closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** An HTTP client that keeps connections and never sends a request twice. */
export interface HttpClient {
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/**
 * Opens the client that sends each request once on this runtime: on Deno `fetch` and `node:http` send a POST again when a reused
 * connection closes unanswered (denoland/deno#35610); undici fails on Bun.
 */
export async function openHttpClient(endpoint: HttpEndpoint): Promise<HttpClient> {
  return "bun" in process.versions ? openNodeClient(endpoint) : await openUndiciClient(endpoint);
}

/** Loads that client while the first plugin starts, which takes as long; never rejects, since opening the driver tells what is wrong. */
export async function loadHttpClient(): Promise<void> {
  if (!("bun" in process.versions)) await import("undici").catch(() => {});
}

/** The client of Deno and Node. */
async function openUndiciClient(endpoint: HttpEndpoint): Promise<HttpClient> {
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
        headers: () => webHeaders(received),
        body: stream,
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

function webHeaders(received: Readonly<Record<string, string | string[] | undefined>>): Headers {
  return new Headers(Object.keys(received).map((name) => [name, single(received[name]) ?? ""]));
}

/** Bun's own `node:http`: unlike its `fetch` it sends a GET once too, closes idle connections with its agent, and knows no proxy. */
function openNodeClient(endpoint: HttpEndpoint): HttpClient {
  const agent = new Agent({ keepAlive: true });
  const open = new Set<ClientRequest>();
  const heard = new WeakSet<object>();
  const place = endpoint.kind === "unix"
    ? { socketPath: endpoint.path, headers: { host: "localhost" } }
    : { hostname: endpoint.url.hostname.replace(/^\[|\]$/g, ""), port: endpoint.url.port, headers: { host: endpoint.url.host } };
  return {
    async send({ method, path, headers, body, signal }) {
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const options = { ...place, agent, method, path, headers: { ...place.headers, ...headers, ...length }, ...(signal && { signal }) };
      const outgoing = request(options);
      open.add(outgoing);
      outgoing.once("close", () => open.delete(outgoing));
      // once() takes its own listener off at the response; a bad body in the same packet would then be an uncaught error.
      let broken: Error | undefined;
      outgoing.on("error", (error) => broken ??= error);
      // Nobody else hears of a socket whose request is given up when its answer has just been read to its end: a stream's may be.
      outgoing.once("socket", (socket) => {
        if (!heard.has(socket)) heard.add(socket.on("error", () => {}));
      });
      const [answer] = await once(outgoing.end(body), "response") as [IncomingMessage];
      answer.on("error", () => {});
      return {
        status: answer.statusCode ?? 0,
        header: (name) => single(answer.headers[name]),
        headers: () => webHeaders(answer.headers),
        body: answer,
        read: (cap) =>
          readCapped(answer, Number(answer.headers["content-length"] ?? Number.NaN), cap).catch((error) => {
            throw broken ?? error;
          }),
      };
    },
    close: () => {
      for (const outgoing of open) outgoing.destroy();
      agent.destroy();
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
