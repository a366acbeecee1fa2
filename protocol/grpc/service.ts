/**
 * The service of plugin.proto: takes a call as gRPC or Connect has read it, gives what Ping and Exec answer.
 * @module
 */
import type { Bytes } from "../caller.ts";
import type { Cancellation, DispatchRequest } from "../dispatch.ts";
import { isPluginError, messageOf, type PluginError, refusal } from "../errors.ts";
import { checkPayload, type HeaderOf } from "../guard.ts";
import { HEADERS, requestFromHeaders } from "../headers.ts";
import { identityHeaders, type Runner, type ServerOptions } from "../server.ts";
import { PREFIX_BYTES } from "./envelope.ts";
import { decodeRequest, encodeAnswer } from "./message.ts";
import { decodePayload, encodePayload, formFromDialect, PAYLOAD, type PayloadForm } from "./wire.ts";

/** What a call has beside its message. */
export interface RpcCall {
  readonly header: HeaderOf;
  readonly signal: Cancellation;
  /** Milliseconds the caller will still wait. */
  readonly timeoutMs: number | undefined;
}

/** A right answer. */
export interface RpcReply {
  readonly headers: Readonly<Record<string, string>>;
  readonly message: Bytes;
}

/** The headers of the answer to a ping, beside its "pong". */
export async function pingHeaders(options: ServerOptions, header: HeaderOf): Promise<Record<string, string>> {
  options.greet(header);
  return await identityHeaders(header(HEADERS.nonce) ?? undefined, options);
}

/** Answers Ping with a message, and room before it. */
export async function answerPing(options: ServerOptions, header: HeaderOf, room: number): Promise<RpcReply> {
  return { headers: await pingHeaders(options, header), message: encodeAnswer(PONG, room) };
}

/** Answers Exec with a message: its payload has the form that the caller names, else that of the plugin's dialect, and so has the answer. */
export async function answerExec(options: ServerOptions, call: RpcCall, message: Bytes, room: number): Promise<RpcReply> {
  const form = formOf(options, call);
  const response = await runExec(options, call, readRequest(message, form));
  return { headers: FORM_HEADERS[form], message: encodeAnswer(encodePayload(response, form), room) };
}

/** A right answer to Stream. */
export interface RpcStreamReply {
  readonly headers: Readonly<Record<string, string>>;
  /** With room for an envelope before each; made as they are asked for. */
  readonly messages: AsyncIterable<Bytes>;
}

/** Answers Stream with messages; what fails, fails when they are asked for. */
export function answerStream(options: ServerOptions, call: RpcCall, message: Bytes): RpcStreamReply {
  const form = formOf(options, call);
  const { runner, request } = admit(options, call, readRequest(message, form));
  return { headers: FORM_HEADERS[form], messages: encodeParts(runner.stream(request), form) };
}

async function* encodeParts(parts: AsyncIterable<Bytes>, form: PayloadForm): AsyncGenerator<Bytes, void, void> {
  for await (const part of parts) yield encodeAnswer(encodePayload(part, form), PREFIX_BYTES);
}

function formOf(options: ServerOptions, { header }: RpcCall): PayloadForm {
  return formFromHeader(header) ?? formFromDialect(options.dialect);
}

function readRequest(message: Bytes, form: PayloadForm): ReadRequest {
  const { command, payload } = decodeRequest(message) ?? {};
  if (command === undefined || payload === undefined) throw refusal("exec.bad_request", "The message is no ExecRequest of plugin.proto");
  return { command, payload: decodePayload(payload, form) };
}

interface ReadRequest {
  readonly command: string;
  /** `undefined` when it could not be decoded. */
  readonly payload: Bytes | undefined;
}

/** Runs one call. A payload that could not be decoded is refused only after the caller has shown that he may call. */
export function runExec(options: ServerOptions, call: RpcCall, read: ReadRequest): Promise<Bytes> {
  const { runner, request } = admit(options, call, read);
  return runner.exec(request);
}

function admit(options: ServerOptions, { header, signal, timeoutMs }: RpcCall, { command, payload }: ReadRequest): Admitted {
  const runner = options.admit(header);
  if (payload === undefined) throw refusal("exec.bad_request", NOT_HEX);
  checkPayload(payload, options);
  return { runner, request: requestFromHeaders(header, { command, payload, target: undefined, signal, timeoutMs }) };
}

interface Admitted {
  readonly runner: Runner;
  readonly request: DispatchRequest;
}

/** Any failure as it may cross the wire: nothing of a stack. */
export function refusalFrom(error: unknown): PluginError {
  return isPluginError(error) ? error : refusal("exec.failed", messageOf(error));
}

function formFromHeader(header: HeaderOf): PayloadForm | undefined {
  const said = header(PAYLOAD) ?? undefined;
  if (said === undefined || said === "raw" || said === "hex") return said;
  throw refusal("exec.bad_request", `The metadata ${PAYLOAD} is "${said}", neither raw nor hex`);
}

const PONG = new TextEncoder().encode("pong");
const FORM_HEADERS = { raw: { [PAYLOAD]: "raw" }, hex: { [PAYLOAD]: "hex" } } as const;
const NOT_HEX = "The payload is not hex: an even number of the digits 0-9, a-f; raw bytes need the metadata x-payload: raw, " +
  "or a plugin that was started with --dialect goplugin-1";
