/**
 * gRPC as both sides write it: the two forms of a payload, metadata, statuses. Connect has the same.
 * @module
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Bytes, Dialect } from "../caller.ts";
import { codeFromPlugin } from "../dispatch.ts";
import { PluginError } from "../errors.ts";
import { decodeHex, encodeHex } from "../hex.ts";

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
export function decodePayload(field: Uint8Array, form: PayloadForm): Bytes | undefined {
  return form === "raw" ? field as Bytes : decodeHex(decoder.decode(field));
}

/** The header that carries the time left. */
export const GRPC_TIMEOUT = "grpc-timeout";
const UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Writes milliseconds as gRPC does: at most eight digits and a unit. */
export function formatGrpcTimeout(timeoutMs: number): string {
  return timeoutMs < 1e8 ? `${timeoutMs}m` : `${Math.floor(timeoutMs / 1000)}S`;
}

/** Reads them as whole milliseconds, at least 1; `undefined` when it is none. */
export function parseGrpcTimeout(value: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
  return digits === undefined ? undefined : Math.max(1, Math.ceil(Number(digits) * (UNITS_MS[unit] ?? 1)));
}

const RPC_CODES: ReadonlyMap<string, Code> = new Map([
  ["exec.unknown_command", Code.Unimplemented],
  ["exec.bad_request", Code.InvalidArgument],
  ["exec.invalid_input", Code.InvalidArgument],
  ["exec.unauthenticated", Code.Unauthenticated],
  ["exec.forbidden", Code.PermissionDenied],
  ["exec.not_found", Code.NotFound],
  ["exec.too_large", Code.ResourceExhausted],
  ["exec.unavailable", Code.Unavailable],
  ["exec.timeout", Code.DeadlineExceeded],
  ["exec.cancelled", Code.Canceled],
]);

/** An error as it crosses the wire: a handler's own code has the status `Unknown`, and stands in the metadata like all of ours. */
export function rpcError(error: PluginError): ConnectError {
  return new ConnectError(error.message, RPC_CODES.get(error.code) ?? Code.Unknown, { [ERROR_CODE]: error.code });
}

/** `Unavailable` is not among them: without our own code it does not promise that the call was not run. */
const CODES_BY_RPC: ReadonlyMap<Code, string> = new Map([
  [Code.Unimplemented, "exec.unknown_command"],
  [Code.InvalidArgument, "exec.bad_request"],
  [Code.Unauthenticated, "exec.unauthenticated"],
  [Code.PermissionDenied, "exec.forbidden"],
  [Code.NotFound, "exec.not_found"],
  [Code.ResourceExhausted, "exec.too_large"],
  [Code.DeadlineExceeded, "exec.timeout"],
  [Code.Canceled, "exec.cancelled"],
]);

/** The error that a plugin answered with; one that knows nothing of our codes gets one by its status. */
export function errorFromRpc(error: ConnectError): PluginError {
  const code = error.metadata.get(ERROR_CODE) ?? "";
  const message = error.rawMessage || `It answered with the status ${Code[error.code]}`;
  return new PluginError(code === "" ? CODES_BY_RPC.get(error.code) ?? "exec.failed" : codeFromPlugin(code), message, { origin: "plugin" });
}

/** What both answers have beside their data. */
interface Answer<T> {
  readonly Status: string;
  readonly Data?: { readonly Response: T } | undefined;
}

/**
 * The response of a right answer; an absent or empty status passes, as with goplugin.
 * @throws {PluginError} "caller.bad_response" when the status is another one. proto3 does not write what is empty, so no data are empty data.
 */
export function responseFrom<T>({ Status, Data }: Answer<T>, empty: T): T {
  if (Status === "" || Status === "success") return Data?.Response ?? empty;
  throw new PluginError("caller.bad_response", `The answer's status is ${JSON.stringify(Status.slice(0, 120))}, not "success"`);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
