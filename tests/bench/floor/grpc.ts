/**
 * The smallest client and server of gRPC on `node:http2`: one message each way behind its prefix of five bytes, and trailers.
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Lane } from "../lane.ts";
import { encodeAnswer, encodeRequest, payloadFrom, responseFrom } from "./message.ts";

/** One byte that says "not compressed", four that say how long the message is. */
const PREFIX = 5;
/**
 * The connection's own window is 64 KiB unless it is raised, and then a larger one of the streams is of no use. More than 1 MiB is not
 * safe: Node does not read while it writes, so that two sides whose windows hold more than the socket's buffers wait for each other.
 */
const WINDOW = 1024 * 1024;
const SESSION = { settings: { initialWindowSize: WINDOW }, maxSessionMemory: 1024 };
const HEADERS = { ":method": "POST", ":path": "/plugin.Plugin/Exec", "content-type": "application/grpc", te: "trailers" };

/** Opens the client of a base URL: one connection. */
export async function openGrpcFloor(base: string): Promise<Lane> {
  const session = connect(base, SESSION);
  await once(session, "connect");
  session.on("error", () => {}); // The server ends first.
  session.setLocalWindowSize(WINDOW);
  const send = (message: Uint8Array) =>
    new Promise<Buffer>((resolve, reject) => {
      const stream = session.request(HEADERS);
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("trailers", (trailers) => trailers["grpc-status"] === "0" ? resolve(whole(chunks)) : reject(new Error("grpc-status")));
      stream.on("error", reject);
      stream.end(message);
    });
  return {
    call: async (command, payload) => responseFrom(await send(framed(encodeRequest(command, payload, PREFIX))), PREFIX),
    close: () => Promise.resolve(session.destroy()),
  };
}

/** Listens on a port of 127.0.0.1 and gives its address; it echoes. */
export async function serveGrpcFloor(port: number): Promise<string> {
  const server = createServer(SESSION);
  server.on("session", (session) => session.setLocalWindowSize(WINDOW));
  server.on("stream", (stream) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => answer(stream, whole(chunks)));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answer(stream: ServerHttp2Stream, request: Buffer): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(framed(encodeAnswer(payloadFrom(request, PREFIX), PREFIX)));
}

function framed(message: Uint8Array): Uint8Array {
  new DataView(message.buffer, message.byteOffset).setUint32(1, message.length - PREFIX);
  message[0] = 0;
  return message;
}

function whole(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}
