/**
 * gRPC as both sides write it: the two forms of a payload, metadata, statuses. Connect has the same.
 * @module
 */
import type { Bytes, Dialect } from "../caller.ts";
import { MAX_TIMER_MS } from "../deadlines.ts";
import { codeFromPlugin } from "../peer_error.ts";
import { PluginError } from "../errors.ts";
import { decodeHex, encodeHex } from "../hex.ts";

/** The paths of the two methods. */
export const PING_PATH = "/plugin.Plugin/Ping";
export const EXEC_PATH = "/plugin.Plugin/Exec";
/** The path of the method of polyplug.proto. */
export const STREAM_PATH = "/polyplug.v1.Streams/Stream";

/** With what a stream of HTTP/2 is reset. */
export const RESET = { cancel: 8, refused: 7 } as const;

/** Stream and connection take a payload of the usual size at once. More is not safe: Node does not read while it writes. */
export const WINDOW_BYTES: number = 1024 * 1024;
/** How both sides set HTTP/2; the memory is for many calls at once (in MB; Node refuses streams over 10). */
export const SESSION: { readonly settings: { readonly initialWindowSize: number }; readonly maxSessionMemory: number } = {
  settings: { initialWindowSize: WINDOW_BYTES },
  maxSessionMemory: 1024,
};

/** Whether a content type is gRPC's. */
export function isGrpc(contentType: unknown): boolean {
  return contentType === "application/grpc" || /^application\/grpc(\+proto)?(;.*)?$/i.test(String(contentType));
}

/** How payload and response are written in the `bytes` field: as they are, or as ASCII digits of hex. */
export type PayloadForm = "raw" | "hex";

/** The metadata that says which form a request has; the answer has the same, and says so too. */
export const PAYLOAD = "x-payload";
/** The metadata that carries our own code of an error, since gRPC has but sixteen. */
export const ERROR_CODE = "x-error-code";

/** The form of a dialect. */
export function formFromDialect(dialect: Dialect): PayloadForm {
  return dialect === "goplugin-1" ? "raw" : "hex";
}

/** The most bytes of a message: the payload in hex, and room for the rest; gRPC writes lengths in 32 bits. Go's own limit is 4 MiB. */
export function messageCap(maxPayloadBytes: number): number {
  return Math.min(2 * maxPayloadBytes + 64 * 1024, 2 ** 32 - 1);
}

/** A payload or response as it stands in the message. */
export function encodePayload(payload: Uint8Array, form: PayloadForm): Uint8Array {
  return form === "raw" ? payload : encoder.encode(encodeHex(payload));
}

/** The bytes that a message's field stands for; `undefined` when it should be hex and is not. */
export function decodePayload(field: Bytes, form: PayloadForm): Bytes | undefined {
  if (form === "hex") return decodeHex(decoder.decode(field));
  // A few bytes must not keep all that was read with them.
  return field.length < LARGE_BYTES ? new Uint8Array(field) : new Uint8Array(field.buffer, field.byteOffset, field.length);
}

const LARGE_BYTES = 16 * 1024;

/** The header that carries the time left. */
export const GRPC_TIMEOUT = "grpc-timeout";
const UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Writes milliseconds as gRPC does: at most eight digits and a unit. */
export function formatGrpcTimeout(timeoutMs: number): string {
  return timeoutMs < 1e8 ? `${timeoutMs}m` : `${Math.floor(timeoutMs / 1000)}S`;
}

/** Reads them as whole milliseconds, at least 1; `undefined` when it is none, or more than a timer takes. */
export function parseGrpcTimeout(value: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
  const timeoutMs = Math.max(1, Math.ceil(Number(digits) * (UNITS_MS[unit] ?? 1)));
  return timeoutMs <= MAX_TIMER_MS ? timeoutMs : undefined;
}

/** gRPC's statuses, each at its number; Connect writes them in small letters, with underscores between their words. */
export const STATUSES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

/** The name of one. */
export type RpcStatus = typeof STATUSES[number];

const STATUS_BY_CODE: ReadonlyMap<string, RpcStatus> = new Map([
  ["exec.unknown_command", "Unimplemented"],
  ["exec.bad_request", "InvalidArgument"],
  ["exec.invalid_input", "InvalidArgument"],
  ["exec.unauthenticated", "Unauthenticated"],
  ["exec.forbidden", "PermissionDenied"],
  ["exec.not_found", "NotFound"],
  ["exec.too_large", "ResourceExhausted"],
  ["exec.unavailable", "Unavailable"],
  ["exec.timeout", "DeadlineExceeded"],
  ["exec.cancelled", "Canceled"],
]);

/** The status with which one of our codes crosses the wire; a handler's own has `Unknown`, and stands in the metadata like all of ours. */
export function statusFromCode(code: string): RpcStatus {
  return STATUS_BY_CODE.get(code) ?? "Unknown";
}

/** `Unavailable` is not among them: without our own code it does not promise that the call was not run. */
const CODE_BY_STATUS: ReadonlyMap<RpcStatus, string> = new Map([
  ["Unimplemented", "exec.unknown_command"],
  ["InvalidArgument", "exec.bad_request"],
  ["Unauthenticated", "exec.unauthenticated"],
  ["PermissionDenied", "exec.forbidden"],
  ["NotFound", "exec.not_found"],
  ["ResourceExhausted", "exec.too_large"],
  ["DeadlineExceeded", "exec.timeout"],
  ["Canceled", "exec.cancelled"],
]);

/** What a plugin answered in place of a message. */
export interface RpcRefusal {
  readonly status: RpcStatus;
  readonly message: string;
  /** Our own code, which only plugins that know polyplug send. */
  readonly code: string | null;
}

/** The error that a plugin answered with; one that knows nothing of our codes gets one by its status. */
export function errorFromRefusal({ status, message, code }: RpcRefusal): PluginError {
  const own = code === null || code === "" ? CODE_BY_STATUS.get(status) ?? "exec.failed" : codeFromPlugin(code);
  return new PluginError(own, message || `It answered with the status ${status}`, { origin: "plugin" });
}

/**
 * The response of a right answer; an absent or empty status passes, as with goplugin.
 * @throws {PluginError} "caller.bad_response" when the status is another one.
 */
export function responseFrom({ status, response }: { readonly status: string; readonly response: Bytes }): Bytes {
  if (status === "" || status === "success") return response;
  throw new PluginError("caller.bad_response", `The answer's status is ${JSON.stringify(status.slice(0, 120))}, not "success"`);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
