/**
 * The wire of stdio: JSON-RPC 2.0, one object a line, the same in both directions. Gives the lines to be written and reads those that came.
 *
 * `ping` → `{"response":"pong",…}`, `exec` with `{"command","payload","plugin"?,"meta"?}` → `{"response":"<hex>"}`, `$/cancel {id}`.
 * `stream` as `exec` → `$/part {id,part}` each, for which `$/more {id,count}` gives credit, then `{"end":true}`.
 * What HTTP says in headers stands in `meta`, by the same names.
 * @module
 */
import type { AttemptOptions, Bytes, Identity } from "../caller.ts";
import { requirePong } from "../call_error.ts";
import { PluginError } from "../errors.ts";
import type { HeaderOf } from "../guard.ts";
import { callHeaders, HEADERS, wholeTimeoutMs } from "../headers.ts";
import { decodeHex, encodeHex } from "../hex.ts";
import { PROTOCOL_VERSION } from "../reserved.ts";

/** The methods; those with a `$/` ask for no answer. */
export const METHODS = {
  ping: "ping",
  exec: "exec",
  stream: "stream",
  cancel: "$/cancel",
  part: "$/part",
  more: "$/more",
} as const;

/** What stands for `x-timeout-ms` in `meta`. */
const TIMEOUT = "timeout_ms";
/** The room for what stands around a payload. */
const AROUND_BYTES = 64 * 1024;
/** The most of an error's message that crosses. */
const MESSAGE_CHARACTERS = 16 * 1024;

/** The longest line that is read: hex doubles a payload. */
export function lineCap(maxPayloadBytes: number): number {
  return 2 * maxPayloadBytes + AROUND_BYTES;
}

/** What names a call; each side has its own, and gives back the other's as it is. */
export type Id = number | string;

/** An object of JSON-RPC, its members not yet looked at. */
export interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Reads a line; `undefined` when it is no object of JSON-RPC 2.0. */
export function readMessage(line: string): Message | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isObject(value) && value["jsonrpc"] === "2.0" ? value : undefined;
}

/** Whether a value can name a call. */
export function isId(value: unknown): value is Id {
  return typeof value === "string" || typeof value === "number";
}

/** Whether a value is an object and no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What can be told of a line that was too long. */
export interface Edges {
  readonly id: Id;
  /** Whether it asked for something, answered, or was a part of a stream. */
  readonly kind: "call" | "answer" | "part";
}

/** Finds the id in the first or last characters of a line; most libraries write it near the one or the other. */
export function readEdges(head: string, tail: string): Edges | undefined {
  if (PART.test(head) || PART.test(tail)) {
    const found = ID_OF_PART.exec(head)?.[1] ?? ID_OF_PART.exec(tail)?.[1];
    return found === undefined ? undefined : { id: JSON.parse(found), kind: "part" };
  }
  const found = ID.exec(head)?.[1] ?? ID_AT_END.exec(tail)?.[1];
  if (found === undefined) return undefined;
  const isCall = /"method"\s*:\s*"/.test(head) || /"method"\s*:\s*"[^"\\]*"[^"]*$/.test(tail);
  return { id: JSON.parse(found), kind: isCall ? "call" : "answer" };
}

/** There the id stands among the params; hex, which is all that is long in it, has no quotes. */
const PART = /"method"\s*:\s*"\$\\?\/part"/;
const ID_OF_PART = /"id"\s*:\s*(\d{1,15}|"[^"\\]{0,64}")\s*[,}]/;

const ID = /^\s*\{[^{]*?"id"\s*:\s*(\d{1,15}|"[^"\\]{0,64}")\s*[,}]/;
const ID_AT_END = /"id"\s*:\s*(\d{1,15}|"[^"\\]{0,64}")[^{}]*\}\s*$/;

/** A ping. */
export function pingLine(id: number, host: string): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"ping","params":{"meta":${JSON.stringify({ [HEADERS.host]: host })}}}\n`;
}

/** One call as it is written. */
export interface OutgoingCall {
  readonly method: "exec" | "stream";
  readonly command: string;
  readonly payload: Uint8Array;
  /** The name of who calls. */
  readonly host: string;
  readonly options: AttemptOptions;
}

/** A call. Hex needs no escapes, so that only what surrounds it goes through JSON. */
export function callLine(id: number, { method, command, payload, host, options }: OutgoingCall): string {
  const { target } = options;
  const plugin = target === undefined ? "" : `"plugin":${JSON.stringify(target)},`;
  const timeoutMs = wholeTimeoutMs(options.timeoutMs);
  const timeout = timeoutMs === undefined ? "" : `,"${TIMEOUT}":${timeoutMs}`;
  const headers = callHeaders(host, undefined, options);
  let meta = "";
  // Piece by piece: to write an object costs twice as much.
  for (const name in headers) meta += `${meta === "" ? "" : ","}"${name}":${JSON.stringify(headers[name])}`;
  const before = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"command":${JSON.stringify(command)},${plugin}`;
  return `${before}"payload":"${encodeHex(payload)}","meta":{${meta}${timeout}}}}\n`;
}

/** Nobody waits for a call any more. */
export function cancelLine(id: number): string {
  return `{"jsonrpc":"2.0","method":"$/cancel","params":{"id":${id}}}\n`;
}

/** So many parts more of a stream may be sent. */
export function moreLine(id: number, count: number): string {
  return `{"jsonrpc":"2.0","method":"$/more","params":{"id":${id},"count":${count}}}\n`;
}

/** A part of a stream. */
export function partLine(id: Id, part: Uint8Array): string {
  return `{"jsonrpc":"2.0","method":"$/part","params":{"id":${JSON.stringify(id)},"part":"${encodeHex(part)}"}}\n`;
}

/** The answer to a call for a stream, after its parts. */
export function endLine(id: Id): string {
  return resultLine(id, '{"end":true}');
}

/** The answer to a ping. */
export function pongLine(id: Id, features: readonly string[]): string {
  return resultLine(id, JSON.stringify({ response: "pong", polyplug: PROTOCOL_VERSION, features }));
}

/** The answer to a call. */
export function responseLine(id: Id, response: Uint8Array): string {
  return resultLine(id, `{"response":"${encodeHex(response)}"}`);
}

function resultLine(id: Id, result: string): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}\n`;
}

/** What is answered in place of a result. */
export function errorLine(id: Id, { code, message }: Pick<PluginError, "code" | "message">): string {
  const error = { code: NUMBERS.get(code) ?? OTHER_ERROR, message: message.slice(0, MESSAGE_CHARACTERS), data: { code } };
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${JSON.stringify(error)}}\n`;
}

