/**
 * An answer of gRPC: takes its headers, trailers and envelope, gives the message, or what the plugin said in place of one.
 * @module
 */
import { lostError } from "../call_error.ts";
import { PluginError } from "../errors.ts";
import type { Envelope } from "./envelope.ts";
import type { RpcAnswer } from "./rpc_caller.ts";
import { ERROR_CODE, isGrpc, type RpcRefusal, STATUSES } from "./wire.ts";

/** Fields as HTTP/2 gives them. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Reads an answer that has come to its end; an answer without a message has its trailers in its headers.
 * @throws {PluginError} "caller.bad_response" when it is something else.
 */
export function readAnswer(head: Fields, trailers: Fields, envelope: Envelope): RpcAnswer {
  checkHead(head);
  const grpcStatus = trailers["grpc-status"];
  if (grpcStatus === undefined) throw badResponse("The answer ended without a grpc-status");
  const header = (name: string) => textFrom(head[name]);
  if (grpcStatus !== "0") return { header, result: refusalFrom(String(grpcStatus), trailers) };
  if (envelope.isEmpty) throw badResponse("The answer has no message");
  if (envelope.isCompressed) throw badResponse("The answer's message is compressed, which nobody asked for");
  if (!envelope.isWhole) throw badResponse("The answer is not one whole message");
  return { header, result: envelope.message };
}

/** What a stream has ended with; `undefined` when it is well. */
export function refusalOfStream(trailers: Fields): RpcRefusal | undefined {
  const grpcStatus = trailers["grpc-status"];
  if (grpcStatus === undefined) throw lostError("the stream ended without a grpc-status");
  return grpcStatus === "0" ? undefined : refusalFrom(String(grpcStatus), trailers);
}

/**
 * Makes sure that it is gRPC that answers.
 * @throws {PluginError} "caller.bad_response".
 */
export function checkHead(head: Fields): void {
  const status = Number(head[":status"]);
  if (status !== 200) throw badResponse(`The answer's HTTP status is ${status}, not 200`);
  const type = head["content-type"];
  if (!isGrpc(type)) throw badResponse(`The answer has the content type ${type}`);
  const encoding = head["grpc-encoding"] ?? "identity";
  if (encoding !== "identity") throw badResponse(`The answer's encoding is ${encoding}, which nobody asked for`);
}

/** An answer that is none of gRPC's. */
export function badResponse(message: string, cause?: unknown): PluginError {
  const hint = "Something that does not speak gRPC may listen there: compare comm_type in the plugin's configuration";
  return new PluginError("caller.bad_response", message, { hint, cause });
}

/** Details of the status are not read: garbage in them must not hide it. */
function refusalFrom(grpcStatus: string, trailers: Fields): RpcRefusal {
  const status = STATUSES[Number(grpcStatus)];
  const message = decodeMessage(String(trailers["grpc-message"] ?? ""));
  const code = textFrom(trailers[ERROR_CODE]);
  if (status !== undefined) return { status, message, code };
  return { status: "Internal", message: `Its status is ${grpcStatus}, which gRPC does not have: ${message}`, code };
}

/** gRPC's percent-encoding; what is no encoded UTF-8 stands for itself. */
function decodeMessage(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

/** A field as text. */
export function textFrom(value: string | readonly string[] | undefined): string | null {
  return value === undefined ? null : typeof value === "string" ? value : value.join(", ");
}
