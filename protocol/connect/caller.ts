/**
 * The host's half of Connect: takes an endpoint, gives a `DriverCaller` that sends each call exactly once, over REST's HTTP clients.
 * @module
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { collectBytes } from "../bytes.ts";
import type { Bytes, DriverCaller, DriverOptions } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { PluginError } from "../errors.ts";
import { RpcCaller, transportOptions } from "../grpc/rpc_caller.ts";
import { messageCap } from "../grpc/wire.ts";
import { type HttpAnswer, type HttpClient, openHttpClient } from "../rest/clients.ts";
import { errorFromTransport } from "../call_error.ts";
import { errorFromAnswer, isAnswer, TIMEOUT } from "./wire.ts";

/**
 * Opens the Connect driver.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export async function openConnectCaller(endpoint: Endpoint, options: DriverOptions): Promise<DriverCaller> {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "Connect needs a TCP or Unix-socket endpoint");
  const client = await openHttpClient(endpoint);
  const cap = messageCap(options.maxPayloadBytes);
  // The client knows where it goes.
  const place = { baseUrl: "http://localhost", httpClient: (request: UniversalClientRequest) => send(client, request, cap) };
  return new RpcCaller(options, {
    transport: createTransport({ ...transportOptions(cap), ...place }),
    timeoutHeader: (ms) => [TIMEOUT, String(ms)],
    isFromPlugin: isAnswer,
    close: () => client.close(),
  });
}

/** One request and its answer, of which no more than `cap` bytes are kept. */
async function send(client: HttpClient, request: UniversalClientRequest, cap: number): Promise<UniversalClientResponse> {
  const { status, header, body } = await exchange(client, request, cap);
  if (status !== OK) throw errorFromAnswer(status, header, body);
  const chunks = async function* () {
    yield body;
  };
  return { status, header, body: chunks(), trailer: new Headers() };
}

interface WholeAnswer {
  readonly status: number;
  readonly header: Headers;
  readonly body: Bytes;
}

async function exchange(client: HttpClient, { url, header, signal, body }: UniversalClientRequest, cap: number): Promise<WholeAnswer> {
  let answer: HttpAnswer;
  let bytes: Bytes | undefined;
  try {
    answer = await client.send({
      method: "POST",
      path: new URL(url).pathname,
      headers: { ...Object.fromEntries(header), "accept-encoding": "identity" },
      body: await collectBytes(body),
      ...(signal === undefined ? {} : { signal }),
    });
    bytes = await answer.read(cap);
  } catch (error) {
    throw errorFromTransport(error);
  }
  if (bytes === undefined) throw new ConnectError(`The answer has more than ${cap} bytes`, Code.ResourceExhausted);
  return { status: answer.status, header: answer.headers(), body: bytes };
}

const OK = 200;
