/**
 * REST as both sides write it: content types, JSON shapes, statuses.
 * @module
 */
import type { Bytes } from "../caller.ts";
import { PluginError } from "../errors.ts";
import { decodeHex, encodeHex } from "../hex.ts";
import { HexBody, type JsonText, LONG_BYTES } from "./long_hex.ts";
import { errorFromPeer, isHostCode, type Peer } from "../peer_error.ts";

/** The content type of the JSON form. */
export const JSON_TYPE = "application/json";
/** The content type of the raw form. */
export const RAW_TYPE = "application/octet-stream";
/** The status of a right answer to exec; goplugin's hosts accept no other. */
export const EXEC_STATUS = 202;
/** The status of a right answer to ping. */
export const PING_STATUS = 200;

/** The most bytes a JSON body may have: the payload in hex, and room for the rest. */
export function jsonCap(maxPayloadBytes: number): number {
  return 2 * maxPayloadBytes + 64 * 1024;
}

/** Whether a content type names the raw form. */
export function isRaw(contentType: string | null): boolean {
  return contentType !== null && contentType.split(";", 1)[0]?.trim().toLowerCase() === RAW_TYPE;
}

/** The body of a call in the JSON form. */
export function encodeExecRequest(command: string, payload: Uint8Array): string {
  return `${beforePayload(command)}${encodeHex(payload)}"}`;
}

/** The same for a long payload. */
export function longExecRequest(command: string, payload: Uint8Array): HexBody {
  return new HexBody(beforePayload(command), payload, '"}');
}

function beforePayload(command: string): string {
  return `{"command":${JSON.stringify(command)},"payload":"`;
}

/**
 * Reads the body of a call.
 * @throws {PluginError} "exec.bad_request" when it is not JSON, a key is missing, or the payload is not hex.
 */
export function decodeExecRequest(body: string | JsonText): { readonly command: string; readonly payload: Bytes } {
  const { text, readHex } = jsonText(body);
  const value = parseJson(text);
  if (!isRecord(value)) throw badRequest("The body is not a JSON object");
  const { command, payload } = value;
  if (typeof command !== "string") throw badRequest('The body has no "command" string');
  if (typeof payload !== "string") throw badRequest('The body has no "payload" string');
  const bytes = readHex(payload);
  if (bytes === undefined) throw badRequest('"payload" is not hex: an even number of the digits 0-9, a-f');
  return { command, payload: bytes };
}

/** The body of a right answer in the JSON form; `response` is "pong" or hex, which need no escapes. */
export function encodeAnswer(response: string): string {
  return `{"status":"success","data":{"response":"${response}"}}`;
}

/** The body of a right answer to exec; bytes when it is long. */
export function encodeExecAnswer(response: Uint8Array): string | Bytes {
  if (response.length < LONG_BYTES) return encodeAnswer(encodeHex(response));
  return new HexBody('{"status":"success","data":{"response":"', response, '"}}').bytes();
}

/**
 * Reads the response of a right answer; keys in any case and an absent or empty status pass, as with goplugin.
 * @throws {PluginError} "caller.bad_response" when the answer is something else.
 */
export function decodeAnswer(text: string): string {
  const value = parseJson(text);
  if (!isRecord(value)) throw badResponse(`The answer is not a JSON object: ${excerpt(text)}`);
  const status = field(value, "status");
  if (status !== undefined && status !== null && status !== "" && status !== "success") {
    throw badResponse(`The answer's status is ${excerpt(JSON.stringify(status))}, not "success"`);
  }
  const data = field(value, "data");
  const response = isRecord(data) ? field(data, "response") : undefined;
  if (typeof response !== "string") throw badResponse(`The answer has no "data.response" string: ${excerpt(text)}`);
  return response;
}

/**
 * Reads the bytes of a right answer to exec.
 * @throws {PluginError} "caller.bad_response" when the answer is malformed or its response is not hex.
 */
export function decodeExecAnswer(body: string | JsonText): Bytes {
  const { text, readHex } = jsonText(body);
  const response = decodeAnswer(text);
  const bytes = readHex(response);
  if (bytes === undefined) throw badResponse(`The answer's response is not hex: ${excerpt(response)}`);
  return bytes;
}

function jsonText(body: string | JsonText): JsonText {
  return typeof body === "string" ? { text: body, readHex: decodeHex } : body;
}

/** The body of an error answer. */
export function encodeError(error: PluginError): string {
  return JSON.stringify({ status: "error", data: null, message: error.message, code: error.code });
}

const STATUS_BY_CODE: ReadonlyMap<string, number> = new Map([
  ["exec.unknown_command", 400],
  ["exec.bad_request", 400],
  ["exec.unauthenticated", 401],
  ["exec.forbidden", 403],
  ["exec.not_granted", 403],
  ["exec.not_found", 404],
  ["exec.too_large", 413],
  ["exec.invalid_input", 422],
  ["exec.unavailable", 503],
  ["exec.timeout", 504],
]);

/** The HTTP status of an error answer; a handler's own code is a 500, one of a host's stages a 503. */
export function statusFromCode(code: string): number {
  return STATUS_BY_CODE.get(code) ?? (isHostCode(code) ? 503 : 500);
}

const CODE_BY_STATUS: ReadonlyMap<number, string> = new Map([
  [400, "exec.bad_request"],
  [401, "exec.unauthenticated"],
  [403, "exec.forbidden"],
  [404, "exec.not_found"],
  [405, "exec.not_found"],
  [413, "exec.too_large"],
  [422, "exec.invalid_input"],
  [504, "exec.timeout"],
]);

/** An answer that is not the right one. */
export interface UnexpectedAnswer {
  readonly status: number;
  readonly expected: number;
  readonly text: string;
}

/**
 * The error that an answer with an unexpected status stands for. Plugins that know nothing of `code` get one by status; a 503 without one
 * stays `exec.failed`, since `exec.unavailable` promises that the call was not run.
 */
export function errorFromAnswer({ status, expected, text }: UnexpectedAnswer, peer: Peer): PluginError {
  if (status < 400) {
    const hint = `A right answer has the status ${expected}`;
    return new PluginError("caller.bad_response", `The answer's status is ${status}, not ${expected}`, { hint });
  }
  const value = parseJson(text);
  const code = isRecord(value) ? field(value, "code") : undefined;
  const message = isRecord(value) ? field(value, "message") : undefined;
  return errorFromPeer(
    typeof code !== "string" || code === "" ? CODE_BY_STATUS.get(status) ?? "exec.failed" : code,
    typeof message === "string" ? message : `It answered with the status ${status}: ${excerpt(text)}`,
    peer,
  );
}

function badRequest(message: string): PluginError {
  return new PluginError("exec.bad_request", message, { origin: "plugin" });
}

function badResponse(message: string): PluginError {
  return new PluginError("caller.bad_response", message);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // JSON has no undefined, so the callers see that it was none.
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value under a key in any case; the exact spelling wins. */
function field(record: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(record, name)) return record[name];
  const key = Object.keys(record).find((candidate) => candidate.toLowerCase() === name);
  return key === undefined ? undefined : record[key];
}

function excerpt(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 120)}…`;
}
