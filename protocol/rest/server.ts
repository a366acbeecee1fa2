/**
 * The plugin's half of REST: takes a plugin's dispatcher, gives a listening HTTP server. Connect is answered at the same port.
 * @module
 */
import process from "node:process";
import { type Context, Hono } from "hono";
import type { Bytes } from "../caller.ts";
import type { ConnectHandler } from "../connect/server.ts";
import type { DispatchRequest } from "../dispatch.ts";
import { isPluginError, messageOf, type PluginError, refusal } from "../errors.ts";
import { checkOrigin, checkPayload, type HeaderOf } from "../guard.ts";
import { HEADERS, requestFromHeaders, timeoutFromHeader } from "../headers.ts";
import { STREAM_PATH } from "../grpc/wire.ts";
import { identityHeaders, pathFromListen, type Runner, type Server, type ServerOptions } from "../server.ts";
import { removeStaleSocket } from "../socket_file.ts";
import { readBody, readJsonBody, streamFrom } from "./body.ts";
import { encodeStream, NDJSON_TYPE, STREAM_STATUS } from "./stream.ts";
import {
  decodeExecRequest,
  encodeAnswer,
  encodeError,
  encodeExecAnswer,
  EXEC_STATUS,
  isRaw,
  JSON_TYPE,
  jsonCap,
  PING_STATUS,
  RAW_TYPE,
  statusFromCode,
} from "./wire.ts";

/** How long answers that are on their way may take when the server closes. */
const FLUSH_MS = 250;

/**
 * Listens.
 * @throws the runtime's own error, with code `EADDRINUSE` for example, when it cannot.
 */
