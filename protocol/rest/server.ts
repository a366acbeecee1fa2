/**
 * The plugin's half of REST: takes a plugin's dispatcher, gives a listening HTTP server.
 * @module
 */
import { stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import process from "node:process";
import { type Context, Hono } from "hono";
import type { ServerRequest } from "srvx";
import { concatBytes } from "../bytes.ts";
import type { Bytes } from "../caller.ts";
import type { Dispatcher } from "../dispatch.ts";
import { isPluginError, messageOf, PluginError } from "../errors.ts";
import { encodeHex } from "../hex.ts";
import { proofFromToken } from "../proof.ts";
import { FEATURES } from "../reserved.ts";
import { checkHost, checkOrigin, checkToken } from "./guard.ts";
import {
  decodeExecRequest,
  encodeAnswer,
  encodeError,
  EXEC_STATUS,
  formatIdentity,
  HEADERS,
  isRaw,
  JSON_TYPE,
  jsonCap,
  MAX_TIMEOUT_MS,
  PING_STATUS,
  RAW_TYPE,
  statusFromCode,
} from "./wire.ts";

/** What the server needs to know beside the plugin itself. */
export interface RestServerOptions {
  /** Runs the calls. */
  readonly dispatcher: Dispatcher;
  /** The only hosts that may call; empty for every host. */
  readonly hosts: readonly string[];
  /** The launch's secret; without one every program of this machine may call. */
  readonly token: string | undefined;
  /** The largest payload, in bytes. */
  readonly maxPayloadBytes: number;
  /** The address to listen on, or `unix:/path`. */
  readonly listen: string;
  /** The port to listen on; 0 for any free one. Without meaning for a Unix socket. */
  readonly port: number;
}

/** A server that listens. */
export interface RestServer {
  /** Its address, for example `http://127.0.0.1:41234`. */
  readonly address: string;
  /** Stops listening and closes every connection; answers that are being written get a moment to leave. */
  close(): Promise<void>;
}

/** How long a refused body is read on, so that the client sees the answer instead of a reset connection. */
const DRAIN_MS = 1000;
/** How long answers that are on their way may take when the server closes. */
const FLUSH_MS = 250;

/**
 * Listens.
 * @throws the runtime's own error, with code `EADDRINUSE` for example, when it cannot.
 */
export async function openRestServer(options: RestServerOptions): Promise<RestServer> {
  // Deno's own server does not report a closed connection once the body was read, so that cancel would not reach a handler.
  const { serve, FastResponse } = "deno" in process.versions ? await import("srvx/node") : await import("srvx");
  const app = createRestApp(options, FastResponse);
  const path = pathFromListen(options.listen);
  if (path !== undefined) await removeStaleSocket(path);
  const server = await serve({
    fetch: (request) => app.fetch(request),
    ...(path === undefined ? { hostname: options.listen, port: options.port } : {}),
    silent: true,
    gracefulShutdown: false,
    // The host decides how long it keeps a connection; one closed under a call would be a call lost.
    node: { keepAliveTimeout: 0, ...(path === undefined ? {} : { path }) },
    // The limit is ours to keep: Bun's own refusal has no JSON in it. What nobody reads it does not keep in memory.
    bun: { idleTimeout: 0, maxRequestBodySize: Number.MAX_SAFE_INTEGER, ...(path === undefined ? {} : { unix: path }) },
  }).ready();
  return {
    address: path === undefined ? new URL(server.url ?? "").origin : options.listen,
    async close() {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const flushed = new Promise<void>((resolve) => timer = setTimeout(resolve, FLUSH_MS));
      await Promise.race([server.close(false), flushed]);
      clearTimeout(timer);
      await server.close(true);
    },
  };
}

function pathFromListen(listen: string): string | undefined {
  return listen.startsWith("unix:") ? listen.slice("unix:".length) : undefined;
}

/** Removes the socket file that a killed program left; one on which somebody listens stays, so that listening fails. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isSocket() !== true) return;
  const isStale = await new Promise<boolean>((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(false)).once("error", () => resolve(true)).once("connect", () => socket.destroy());
  });
  if (isStale) await unlink(path);
}

/** What makes an answer: `Response`, or the server's own quicker class of the same shape. */
export type AnswerClass = new (
  body: Bytes | string,
  init: { readonly status: number; readonly headers: Record<string, string> },
) => Response;

/** The routes of the contract; `Answer` is the class of the right answers, since the web's own is slow on a Node server. */
export function createRestApp(options: RestServerOptions, Answer: AnswerClass): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    checkOrigin(c, options);
    await next();
  });
  app.get("/ping", async (c) => {
    // Hono runs this for HEAD too, which could not carry the pong.
    if (c.req.method !== "GET") return errorResponse(notFound("HEAD /ping: ping is a GET"), 405);
    checkHost(c, options);
    return new Answer(encodeAnswer("pong"), { status: PING_STATUS, headers: await pingHeaders(c, options.token) });
  });
  app.post("/exec", async (c) => {
    checkToken(c, options);
    checkHost(c, options);
    return await answerExec(c, options, Answer);
  });
  app.all("/ping", (c) => errorResponse(notFound(`${c.req.method} /ping: ping is a GET`), 405));
  app.all("/exec", (c) => errorResponse(notFound(`${c.req.method} /exec: exec is a POST`), 405));
  app.notFound((c) => errorResponse(notFound(`There is no ${c.req.path}; there are GET /ping and POST /exec`)));
  app.onError((error) => errorResponse(isPluginError(error) ? error : refusal("exec.failed", messageOf(error))));
  return app;
}

