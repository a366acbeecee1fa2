/**
 * Connect as both sides write it, where it differs from gRPC: content types, and JSON in the seed's form, with hex in strings.
 * @module
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import type { Bytes } from "../caller.ts";
import { PluginError } from "../errors.ts";
import { ERROR_CODE } from "../grpc/wire.ts";

/** The content type of a body in protobuf's binary form, which is gRPC's message. */
export const PROTO_TYPE = "application/proto";
/** The content type of a body in JSON: `{"Command":"…","Payload":"<hex>"}`. */
export const JSON_TYPE = "application/json";
/** The header that carries the milliseconds left. */
export const TIMEOUT = "connect-timeout-ms";

/** Whether a content type names the JSON form. */
export function isJson(contentType: string | null): boolean {
  return contentType !== null && contentType.split(";", 1)[0]?.trim().toLowerCase() === JSON_TYPE;
}

/** An error that the plugin itself answered with. */
class AnswerError extends ConnectError {}

/** Whether the plugin itself answered with this error. `instanceof` takes every `ConnectError` for one. */
export function isAnswer(error: ConnectError): boolean {
  return Object.getPrototypeOf(error) === AnswerError.prototype;
}

/**
 * The error that an answer with another status than 200 stands for: the plugin's own where it has Connect's form, which a page of
 * another server's has not.
 */
export function errorFromAnswer(status: number, header: Headers, body: Bytes): ConnectError | PluginError {
  const text = new TextDecoder().decode(body);
  const value = parseJson(text);
  const code = typeof value?.["code"] === "string" ? codeFromString(value["code"]) : undefined;
  if (status >= 400 && (code !== undefined || header.has(ERROR_CODE))) {
    const message = value?.["message"];
    return new AnswerError(typeof message === "string" ? message : "", code ?? Code.Unknown, header);
  }
  const hint = "Something that does not speak Connect may listen there: compare comm_type in the plugin's configuration";
  const said = text.length <= 120 ? text : `${text.slice(0, 120)}…`;
  return new PluginError("caller.bad_response", `The answer's status is ${status}, not 200: ${said}`, { hint });
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