export async function openRestServer(options: ServerOptions): Promise<Server> {
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

/** What makes an answer: `Response`, or the server's own quicker class of the same shape. */
export type AnswerClass = new (
  body: Bytes | string,
  init: { readonly status: number; readonly headers: Record<string, string> },
) => Response;

/** The routes of the contract; `Answer` is the class of the right answers, since the web's own is slow on a Node server. */
export function createRestApp(options: ServerOptions, Answer: AnswerClass): Hono {
  const app = new Hono();
  // No middleware, and one handler for each request: with a second Hono takes its slow way, which on Node is a fifth of a small call here.
  const guarded = (answer: (c: Context) => Response | Promise<Response>) => (c: Context) => {
    checkOrigin((name) => c.req.header(name), options.listen);
    return answer(c);
  };
  const ping = async (c: Context) => {
    // Hono runs this for HEAD too, which could not carry the pong.
    if (c.req.method !== "GET") return errorResponse(notFound("HEAD /ping: ping is a GET"), 405);
    options.greet((name) => c.req.header(name));
    const headers = { "content-type": JSON_TYPE, ...await identityHeaders(c.req.header(HEADERS.nonce), options) };
    return new Answer(encodeAnswer("pong"), { status: PING_STATUS, headers });
  };
  const exec = (c: Context) => answerExec(c, options, Answer);
  const stream = (c: Context) => answerStream(c, options);
  const connect = guarded(connectRoute(options, Answer));
  app.get("/ping", guarded(ping));
  app.post("/exec", guarded(exec));
  app.post("/stream", guarded(stream));
  if (options.isHost === true) app.post("/plugins/:name/exec", guarded(exec)).post("/plugins/:name/stream", guarded(stream));
  app.all("/plugin.Plugin/*", connect);
  app.all(STREAM_PATH, connect);
  app.notFound(guarded(answerOther));
  app.onError((error) => errorResponse(isPluginError(error) ? error : refusal("exec.failed", messageOf(error))));
  return app;
}

/** Connect's own code is loaded by the first request for it, or before by who serves Connect: most REST plugins never need it. */
function connectRoute(options: ServerOptions, Answer: AnswerClass): (c: Context) => Promise<Response> {
  let handler: Promise<ConnectHandler> | undefined;
  return async (c) => {
    handler ??= import("../connect/server.ts").then(({ createConnectHandler }) => createConnectHandler(options, Answer));
    return await (await handler)(c.req.raw, c.req.path);
  };
}

/** Another method, or another path. */
function answerOther({ req: { method, path } }: Context): Response {
  if (path === "/ping") return errorResponse(notFound(`${method} /ping: ping is a GET`), 405);
  if (path === "/exec") return errorResponse(notFound(`${method} /exec: exec is a POST`), 405);
  if (path === "/stream") return errorResponse(notFound(`${method} /stream: stream is a POST`), 405);
  return errorResponse(notFound(`There is no ${path}; there are GET /ping, POST /exec and POST /stream`));
}

async function answerExec(c: Context, options: ServerOptions, Answer: AnswerClass): Promise<Response> {
  const { runner, request, raw } = await readRequest(c, options, c.req.raw.signal);
  const bytes = await runner.exec(request);
  const headers = { "content-type": raw ? RAW_TYPE : JSON_TYPE, ...lastHeaders(options) };
  return new Answer(raw ? bytes : encodeExecAnswer(bytes), { status: EXEC_STATUS, headers });
}

/** What fails before the first part has the status of its error. */
async function answerStream(c: Context, options: ServerOptions): Promise<Response> {
  const left = new AbortController();
  const { runner, request } = await readRequest(c, options, AbortSignal.any([c.req.raw.signal, left.signal]));
  const parts = runner.stream(request)[Symbol.asyncIterator]();
  const lines = encodeStream(await parts.next(), parts);
  const headers = { "content-type": NDJSON_TYPE, ...lastHeaders(options) };
  return new Response(streamFrom(lines, () => left.abort()), { status: STREAM_STATUS, headers });
}

/** A stopping server waits for its connections, so the last answer on each says that it is the last. */
function lastHeaders({ draining }: ServerOptions): Record<string, string> {
  return draining ? { connection: "close" } : {};
}

async function readRequest(c: Context, options: ServerOptions, signal: AbortSignal): Promise<ReadRequest> {
  const header: HeaderOf = (name) => c.req.header(name);
  const runner = options.admit(header);
  const raw = isRaw(c.req.header("content-type") ?? null);
  const call = await readCall(c, { raw, limit: options.maxPayloadBytes, runner });
  const timeoutMs = timeoutFromHeader(header(HEADERS.timeoutMs));
  return { runner, raw, request: requestFromHeaders(header, { ...call, target: c.req.param("name"), signal, timeoutMs }) };
}

interface ReadRequest {
  readonly runner: Runner;
  readonly raw: boolean;
  readonly request: DispatchRequest;
}

interface CallReader {
  readonly raw: boolean;
  readonly limit: number;
  readonly runner: Runner;
}

async function readCall(c: Context, { raw, limit, runner }: CallReader): Promise<{ command: string; payload: Bytes }> {
  try {
    return await (raw ? readRaw(c, limit) : readJson(c, limit));
  } catch (error) {
    if (isPluginError(error)) runner.refused?.(error);
    throw error;
  }
}

async function readRaw(c: Context, limit: number): Promise<{ command: string; payload: Bytes }> {
  const command = c.req.header(HEADERS.command);
  const payload = await readBody(c.req.raw, limit, limit);
  if (command === undefined) throw refusal("exec.bad_request", `A body of ${RAW_TYPE} needs the command in the header ${HEADERS.command}`);
  return { command, payload };
}

async function readJson(c: Context, limit: number): Promise<{ command: string; payload: Bytes }> {
  const { command, payload } = decodeExecRequest(await readJsonBody(c.req.raw, jsonCap(limit), limit));
  checkPayload(payload, { maxPayloadBytes: limit });
  return { command, payload };
}

function errorResponse(error: PluginError, status: number = statusFromCode(error.code)): Response {
  // What was refused may not have been read to its end, so the connection cannot be used again.
  const close: Record<string, string> = status === 413 ? { connection: "close" } : {};
  return new Response(encodeError(error), { status, headers: { "content-type": JSON_TYPE, ...close } });
}

function notFound(message: string): PluginError {
  return refusal("exec.not_found", message);
}