async function answerExec(c: Context, options: RestServerOptions, Answer: AnswerClass): Promise<Response> {
  const raw = isRaw(c.req.header("content-type") ?? null);
  const { command, payload } = raw ? await readRaw(c, options.maxPayloadBytes) : await readJson(c, options.maxPayloadBytes);
  const bytes = await options.dispatcher.exec({
    command,
    payload,
    requestId: c.req.header(HEADERS.requestId) ?? crypto.randomUUID(),
    from: c.req.header(HEADERS.host) ?? "",
    signal: c.req.raw.signal,
    timeoutMs: timeoutFromHeader(c.req.header(HEADERS.timeoutMs)),
  });
  const type = raw ? RAW_TYPE : JSON_TYPE;
  // A stopping server waits for its connections, so the last answer on each says that it is the last.
  const last: Record<string, string> = options.dispatcher.draining ? { connection: "close" } : {};
  return new Answer(raw ? bytes : encodeAnswer(encodeHex(bytes)), { status: EXEC_STATUS, headers: { "content-type": type, ...last } });
}

async function readRaw(c: Context, limit: number): Promise<{ command: string; payload: Bytes }> {
  const command = c.req.header(HEADERS.command);
  const payload = await readBody(c.req.raw, limit, limit);
  if (command === undefined) throw refusal("exec.bad_request", `A body of ${RAW_TYPE} needs the command in the header ${HEADERS.command}`);
  return { command, payload };
}

async function readJson(c: Context, limit: number): Promise<{ command: string; payload: Bytes }> {
  const body = await readBody(c.req.raw, jsonCap(limit), limit);
  const { command, payload } = decodeExecRequest(new TextDecoder().decode(body));
  if (payload.length > limit) throw tooLarge(limit);
  return { command, payload };
}

/** Reads a body of at most `cap` bytes; a larger one is drained for a while and refused. */
async function readBody(request: ServerRequest, cap: number, limit: number): Promise<Bytes> {
  const length = Number(request.headers.get("content-length") ?? Number.NaN);
  const node = request.runtime?.node?.req;
  if (node === undefined && length <= cap) return new Uint8Array(await request.arrayBuffer());
  // Around a Node request a web stream costs more than the rest of a small call.
  const body = (node ?? request.body)?.[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> | undefined;
  if (length > cap) {
    // Before the first byte: a client that waits for the answer, or stalls, must not hold the call open.
    await drain(body, 2 * cap);
    throw tooLarge(limit);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let part = await body?.next(); part !== undefined && part.done !== true; part = await body?.next()) {
    size += part.value.length;
    if (size > cap) {
      await drain(body, 2 * cap - size);
      throw tooLarge(limit);
    }
    chunks.push(part.value);
  }
  return concatBytes(chunks, size);
}

async function drain(body: AsyncIterator<Uint8Array> | undefined, most: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), DRAIN_MS));
  try {
    for (let left = most; left > 0;) {
      const part = await Promise.race([body?.next(), late]);
      if (part === undefined || part.done === true) return;
      left -= part.value.length;
    }
  } finally {
    clearTimeout(timer);
  }
}

function timeoutFromHeader(value: string | undefined): number | undefined {
  const timeoutMs = Number(value);
  return Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS ? timeoutMs : undefined;
}

async function pingHeaders(c: Context, token: string | undefined): Promise<Record<string, string>> {
  const headers: Record<string, string> = { "content-type": JSON_TYPE, [HEADERS.polyplug]: formatIdentity(FEATURES) };
  const nonce = c.req.header(HEADERS.nonce);
  if (nonce !== undefined && token !== undefined) headers[HEADERS.proof] = await proofFromToken(token, nonce);
  return headers;
}

function errorResponse(error: PluginError, status: number = statusFromCode(error.code)): Response {
  // What was refused may not have been read to its end, so the connection cannot be used again.
  const close: Record<string, string> = status === 413 ? { connection: "close" } : {};
  return new Response(encodeError(error), { status, headers: { "content-type": JSON_TYPE, ...close } });
}

function tooLarge(limit: number): PluginError {
  return refusal("exec.too_large", `The payload has more than the limit of ${limit} bytes`);
}

function notFound(message: string): PluginError {
  return refusal("exec.not_found", message);
}

function refusal(code: string, message: string): PluginError {
  return new PluginError(code, message, { origin: "plugin" });
}
