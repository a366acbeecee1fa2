/**
 * The plugin's half of gRPC: takes a plugin's dispatcher, gives a listening HTTP/2 server.
 * @module
 */
import { once } from "node:events";
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Plugin } from "../gen/plugin_pb.ts";
import { HEADERS } from "../headers.ts";
import { pathFromListen, type Server, type ServerOptions } from "../server.ts";
import { removeStaleSocket } from "../socket_file.ts";
import { createService } from "./service.ts";
import { GRPC_TIMEOUT, messageCap, parseGrpcTimeout } from "./wire.ts";

/** How long answers that are on their way may take when the server closes. */
const FLUSH_MS = 250;
/** Windows in which a payload of the usual size fits, and memory for many calls at once (in MB; Node refuses streams over 10). */
const SESSION = { settings: { initialWindowSize: 1024 * 1024 }, maxSessionMemory: 1024 };

/**
 * Listens.
 * @throws the runtime's own error, with code `EADDRINUSE` for example, when it cannot.
 */
export async function openGrpcServer(options: ServerOptions): Promise<Server> {
  const cap = messageCap(options.maxPayloadBytes);
  const handler = connectNodeAdapter({
    routes: (router) => void router.service(Plugin, createService(options)),
    grpc: true,
    grpcWeb: false,
    connect: false,
    readMaxBytes: cap,
    acceptCompression: [],
  });
  const server = createServer(SESSION, (request, response) => {
    takeTimeout(request.headers);
    handler(request, response);
  });
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("session", (session) => {
    sessions.add(session);
    endLater(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => {}); // A client that breaks off, or speaks something else, harms its own connection alone.
  });
  const path = pathFromListen(options.listen);
  if (path !== undefined) await removeStaleSocket(path);
  server.listen(path === undefined ? { host: options.listen, port: options.port } : { path });
  await once(server, "listening");
  return { address: addressOf(server, options.listen), close: () => close(server, sessions, sockets) };
}

/**
 * Lets a session end after the event in which that was decided: within it, when the client says goodbye, Deno's HTTP/2 goes on to use
 * what the end has freed, and the process crashes (denoland/deno#36788).
 */
function endLater(session: ServerHttp2Session): void {
  const close = session.close.bind(session);
  const destroy = session.destroy.bind(session);
  session.close = (callback) => void setImmediate(close, callback);
  session.destroy = (error, code) => void setImmediate(destroy, error, code);
}

/** Only the dispatcher keeps the deadline: Connect's own timer would warn on stderr of one that no timer takes. */
function takeTimeout(headers: IncomingHttpHeaders): void {
  const timeoutMs = parseGrpcTimeout(String(headers[GRPC_TIMEOUT]));
  delete headers[GRPC_TIMEOUT];
  if (timeoutMs !== undefined) headers[HEADERS.timeoutMs] = String(timeoutMs);
}

function addressOf(server: Http2Server, listen: string): string {
  const address = server.address();
  if (address === null || typeof address === "string") return listen;
  return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
}

/** Answers that are being written get a moment to leave; then every connection ends, also one whose other side has stopped reading. */
async function close(server: Http2Server, sessions: Iterable<ServerHttp2Session>, sockets: Iterable<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flushed = new Promise<void>((resolve) => timer = setTimeout(resolve, FLUSH_MS));
  await Promise.race([closed, flushed]);
  clearTimeout(timer);
  for (const session of sessions) session.destroy();
  for (const socket of sockets) socket.destroy();
  await closed;
}
