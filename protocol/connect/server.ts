/**
 * The plugin's half of Connect: takes a plugin's dispatcher, gives the handler that REST's server mounts at `/plugin.Plugin/`.
 * @module
 */
import type { ServerRequest } from "srvx";
import type { Bytes } from "../caller.ts";
import { type PluginError, refusal } from "../errors.ts";
import { envelop, Envelope, PREFIX_BYTES } from "../grpc/envelope.ts";
import { answerExec, answerPing, answerStream, pingHeaders, refusalFrom, type RpcCall, runExec } from "../grpc/service.ts";
import { ERROR_CODE, EXEC_PATH, messageCap, PING_PATH, type RpcStatus, statusFromCode, STREAM_PATH } from "../grpc/wire.ts";
import { timeoutFromHeader } from "../headers.ts";
import { encodeHex } from "../hex.ts";
import { failedStream } from "../part_reader.ts";
import { readBody, streamFrom } from "../rest/body.ts";
import type { AnswerClass } from "../rest/server.ts";
import type { ServerOptions } from "../server.ts";
import {
  decodeJsonCall,
  encodeEnd,
  encodeError,
  encodeJsonAnswer,
  END_FLAG,
  httpStatusOf,
  isJson,
  isProto,
  isStream,
  JSON_TYPE,
  PROTO_TYPE,
  STREAM_TYPE,
  TIMEOUT,
} from "./wire.ts";

/** Answers a request to a path. */
export type ConnectHandler = (request: ServerRequest, path: string) => Promise<Response>;

/** Answers requests for Ping and Exec; `Answer` is the server's own class of answers. */
export function createConnectHandler(options: ServerOptions, Answer: AnswerClass): ConnectHandler {
  const cap = messageCap(options.maxPayloadBytes);
  return async (request, path) => {
    const type = request.headers.get("content-type");
    const json = isJson(type);
    if (path === STREAM_PATH) return await serveStream(options, request);
    if (path !== PING_PATH && path !== EXEC_PATH) return refused(refusal("exec.not_found", `There is no ${path}`), "Unimplemented", 404);
    if (request.method !== "POST") return new Response(null, { status: 405, headers: { allow: "POST", ...LAST } });
    if (!json && !isProto(type)) return new Response(null, { status: 415, headers: LAST });
    try {
      const body = await readBody(request, cap, options.maxPayloadBytes);
      requirePlain(request);
      const { headers, message } = await (json ? answerJson : answerProto)(options, callOf(request), path, body);
      return new Answer(message, { status: 200, headers: { "content-type": json ? JSON_TYPE : PROTO_TYPE, ...headers } });
    } catch (error) {
      return refused(refusalFrom(error));
    }
  };
}

interface Reply {
  readonly headers: Readonly<Record<string, string>>;
  readonly message: Bytes | string;
}

async function answerProto(options: ServerOptions, call: RpcCall, path: string, body: Bytes): Promise<Reply> {
  return await (path === PING_PATH ? answerPing(options, call.header, 0) : answerExec(options, call, body, 0));
}

/** The form of curl: payload and response are hex, whatever the dialect. */
async function answerJson(options: ServerOptions, call: RpcCall, path: string, body: Bytes): Promise<Reply> {
  if (path === PING_PATH) return { headers: await pingHeaders(options, call.header), message: encodeJsonAnswer("pong") };
  const response = await runExec(options, call, decodeJsonCall(new TextDecoder().decode(body)));
  return { headers: {}, message: encodeJsonAnswer(encodeHex(response)) };
}

function callOf({ headers, signal }: ServerRequest): RpcCall {
  const timeout = headers.get(TIMEOUT);
  return { header: (name) => headers.get(name), signal, timeoutMs: timeoutFromHeader(timeout === "0" ? "1" : timeout) };
}

/** As Connect has it, a stream that cannot begin is a right answer with an error at its end. */
async function serveStream(options: ServerOptions, request: ServerRequest): Promise<Response> {
  if (request.method !== "POST") return new Response(null, { status: 405, headers: { allow: "POST", ...LAST } });
  if (!isStream(request.headers.get("content-type"))) return new Response(null, { status: 415, headers: LAST });
  const left = new AbortController();
  const call = { ...callOf(request), signal: AbortSignal.any([request.signal, left.signal]) };
  let headers: Readonly<Record<string, string>> = {};
  let messages: AsyncIterable<Bytes>;
  try {
    ({ headers, messages } = answerStream(options, call, await readMessage(options, request)));
  } catch (error) {
    messages = failedStream(error);
    headers = LAST;
  }
  const chunks = encodeStream(messages);
  return new Response(streamFrom(chunks, () => left.abort()), { status: 200, headers: { "content-type": STREAM_TYPE, ...headers } });
}

async function readMessage({ maxPayloadBytes }: ServerOptions, request: ServerRequest): Promise<Bytes> {
  const cap = messageCap(maxPayloadBytes);
  const envelope = new Envelope(cap);
  envelope.add(await readBody(request, cap + PREFIX_BYTES, maxPayloadBytes));
  if (envelope.isWhole && !envelope.isCompressed) return envelope.message;
  throw refusal("exec.bad_request", "The body is not one whole message in an envelope");
}

async function* encodeStream(messages: AsyncIterable<Bytes>): AsyncGenerator<Bytes, void, void> {
  try {
    for await (const message of messages) yield envelop(message) as Bytes;
    yield endMessage();
  } catch (error) {
    yield endMessage(refusalFrom(error));
  }
}

function endMessage(error?: PluginError): Bytes {
  const text = new TextEncoder().encode(encodeEnd(error));
  const message = new Uint8Array(PREFIX_BYTES + text.length);
  message.set(text, PREFIX_BYTES);
  envelop(message);
  message[0] = END_FLAG;
  return message;
}

function requirePlain({ headers }: ServerRequest): void {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") throw refusal("exec.bad_request", `The body's encoding is ${encoding}; this plugin takes none`);
}

/** What may not have been read to its end is the last on its connection. */
const LAST = { connection: "close" };

function refused({ code, message }: PluginError, status: RpcStatus = statusFromCode(code), httpStatus = httpStatusOf(status)): Response {
  const last = httpStatus === 404 || code === "exec.too_large" ? LAST : {};
  const headers = { "content-type": JSON_TYPE, [ERROR_CODE]: code, ...last };
  return new Response(encodeError(status, message), { status: httpStatus, headers });
}
