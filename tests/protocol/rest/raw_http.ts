/**
 * HTTP as bytes on a TCP connection, for both sides: a client that sends a request as written, and a peer that answers as written.
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly bytes: Uint8Array;
}

/** A request as the peer has read it. */
export interface RawRequest {
  /** For example `POST /exec HTTP/1.1`. */
  readonly line: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** Sends parts to a port, each once the one before has left, and reads until the connection closes; a reset after the answer is the answer's end. */
export async function sendRaw(port: number, ...parts: readonly (string | Uint8Array)[]): Promise<RawAnswer> {
  const socket = connect({ host: "127.0.0.1", port });
  const answer = readToEnd(socket);
  await sendParts(socket, parts);
  return await answer;
}

/** As `sendRaw`, but looks at the answer only once everything is sent, as a blocking client does: a reset before that takes the answer away. */
export async function sendThenRead(port: number, ...parts: readonly (string | Uint8Array)[]): Promise<RawAnswer> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.pause();
  await sendParts(socket, parts);
  // The server has had time to close, and to reset what it had not read.
  await new Promise((resolve) => setTimeout(resolve, 100));
  return await readToEnd(socket);
}

async function sendParts(socket: Socket, parts: readonly (string | Uint8Array)[]): Promise<void> {
  const failed = new Promise<void>((resolve) => socket.once("close", () => resolve()).on("error", () => resolve()));
  for (const part of parts) await Promise.race([new Promise((resolve) => socket.write(part, resolve)), failed]);
}

async function readToEnd(socket: Socket): Promise<RawAnswer> {
  const chunks: Uint8Array[] = [];
  socket.on("data", (chunk: Uint8Array) => chunks.push(chunk)).on("error", () => {});
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve).resume());
  return readAnswer(Buffer.concat(chunks));
}

/** A request as bytes; the server is asked to close the connection after it. */
export function rawRequest(line: string, headers: Readonly<Record<string, string>> = {}, body: string | Uint8Array = ""): Uint8Array {
  const content = Buffer.from(body);
  const all = {
    host: "127.0.0.1",
    connection: "close",
    ...(content.length > 0 ? { "content-length": String(content.length) } : {}),
    ...headers,
  };
  return Buffer.concat([Buffer.from(head(`${line} HTTP/1.1`, all)), content]);
}

/** An answer as bytes, with its length unless the headers have one or say that it comes in chunks. */
export function rawAnswer(status: number, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Uint8Array {
  const content = Buffer.from(body);
  const length = "transfer-encoding" in headers || "content-length" in headers ? {} : { "content-length": String(content.length) };
  return Buffer.concat([Buffer.from(head(`HTTP/1.1 ${status} Status`, { ...length, ...headers })), content]);
}

/** A right answer to exec with this payload. */
export function rightAnswer(payload: Uint8Array, headers: Readonly<Record<string, string>> = {}): Uint8Array {
  return rawAnswer(202, JSON.stringify({ status: "success", data: { response: Buffer.from(payload).toString("hex") } }), headers);
}

function head(line: string, headers: Readonly<Record<string, string>>): string {
  return `${line}\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

function readAnswer(all: Uint8Array): RawAnswer {
  const { line, headers, body } = splitHead(Buffer.from(all)) ?? { line: "", headers: new Map(), body: Buffer.alloc(0) };
  const bytes = headers.get("transfer-encoding") === "chunked" ? joinChunks(body) : body;
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(line)?.[1] ?? 0), headers, body: bytes.toString(), bytes: new Uint8Array(bytes) };
}

function splitHead(all: Buffer): { line: string; headers: Map<string, string>; body: Buffer } | undefined {
  const end = all.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [line = "", ...lines] = all.subarray(0, end).toString("latin1").split("\r\n");
  const headers = lines.map((each) => [each.slice(0, each.indexOf(":")).toLowerCase(), each.slice(each.indexOf(":") + 1).trim()] as const);
  return { line, headers: new Map(headers), body: all.subarray(end + 4) };
}

function joinChunks(body: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0;;) {
    const end = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.subarray(at, end).toString(), 16);
    if (!(size > 0)) return Buffer.concat(chunks);
    chunks.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

/** A peer that listens. */
export interface Peer {
  readonly port: number;
  /** Every whole request, in order. */
  readonly requests: readonly RawRequest[];
  /** How many connections were made. */
  readonly connections: number;
}

/** Answers one request; `number` counts them from 1. */
export type Answering = (socket: Socket, request: RawRequest, number: number) => void;

/** Listens on a free port, hands the peer to `use`, and closes every connection afterwards. */
export async function withPeer<T>(answer: Answering, use: (peer: Peer) => Promise<T>): Promise<T> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    readRequests(socket, (request) => answer(socket, request, requests.push(request)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use({
      port: (server.address() as AddressInfo).port,
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

function readRequests(socket: Socket, onRequest: (request: RawRequest) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Uint8Array) => {
    pending = Buffer.concat([pending, chunk]);
    for (let found = splitHead(pending); found !== undefined; found = splitHead(pending)) {
      const length = Number(found.headers.get("content-length") ?? 0);
      if (found.body.length < length) return;
      pending = found.body.subarray(length);
      onRequest({ ...found, body: new Uint8Array(found.body.subarray(0, length)) });
    }
  });
}
