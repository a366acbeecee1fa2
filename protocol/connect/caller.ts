/**
 * The host's half of Connect: takes an endpoint, gives a `DriverCaller` that sends each call exactly once, over REST's HTTP clients.
 * @module
 */
import type { DriverCaller, DriverOptions } from "../caller.ts";
import { answerTooLarge, errorFromTransport } from "../call_error.ts";
import type { Endpoint } from "../endpoint.ts";
import { isPluginError, PluginError } from "../errors.ts";
import { type RpcAnswer, RpcCaller, type RpcRequest } from "../grpc/rpc_caller.ts";
import { ERROR_CODE, messageCap } from "../grpc/wire.ts";
import { type HttpClient, openHttpClient } from "../rest/clients.ts";
import { badResponse, isProto, PROTO_TYPE, refusalFrom, TIMEOUT } from "./wire.ts";

/**
 * Opens the Connect driver.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export async function openConnectCaller(endpoint: Endpoint, options: DriverOptions): Promise<DriverCaller> {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "Connect needs a TCP or Unix-socket endpoint");
  const client = await openHttpClient(endpoint);
  return new RpcCaller(options, {
    takesGiveUp: false,
    headers: HEADERS,
    room: 0,
    timeoutHeader: TIMEOUT,
    formatTimeout: String,
    send: (request) => send(client, request, options.maxPayloadBytes),
    close: () => client.close(),
  });
}

/** One request and its answer, of which no more is read than a payload of the limit needs. */
async function send(client: HttpClient, { path, headers, body, options }: RpcRequest, limit: number): Promise<RpcAnswer> {
  options.signal?.throwIfAborted();
  try {
    const { signal } = options;
    const answer = await client.send({ method: "POST", path, headers, body, ...(signal && { signal }) });
    const bytes = await answer.read(messageCap(limit));
    if (bytes === undefined) throw answerTooLarge(limit);
    const header = (name: string) => answer.header(name);
    if (answer.status !== OK) return { header, result: refusalFrom(answer.status, header(ERROR_CODE), bytes) };
    const type = header("content-type");
    if (!isProto(type)) throw badResponse(`The answer has the content type ${type}`);
    const encoding = header("content-encoding") ?? "identity";
    if (encoding !== "identity") throw badResponse(`The answer's encoding is ${encoding}, which nobody asked for`);
    return { header, result: bytes };
  } catch (error) {
    throw isPluginError(error) ? error : errorFromTransport(error);
  }
}

const OK = 200;
const HEADERS = { "content-type": PROTO_TYPE, "connect-protocol-version": "1", "accept-encoding": "identity" };
