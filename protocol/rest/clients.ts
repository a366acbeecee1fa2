/**
 * The two HTTP clients under the callers of REST and Connect: both keep connections and send no request twice.
 * @module
 */
import { Buffer } from "node:buffer";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import process from "node:process";
import { Readable } from "node:stream";
import { Chunks, type Sink } from "../bytes.ts";
import type { Bytes } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { HexBody } from "./long_hex.ts";

/** Where HTTP can go. */
export type HttpEndpoint = Exclude<Endpoint, { kind: "pipes" }>;

/** One HTTP request as the two clients take it. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: HttpBody;
  readonly signal?: AbortSignal;
}

/** A body, or what gives it piece by piece. */
export type HttpBody = string | Uint8Array | HexBody;

/** One HTTP answer whose body has not been read. */
export interface HttpAnswer {
  readonly status: number;
  header(name: string): string | null;
  /** All headers. */
  headers(): Headers;
  /** Reads the body; `undefined` when it has more than `cap` bytes, and then the connection is closed. */
  read(cap: number): Promise<Bytes | undefined>;
  /** What the body is said to have, `NaN` when nothing is said. */
  readonly length: number;
  /** Hands on the body's chunks; `false` when it has more than `cap` bytes, and then the connection is closed. */
  readInto(sink: Sink, cap: number): Promise<boolean>;
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
        headers: body instanceof HexBody ? { ...headers, "content-length": String(body.length) } : headers,
        idempotent: false,
        body: body instanceof HexBody ? Readable.from(body.pieces()) : body ?? null,
        signal: signal ?? null,
      });
      const length = Number(single(received["content-length"]) ?? Number.NaN);
      return {
        status: statusCode,
        length,
        header: (name) => single(received[name]),
        headers: () => webHeaders(received),
        read: async (cap) => length <= cap ? await stream.bytes() as Bytes : await readCapped(stream, length, cap),
        readInto: (sink, cap) => readAll(stream, sink, { length, cap }),
        body: stream,
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
      const said = body === undefined ? {} : { "content-length": String(lengthOf(body)) };
      const options = { ...place, agent, method, path, headers: { ...place.headers, ...headers, ...said }, ...(signal && { signal }) };
      const outgoing = request(options);
      open.add(outgoing);
      outgoing.once("close", () => open.delete(outgoing));
      // Whatever happens has a listener: a bad body may come in the response's own packet.
      let broken: Error | undefined;
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        outgoing.on("response", resolve);
        outgoing.on("error", (error) => reject(broken ??= error));
      });
      // Nobody else hears of a socket whose request is given up when its answer has just been read to its end: a stream's may be.
      outgoing.once("socket", (socket) => {
        if (!heard.has(socket)) heard.add(socket.on("error", () => {}));
      });
      if (body instanceof HexBody) Readable.from(body.pieces()).pipe(outgoing);
      else outgoing.end(body);
      const answer = await answered;
      answer.on("error", () => {});
      const length = Number(answer.headers["content-length"] ?? Number.NaN);
      const tell = (error: unknown) => {
        throw broken ?? error;
      };
      return {
        status: answer.statusCode ?? 0,
        length,
        header: (name) => single(answer.headers[name]),
        headers: () => webHeaders(answer.headers),
        read: (cap) => readCapped(answer, length, cap).catch(tell),
        readInto: (sink, cap) => readAll(answer, sink, { length, cap }).catch(tell),
        body: answer,
      };
    },
    close: () => {
      for (const outgoing of open) outgoing.destroy();
      agent.destroy();
      return Promise.resolve();
    },
  };
}

function lengthOf(body: HttpBody): number {
  return body instanceof HexBody ? body.length : Buffer.byteLength(body);
}

async function readCapped(body: Readable, length: number, cap: number): Promise<Bytes | undefined> {
  const chunks = new Chunks();
  return await readAll(body, chunks, { length, cap }) ? chunks.bytes() : undefined;
}

/** Reads a body to its end, by events: a loop over the stream costs as much again as the rest of a small call on Bun. */
async function readAll(body: Readable, sink: Sink, { length, cap }: { length: number; cap: number }): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    let size = 0;
    let isWhole = false;
    const refuse = () => {
      resolve(false);
      body.destroy();
    };
    body.on("error", reject);
    if (length > cap) return refuse();
    body.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size > cap) refuse();
      else sink.push(chunk);
    });
    body.on("end", () => resolve(isWhole = true));
    body.on("close", () => {
      if (!isWhole) reject(new Error("The connection closed"));
    });
  });
}
