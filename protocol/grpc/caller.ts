/**
 * The host's half of gRPC: takes an endpoint, gives a `DriverCaller` that sends each call exactly once.
 * @module
 */
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { refusedError } from "../call_error.ts";
import type { DriverCaller, DriverOptions } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { messageOf, PluginError } from "../errors.ts";
import { Connection, Exchange } from "./clients.ts";
import { PREFIX_BYTES } from "./envelope.ts";
import { type RpcAnswer, RpcCaller, type RpcParts, type RpcRequest } from "./rpc_caller.ts";
import { StreamExchange } from "./stream_exchange.ts";
import { formatGrpcTimeout, GRPC_TIMEOUT, SESSION, WINDOW_BYTES } from "./wire.ts";

/**
 * Opens the gRPC driver: one HTTP/2 connection, made at the first call and again when it was lost.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export function openGrpcCaller(endpoint: Endpoint, options: DriverOptions): Promise<DriverCaller> {
  if (endpoint.kind === "pipes") {
    return Promise.reject(new PluginError("caller.unsupported", "gRPC needs a TCP or Unix-socket endpoint"));
  }
  const client = new Http2Client(endpoint, options.maxPayloadBytes);
  const caller = new RpcCaller(options, {
    takesGiveUp: true,
    headers: HEADERS,
    room: PREFIX_BYTES,
    timeoutHeader: GRPC_TIMEOUT,
    formatTimeout: formatGrpcTimeout,
    send: (request) => client.send(request),
    stream: (request) => client.stream(request),
    close: () => client.close(),
  });
  return Promise.resolve(caller);
}

/** The path is filled in by each call; HTTP/2 wants these names first. */
const HEADERS = { ":method": "POST", ":path": "", "content-type": "application/grpc", te: "trailers" };

/** Where HTTP/2 can go. */
type Place = Exclude<Endpoint, { kind: "pipes" }>;

/** A client with one connection, made at the first call and again when it was lost. */
class Http2Client {
  readonly #place: Place;
  readonly #limit: number;
  readonly #connections = new Set<Connection>();
  #current: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  #closed = false;

  /** `limit` is that of a payload. */
  constructor(place: Place, limit: number) {
    this.#place = place;
    this.#limit = limit;
  }

  /** Sends one request, and reads no more of its answer than such a payload needs. */
  send(request: RpcRequest): Promise<RpcAnswer> {
    if (request.options.signal?.aborted === true) return Promise.reject(request.options.signal.reason); // Makes no connection.
    return new Promise((resolve, reject) => this.#run(new Exchange(request, this.#limit, { resolve, reject })));
  }

  /** Asks for a stream. */
  stream(request: RpcRequest): RpcParts {
    request.options.signal?.throwIfAborted();
    const exchange = new StreamExchange(request, this.#limit);
    this.#run(exchange);
    return exchange;
  }

  #run(exchange: Exchange | StreamExchange): void {
    if (this.#current?.isUsable === true) return this.#current.run(exchange);
    // Until there is a stream nothing of the call has been sent.
    this.#open().then(
      (connection) => connection.run(exchange),
      (error) => exchange.fail(refusedError(`It could not be connected to: ${messageOf(error)}`, error)),
    );
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#connections) connection.end();
    return Promise.resolve();
  }

  /** One opening serves all who wait. */
  #open(): Promise<Connection> {
    return this.#opening ??= this.#connect().finally(() => this.#opening = undefined);
  }

  async #connect(): Promise<Connection> {
    const place = this.#place;
    const base = place.kind === "tcp" ? place.url.origin : "http://localhost";
    const socket = connect(
      place.kind === "unix"
        ? { path: place.path }
        : { host: place.url.hostname.replace(/^\[|\]$/g, ""), port: Number(place.url.port || 80) },
    );
    const session = connectHttp2(base, { ...SESSION, createConnection: () => socket });
    const connection = new Connection(session, socket);
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
    await new Promise<void>((resolve, reject) => {
      session.once("connect", () => resolve());
      session.once("error", reject);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("the connection was closed")));
    });
    if (this.#closed) connection.end();
    else if (place.kind === "tcp") session.setLocalWindowSize(WINDOW_BYTES); // A larger one of a Unix socket hangs Node.
    return this.#current = connection;
  }
}
