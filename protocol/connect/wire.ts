/**
 * Connect as both sides write it, where it differs from gRPC: content types, errors, and JSON in the seed's form, with hex in strings.
 * @module
 */
import type { Bytes } from "../caller.ts";
import { PluginError, refusal } from "../errors.ts";
import { ERROR_CODE, type RpcRefusal, type RpcStatus, STATUSES, statusFromCode } from "../grpc/wire.ts";
import { decodeHex } from "../hex.ts";

/** The content type of a body in protobuf's binary form, which is gRPC's message. */
export const PROTO_TYPE = "application/proto";
/** The content type of a body in JSON: `{"Command":"…","Payload":"<hex>"}`. */
export const JSON_TYPE = "application/json";
/** The content type of a stream, whose messages stand in envelopes as gRPC has them. */
export const STREAM_TYPE = "application/connect+proto";
/** The flag of the envelope in which a stream ends; in it is JSON, an error where there is one. */
export const END_FLAG = 2;
/** The header that carries the milliseconds left. */
export const TIMEOUT = "connect-timeout-ms";

/** Whether a content type names protobuf's binary form. */
export function isProto(contentType: string | null): boolean {
  return contentType === PROTO_TYPE || typeFrom(contentType) === PROTO_TYPE;
}

/** Whether a content type names a stream. */
export function isStream(contentType: string | null): boolean {
  return typeFrom(contentType) === STREAM_TYPE;
}

/** Whether a content type names the JSON form. */
export function isJson(contentType: string | null): boolean {
  return typeFrom(contentType) === JSON_TYPE;
}

function typeFrom(contentType: string | null): string | undefined {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase();
}

/**
 * Reads a call in JSON. What is absent is empty; a payload that is not hex is `undefined`.
 * @throws {PluginError} "exec.bad_request" when it is none.
 */
export function decodeJsonCall(text: string): { readonly command: string; readonly payload: Bytes | undefined } {
  const { Command: command = "", Payload: payload = "" } = parseObject(text) ?? { Command: null };
  if (typeof command === "string" && typeof payload === "string") return { command, payload: decodeHex(payload) };
  throw refusal("exec.bad_request", 'The body is no JSON object with the strings "Command" and "Payload"');
}

/** A right answer in JSON; `response` is "pong" or hex, which need no escapes, and as proto3 has it what is empty is not there. */
export function encodeJsonAnswer(response: string): string {
  return `{"Status":"success","Data":{${response === "" ? "" : `"Response":"${response}"`}}}`;
}

/** Connect's name of a status: `invalid_argument`. */
function nameOf(status: RpcStatus): string {
  return status.replace(/\B[A-Z]/g, "_$&").toLowerCase();
}

const STATUS_BY_NAME: ReadonlyMap<unknown, RpcStatus> = new Map(STATUSES.slice(1).map((status) => [nameOf(status), status]));

/** The HTTP statuses of Connect's, but for those that are 500. */
const HTTP_STATUSES: Readonly<Partial<Record<RpcStatus, number>>> = {
  Canceled: 499,
  InvalidArgument: 400,
  DeadlineExceeded: 504,
  NotFound: 404,
  PermissionDenied: 403,
  ResourceExhausted: 429,
  Unimplemented: 501,
  Unavailable: 503,
  Unauthenticated: 401,
};

/** The HTTP status of an error answer. */
export function httpStatusOf(status: RpcStatus): number {
  return HTTP_STATUSES[status] ?? 500;
}

/** The body of an error answer. */
export function encodeError(status: RpcStatus, message: string): string {
  return JSON.stringify({ code: nameOf(status), message });
}

/**
 * What an answer with another status than 200 says: the plugin's own refusal where it has Connect's form or a `code` of ours.
 * @throws {PluginError} "caller.bad_response" for anything else, the page of another server for example.
 */
export function refusalFrom(httpStatus: number, code: string | null, body: Uint8Array): RpcRefusal {
  const text = new TextDecoder().decode(body);
  const value = parseObject(text);
  const status = STATUS_BY_NAME.get(value?.["code"]);
  if (httpStatus >= 400 && (status !== undefined || code !== null)) {
    const message = value?.["message"];
    return { status: status ?? "Unknown", message: typeof message === "string" ? message : "", code };
  }
  const said = text.length <= 120 ? text : `${text.slice(0, 120)}…`;
  throw badResponse(`The answer's status is ${httpStatus}, not 200: ${said}`);
}

/** What a stream ends with. */
export function encodeEnd(error?: PluginError): string {
  if (error === undefined) return "{}";
  const { code, message } = error;
  return JSON.stringify({ error: { code: nameOf(statusFromCode(code)), message }, metadata: { [ERROR_CODE]: [code] } });
}

/**
 * Reads what a stream has ended with; `undefined` when it is well.
 * @throws {PluginError} "caller.bad_response" when it is no such message.
 */
export function decodeEnd(message: Uint8Array): RpcRefusal | undefined {
  const value = parseObject(new TextDecoder().decode(message));
  if (value === undefined) throw badResponse("The end of the stream is no JSON object");
  const { error, metadata } = value;
  if (error === undefined || error === null) return undefined;
  const { code, message: text } = error as { readonly code?: unknown; readonly message?: unknown };
  const own = typeof metadata === "object" && metadata !== null ? (metadata as Record<string, unknown>)[ERROR_CODE] : undefined;
  return {
    status: STATUS_BY_NAME.get(code) ?? "Unknown",
    message: typeof text === "string" ? text : "",
    code: Array.isArray(own) && typeof own[0] === "string" ? own[0] : null,
  };
}

/** An answer that is none of Connect's. */
export function badResponse(message: string): PluginError {
  const hint = "Something that does not speak Connect may listen there: compare comm_type in the plugin's configuration";
  return new PluginError("caller.bad_response", message, { hint });
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined; // What is not JSON says nothing.
  }
}
