/**
 * The service of plugin.proto: takes a call as gRPC or Connect has read it, gives what Ping and Exec answer.
 * @module
 */
import type { Bytes } from "../caller.ts";
import type { Cancellation } from "../dispatch.ts";
import { isPluginError, messageOf, type PluginError, refusal } from "../errors.ts";
import { checkPayload, type HeaderOf } from "../guard.ts";
import { HEADERS, requestFromHeaders } from "../headers.ts";
import { identityHeaders, type ServerOptions } from "../server.ts";
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
  const form = formFromHeader(call.header) ?? formFromDialect(options.dialect);
  const { command, payload } = decodeRequest(message) ?? {};
  if (command === undefined || payload === undefined) throw refusal("exec.bad_request", "The message is no ExecRequest of plugin.proto");
  const response = await runExec(options, call, { command, payload: decodePayload(payload, form) });
  return { headers: FORM_HEADERS[form], message: encodeAnswer(encodePayload(response, form), room) };
}

/** Runs one call. A payload that could not be decoded is refused only after the caller has shown that he may call. */
export function runExec(
  options: ServerOptions,
  { header, signal, timeoutMs }: RpcCall,
  { command, payload }: { readonly command: string; readonly payload: Bytes | undefined },
): Promise<Bytes> {
  const runner = options.admit(header);
  if (payload === undefined) throw refusal("exec.bad_request", NOT_HEX);
  checkPayload(payload, options);
  return runner.exec(requestFromHeaders(header, { command, payload, target: undefined, signal, timeoutMs }));
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
