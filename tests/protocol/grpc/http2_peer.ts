/**
 * A gRPC peer on the runtime's own HTTP/2, for tests that read what the host has written.
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { envelope, execResponse } from "./messages.ts";

/** A request as it came. */
export interface Request {
  readonly headers: IncomingHttpHeaders;
  /** The whole body, gRPC's five bytes included. */
  readonly body: Buffer;
}

/** A peer that listens. */
export interface GrpcPeer {
  readonly port: number;
  readonly requests: readonly Request[];
  readonly connections: number;
}

/** Answers one request once it is whole. */
export type Answer = (stream: ServerHttp2Stream, request: Request) => void;

/** Listens on a free port or at `path`, hands the peer to `use`, and closes every connection afterwards. */
export async function withGrpcPeer<T>(answer: Answer, use: (peer: GrpcPeer) => Promise<T>, path?: string): Promise<T> {
  const requests: Request[] = [];
  const sockets = new Set<Socket>();
  // Bun's server mixes up the headers of later answers once it has refused one for want of this memory.
  const server = createServer({ maxSessionMemory: 1024 });
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    const chunks: Uint8Array[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.on("end", () => {
      const request = { headers, body: Buffer.concat(chunks) };
      requests.push(request);
      answer(stream, request);
    });
  });
  server.listen(path === undefined ? { host: "127.0.0.1", port: 0 } : { path });
  await once(server, "listening");
  try {
    return await use({
      port: path === undefined ? (server.address() as AddressInfo).port : 0,
      requests,
      get connections() {
        return sockets.size;
      },
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Answers with a message and the status that all is well. */
export function respond(stream: ServerHttp2Stream, message: Uint8Array, headers: Readonly<Record<string, string>> = {}): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(envelope(message));
}

/** Answers ping with these headers and exec with "hi", in the form that was asked for. */
export function friendly(pingHeaders: Readonly<Record<string, string>> = {}): Answer {
  return (stream, { headers }) => {
    if (headers[":path"] === "/plugin.Plugin/Ping") respond(stream, execResponse("pong"), pingHeaders);
    else respond(stream, execResponse(headers["x-payload"] === "raw" ? "hi" : "6869"));
  };
}
