/**
 * Serves the faulty service within the test, over gRPC on node:http2 or Connect on node:http, and hands its address to `use`.
 * @module
 */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import type { ConformTarget } from "../../host/conform/conform.ts";
import { createToken } from "../../protocol/proof.ts";
import { envelope } from "../protocol/grpc/messages.ts";
import { type FaultyOptions, FaultyService, type ServiceAnswer } from "./rpc_service.ts";

/** Over which wire, and what is wrong. */
export interface ServedOptions extends Partial<FaultyOptions> {
  readonly commType: "grpc" | "connect";
}

/** What ends a connection. */
type Connection = EventEmitter & { destroy(): void };

const LIMIT = 256 * 1024;
/** Connect's names and HTTP statuses of the statuses, by gRPC's number. */
const CONNECT: Readonly<Record<number, readonly [name: string, http: number]>> = {
  2: ["unknown", 500],
  3: ["invalid_argument", 400],
  7: ["permission_denied", 403],
  8: ["resource_exhausted", 429],
  12: ["unimplemented", 501],
  16: ["unauthenticated", 401],
};

/** Serves it until `use` has ended. */
export async function withFaulty<T>(given: ServedOptions, use: (target: ConformTarget) => Promise<T>): Promise<T> {
  const token = "token" in given ? given.token : createToken();
  const options: FaultyOptions = { fault: "", limit: LIMIT, hosts: [], dialect: "seed", ...given, token };
  const open = new Set<Connection>();
  const end = (answered: Promise<void>) => void answered.then(() => setTimeout(() => close(server, open), 20));
  const service = new FaultyService(options, end);
  const server = given.commType === "grpc" ? grpcServer(service, open) : connectServer(service, open);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const known = token === undefined ? {} : { token };
  try {
    return await use({
      address: `http://127.0.0.1:${port}`,
      commType: given.commType,
      dialect: options.dialect,
      maxPayloadBytes: options.limit,
      ...known,
    });
  } finally {
    await close(server, open);
  }
}

async function close(server: Server, open: Set<Connection>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const each of open) each.destroy();
  await closed;
}

/** One connection at a time, if that is the fault: resolves when this one is the oldest, or gone. */
async function turn(service: FaultyService, open: ReadonlySet<Connection>, mine: unknown): Promise<void> {
  for (let [oldest] = open; service.has("held.single") && oldest !== undefined && oldest !== mine; [oldest] = open) {
    await new Promise((resolve) => oldest?.once("close", resolve));
  }
}

function grpcServer(service: FaultyService, open: Set<Connection>): Server {
  const used = new Set<unknown>();
  const server = createHttp2Server();
  server.on("session", (session) => {
    open.add(session);
    session.on("error", () => {}).once("close", () => open.delete(session));
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    const { session } = stream;
    const isSecond = used.has(session);
    used.add(session);
    service.arriving.add(stream);
    let [complete, answered] = [false, false];
    const gone = new Promise<void>((resolve) => stream.once("close", resolve));
    stream.on("error", () => {}).on("data", (chunk: Buffer) => chunks.push(chunk));
    void gone.then(() => {
      if (!answered) service.takeBack(stream);
      if (service.has("dropped.harms") && !complete) service.harmed = true;
    });
    stream.on("end", async () => {
      if (stream.aborted || stream.destroyed) return;
      complete = true;
      service.arriving.delete(stream);
      if (service.has("reused.refuses") && isSecond) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
      await turn(service, open, session);
      const method = String(headers[":path"]).split("/").at(-1) ?? "";
      const body = Buffer.concat(chunks).subarray(5);
      const answer = await service.answer({ method, headers: headers as Record<string, string>, body, json: false, gone }, stream);
      if (stream.destroyed || stream.closed) return;
      answered = true;
      respond(stream, answer);
    });
  });
  return server;
}

function respond(stream: ServerHttp2Stream, { status, message, body, headers }: ServiceAnswer): void {
  const usual = { ":status": 200, "content-type": "application/grpc", ...headers };
  if (status !== 0) {
    return stream.respond({ ...usual, "grpc-status": String(status), "grpc-message": encodeURIComponent(message) }, { endStream: true });
  }
  stream.respond(usual, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(envelope(body));
}

function connectServer(service: FaultyService, open: Set<Connection>): Server {
  const used = new Set<Socket>();
  const server = createHttpServer((request, response) => void take(request, response));
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => {}).once("close", () => open.delete(socket));
  });
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const isSecond = used.has(socket);
    used.add(socket);
    service.arriving.add(request);
    const gone = new Promise<void>((resolve) => response.once("close", resolve));
    void gone.then(() => response.writableEnded || service.takeBack(request));
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      if (service.has("dropped.harms")) service.harmed = true;
      return; // The caller is gone, so nobody waits for the answer.
    } finally {
      service.arriving.delete(request);
    }
    if (service.has("reused.refuses") && isSecond) return void socket.destroy();
    await turn(service, open, socket);
    const json = request.headers["content-type"] === "application/json";
    const method = request.url?.split("/").at(-1) ?? "";
    const headers = request.headers as Record<string, string>;
    write(response, await service.answer({ method, headers, body: Buffer.concat(chunks), json, gone }, request), json);
  }
  return server;
}

function write(response: ServerResponse, { status, message, body, headers }: ServiceAnswer, json: boolean): void {
  const [code, http] = CONNECT[status] ?? ["", 200];
  const content = status === 0 ? body : Buffer.from(JSON.stringify({ code, ...(message === "" ? {} : { message }) }));
  const type = status !== 0 || json ? "application/json" : "application/proto";
  response.writeHead(http, { ...headers, "content-type": type, "content-length": String(content.length) });
  response.end(content);
}
