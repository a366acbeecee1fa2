/**
 * The host's half of Connect: takes an endpoint, gives a `DriverCaller` that sends each call exactly once, over REST's HTTP clients.
 * @module
 */
import type { Bytes, DriverCaller, DriverOptions } from "../caller.ts";
import { answerTooLarge, errorFromTransport, lostError } from "../call_error.ts";
import type { Endpoint } from "../endpoint.ts";
import { isPluginError, PluginError } from "../errors.ts";
import { envelop } from "../grpc/envelope.ts";
import { EnvelopeReader } from "../grpc/envelopes.ts";
import { type RpcAnswer, RpcCaller, type RpcParts, type RpcRequest } from "../grpc/rpc_caller.ts";
import { ERROR_CODE, errorFromRefusal, messageCap, type RpcRefusal } from "../grpc/wire.ts";
import { type HttpAnswer, type HttpClient, openHttpClient } from "../rest/clients.ts";
import { badResponse, decodeEnd, END_FLAG, isProto, isStream, PROTO_TYPE, refusalFrom, STREAM_TYPE, TIMEOUT } from "./wire.ts";

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
    stream: (request) => stream(client, request, options.maxPayloadBytes),
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

/** One request for a stream; its messages are read as they are asked for. */
function stream(client: HttpClient, request: RpcRequest, limit: number): RpcParts {
  let answer: HttpAnswer | undefined;
  const header = (name: string) => answer?.header(name) ?? null;
  async function* messages(): AsyncGenerator<Bytes, void, void> {
    const { path, headers, body, options: { signal } } = request;
    signal?.throwIfAborted();
    try {
      const sent = { ...headers, "content-type": STREAM_TYPE };
      answer = await client.send({ method: "POST", path, headers: sent, body: envelop(body), ...(signal && { signal }) });
      if (answer.status !== OK) {
        const bytes = await answer.read(messageCap(limit));
        throw bytes === undefined ? answerTooLarge(limit) : errorFromRefusal(refusalFrom(answer.status, header(ERROR_CODE), bytes));
      }
      const type = header("content-type");
      if (!isStream(type)) throw badResponse(`The answer has the content type ${type}`);
      yield* readParts(answer.body, limit);
    } catch (error) {
      throw isPluginError(error) ? error : errorFromTransport(error);
    }
  }
  return { header, messages: messages() };
}

async function* readParts(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Bytes, void, void> {
  const reader = new EnvelopeReader(messageCap(limit));
  let end: { readonly refusal: RpcRefusal | undefined } | undefined;
  for await (const chunk of body) {
    for (const { flags, message } of reader.push(chunk)) {
      if (end !== undefined) throw badResponse("There is a message behind the end of the stream");
      if (flags === END_FLAG) end = { refusal: decodeEnd(message) };
      else if (flags === 0) yield message;
      else throw badResponse(`A part has the flags ${flags}, which nobody asked for`);
    }
    if (reader.isTooLarge) throw answerTooLarge(limit);
  }
  if (end === undefined) throw lostError("the stream ended without its end message");
  if (end.refusal !== undefined) throw errorFromRefusal(end.refusal);
  if (reader.isWithin) throw badResponse("There is something behind the end of the stream");
}

const OK = 200;
const HEADERS = { "content-type": PROTO_TYPE, "connect-protocol-version": "1", "accept-encoding": "identity" };
