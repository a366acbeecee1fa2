/**
 * The plugin's half of gRPC: takes a plugin's dispatcher, gives a listening HTTP/2 server.
 * @module
 */
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Plugin } from "../gen/plugin_pb.ts";
import { pathFromListen, type Server, type ServerOptions } from "../server.ts";
import { removeStaleSocket } from "../socket_file.ts";
import { createService } from "./service.ts";
import { messageCap } from "./wire.ts";

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
    writeMaxBytes: cap,
    acceptCompression: [],
  });
  const server = createServer(SESSION, handler);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => {}); // A client that breaks off, or speaks something else, harms its own connection alone.
  });
  const path = pathFromListen(options.listen);
  if (path !== undefined) await removeStaleSocket(path);
  server.listen(path === undefined ? { host: options.listen, port: options.port } : { path });
  await once(server, "listening");
  return { address: addressOf(server, options.listen), close: () => close(server, sessions) };
}

function addressOf(server: Http2Server, listen: string): string {
  const address = server.address();
  if (address === null || typeof address === "string") return listen;
  return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
}

/** Answers that are being written get a moment to leave; then every connection ends. */
async function close(server: Http2Server, sessions: ReadonlySet<ServerHttp2Session>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flushed = new Promise<void>((resolve) => timer = setTimeout(resolve, FLUSH_MS));
  await Promise.race([closed, flushed]);
  clearTimeout(timer);
  for (const session of sessions) session.destroy();
  await closed;
}
