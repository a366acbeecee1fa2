/**
 * The host's half of Connect: takes an endpoint, gives a `DriverCaller` that sends each call exactly once, over REST's HTTP clients.
 * @module
 */
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { concatBytes } from "../bytes.ts";
import type { DriverCaller, DriverOptions } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { PluginError } from "../errors.ts";
import { RpcCaller } from "../grpc/caller.ts";
import { messageCap } from "../grpc/wire.ts";
import { type HttpClient, openHttpClient } from "../rest/clients.ts";
import { TIMEOUT } from "./wire.ts";

/**
 * Opens the Connect driver.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export async function openConnectCaller(endpoint: Endpoint, options: DriverOptions): Promise<DriverCaller> {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "Connect needs a TCP or Unix-socket endpoint");
  const client = await openHttpClient(endpoint);
  const cap = messageCap(options.maxPayloadBytes);
  const transport = createTransport({
    httpClient: (request) => send(client, request, cap),
    baseUrl: "http://localhost", // The client knows where it goes.
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: 0,
    readMaxBytes: cap,
    writeMaxBytes: cap,
  });
  return new RpcCaller(options, {
    transport,
    timeoutHeader: (ms) => [TIMEOUT, String(ms)],
    isFromPlugin: ({ metadata }) => metadata.has("content-type"),
    close: () => client.close(),
  });
}

/** One request and its answer, of which no more than `cap` bytes are kept. */
async function send(client: HttpClient, request: UniversalClientRequest, cap: number): Promise<UniversalClientResponse> {
  const { url, header, signal } = request;
  const answer = await client.send({
    method: "POST",
    path: new URL(url).pathname,
    headers: { ...Object.fromEntries(header), "accept-encoding": "identity" },
    body: await wholeBody(request),
    ...(signal === undefined ? {} : { signal }),
  });
  const chunks = async function* () {
    const body = await answer.read(cap);
    if (body === undefined) throw new PluginError("caller.too_large", `The answer has more than ${cap} bytes`);
    yield body;
  };
  return { status: answer.status, header: answer.headers(), body: chunks(), trailer: new Headers() };
}

async function wholeBody({ body }: UniversalClientRequest): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : concatBytes(chunks, size);
}