/** JSON-RPC's own numbers; its other errors have none that fits. */
const NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ["exec.unknown_command", -32601],
  ["exec.bad_request", -32602],
  ["exec.invalid_input", -32602],
]);
const OTHER_ERROR = -32000;
const CODES: ReadonlyMap<unknown, string> = new Map([[-32601, "exec.unknown_command"], [-32602, "exec.bad_request"]]);

/** The code and message of an error; what has neither is "exec.failed". */
export function readError(error: unknown): { readonly code: unknown; readonly message: string } {
  if (!isObject(error)) return { code: "exec.failed", message: "The error cannot be read" };
  const { code, message, data } = error;
  const own = isObject(data) ? data["code"] : undefined;
  return { code: own ?? CODES.get(code) ?? "exec.failed", message: typeof message === "string" ? message : "It gives no message" };
}

/**
 * Reads the answer to a call.
 * @throws {PluginError} "caller.bad_response".
 */
export function readResponse(result: unknown): Bytes {
  const response = isObject(result) ? result["response"] : undefined;
  if (typeof response !== "string") throw badResponse('has no "response" that is text');
  const bytes = decodeHex(response);
  if (bytes === undefined) throw badResponse('has a "response" that is not hex');
  return bytes;
}

/**
 * Reads the answer to a call for a stream.
 * @throws {PluginError} "caller.bad_response".
 */
export function requireEnd(result: unknown): void {
  if (!isObject(result) || result["end"] !== true) throw badResponse('to a call for a stream is not {"end":true}');
}

/**
 * Reads the answer to a ping; a plain "pong" will do.
 * @throws {PluginError} "caller.bad_response".
 */
export function readPong(result: unknown): Identity {
  const said = isObject(result) ? result : { response: result };
  requirePong(typeof said["response"] === "string" ? said["response"] : JSON.stringify(said["response"]) ?? "nothing");
  const { polyplug, features } = said;
  return {
    ...(typeof polyplug === "number" ? { protocol: polyplug } : {}),
    features: Array.isArray(features) ? features.filter((each) => typeof each === "string") : [],
  };
}

function badResponse(what: string): PluginError {
  return new PluginError("caller.bad_response", `The answer ${what}`);
}

/** A call as it came. */
export interface IncomingCall {
  readonly command: string;
  readonly payload: Bytes;
  /** The plugin that a host is asked to call. */
  readonly target: string | undefined;
}

/** Reads what a call asks for, or gives what is wrong with it. */
export function readCall(params: unknown): IncomingCall | string {
  if (!isObject(params)) return '"params" is no object';
  const { command, payload, plugin } = params;
  if (typeof command !== "string" || command === "") return '"command" is missing, or no text';
  if (typeof payload !== "string") return '"payload" is missing, or no text';
  if (plugin !== undefined && typeof plugin !== "string") return '"plugin" is no text';
  const bytes = decodeHex(payload);
  return bytes === undefined ? '"payload" is not hex' : { command, payload: bytes, target: plugin };
}

/** What `meta` says, by the names of headers. */
export function headersFromParams(params: unknown): HeaderOf {
  const meta = isObject(params) && isObject(params["meta"]) ? params["meta"] : {};
  return (name) => {
    const value = meta[name === HEADERS.timeoutMs ? TIMEOUT : name];
    return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
  };
}
