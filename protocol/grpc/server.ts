/**
 * The plugin's half of gRPC: takes a plugin's dispatcher, gives a listening HTTP/2 server.
 * @module
 */
import { once } from "node:events";
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { OneListener } from "../cancellation.ts";
import type { Bytes } from "../caller.ts";
import type { Cancellation } from "../dispatch.ts";
import { type PluginError, refusal } from "../errors.ts";
import { tooLarge } from "../guard.ts";
import { pathFromListen, type Server, type ServerOptions } from "../server.ts";
import { removeStaleSocket } from "../socket_file.ts";
import { envelop, Envelope, PREFIX_BYTES } from "./envelope.ts";
import { answerExec, answerPing, answerStream, refusalFrom, type RpcCall, type RpcReply } from "./service.ts";
import {
  ERROR_CODE,
  EXEC_PATH,
  GRPC_TIMEOUT,
  isGrpc,
  messageCap,
  parseGrpcTimeout,
  PING_PATH,
  type RpcStatus,
  SESSION,
  STATUSES,
  statusFromCode,
  STREAM_PATH,
  WINDOW_BYTES,
} from "./wire.ts";

/** How long answers that are on their way may take when the server closes. */
const FLUSH_MS = 250;
/**
 * Listens.
 * @throws the runtime's own error, with code `EADDRINUSE` for example, when it cannot.
 */
export async function openGrpcServer(options: ServerOptions): Promise<Server> {
  const path = pathFromListen(options.listen);
  const server = createServer(SESSION);
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
    if (path === undefined) session.setLocalWindowSize(WINDOW_BYTES); // A larger one of a Unix socket hangs Node.
  });
  server.on("stream", (stream, headers) => void new ServedCall(stream, headers, options));
  if (path !== undefined) await removeStaleSocket(path);
  server.listen(path === undefined ? { host: options.listen, port: options.port } : { path });
  await once(server, "listening");
  return { address: addressOf(server, options.listen), close: () => close(server, sessions, sockets) };
}

/** One call from its headers to its answer, and the signal that nobody waits for it. */
class ServedCall extends OneListener implements RpcCall {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #options: ServerOptions;
  readonly #envelope: Envelope;
  #isAnswered = false;
  /** Whether parts are being sent. */
  #isStreaming = false;
  #isClosed = false;
  #wake: () => void = () => {};

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: ServerOptions) {
    super();
    this.#stream = stream;
    this.#headers = headers;
    this.#options = options;
    this.#envelope = new Envelope(messageCap(options.maxPayloadBytes));
    stream.on("error", () => {});
    stream.on("close", () => this.#onClose());
    this.#refuseUnknown();
    stream.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    stream.on("end", () => this.#onEnd());
  }

  get signal(): Cancellation {
    return this;
  }

  get timeoutMs(): number | undefined {
    const timeout = this.header(GRPC_TIMEOUT);
    return timeout === undefined ? undefined : parseGrpcTimeout(timeout);
  }

  readonly header = (name: string): string | undefined => this.#headers[name] as string | undefined;

  /** Answers what is no call of the service. */
  #refuseUnknown(): void {
    const { ":path": path, ":method": method, "content-type": type } = this.#headers;
    if (path !== EXEC_PATH && path !== PING_PATH && path !== STREAM_PATH) {
      const known = `${PING_PATH}, ${EXEC_PATH} and ${STREAM_PATH}`;
      this.#refuse(refusal("exec.not_found", `There is no ${path}; there are ${known}`), "Unimplemented", 404);
    } else if (!isGrpc(type)) this.#end({ ":status": 415 });
    else if (method !== "POST") this.#end({ ":status": 405, allow: "POST" });
  }

  #onData(chunk: Uint8Array): void {
    if (this.#envelope.add(chunk)) return;
    if (!this.#isAnswered) this.#refuse(tooLarge(this.#options.maxPayloadBytes));
    // What comes after the answer is read on for a while, since a client that still writes might not see it.
    else if (this.#envelope.size > 2 * messageCap(this.#options.maxPayloadBytes)) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #onEnd(): void {
    // The end of a call that was given up looks the same.
    if (this.#isAnswered || this.#stream.closed || this.#stream.destroyed) return;
    if ((this.header("grpc-encoding") ?? "identity") !== "identity" || this.#envelope.isCompressed) {
      return this.#refuse(refusal("exec.bad_request", "This plugin takes no compressed messages"), "Unimplemented");
    }
    if (this.#headers[":path"] === STREAM_PATH) return void this.#serveStream();
    this.#answer().then((reply) => this.#send(reply), (error) => this.#refuse(refusalFrom(error)));
  }

  /** Sends parts as the other side takes them. The headers wait for the first one, so that what fails before is an answer like others. */
  async #serveStream(): Promise<void> {
    try {
      const { headers, messages } = answerStream(this.#options, this, this.#wholeMessage());
      for await (const message of messages) {
        this.#beginStream(headers);
        if (!this.#stream.write(envelop(message))) await this.#drained();
        if (this.#isClosed) break;
      }
      this.#beginStream(headers);
      this.#endStream({ "grpc-status": "0" });
    } catch (error) {
      const refused = refusalFrom(error);
      if (this.#isStreaming) this.#endStream(trailersOf(refused, statusFromCode(refused.code)));
      else this.#refuse(refused);
    }
  }

  #beginStream(headers: Readonly<Record<string, string>>): void {
    if (this.#isAnswered || this.#isClosed) return;
    this.#isAnswered = this.#isStreaming = true;
    this.#stream.respond({ ...HEAD, ...headers }, TRAILERS_FOLLOW);
  }

  #endStream(trailers: Readonly<Record<string, string>>): void {
    this.#isStreaming = false;
    if (this.#isClosed) return;
    this.#stream.on("wantTrailers", () => this.#stream.sendTrailers(trailers));
    this.#stream.end();
  }

  /** Resolves when there is room for more, or nobody takes it any more. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#stream.once("drain", resolve);
    });
  }

  #wholeMessage(): Bytes {
    if (!this.#envelope.isWhole) throw refusal("exec.bad_request", "The body is not one whole message");
    return this.#envelope.message;
  }

  async #answer(): Promise<RpcReply> {
    const message = this.#wholeMessage();
    if (this.#headers[":path"] === PING_PATH) return await answerPing(this.#options, this.header, PREFIX_BYTES);
    return await answerExec(this.#options, this, message, PREFIX_BYTES);
  }

  #send({ headers, message }: RpcReply): void {
    const stream = this.#stream;
    if (this.#isAnswered || stream.closed || stream.destroyed) return;
    this.#isAnswered = true;
    stream.respond({ ...HEAD, ...headers }, TRAILERS_FOLLOW);
    stream.on("wantTrailers", sendTrailers);
    stream.end(envelop(message));
  }

  #refuse({ code, message }: PluginError, status: RpcStatus = statusFromCode(code), httpStatus = 200): void {
    this.#end({
      ...HEAD,
      ":status": httpStatus,
      ...trailersOf({ code, message }, status),
    });
  }

  /** Answers without a message. */
  #end(headers: Readonly<Record<string, string | number>>): void {
    const stream = this.#stream;
    if (this.#isAnswered || stream.closed || stream.destroyed) return;
    this.#isAnswered = true;
    stream.respond({ ...headers }, { endStream: true });
  }

  #onClose(): void {
    this.#isClosed = true;
    if (this.#isAnswered && !this.#isStreaming) return;
    this.#isAnswered = true;
    this.abort();
    this.#wake();
  }
}

function trailersOf({ code, message }: Pick<PluginError, "code" | "message">, status: RpcStatus): Record<string, string> {
  return { "grpc-status": String(STATUSES.indexOf(status)), "grpc-message": encodeMessage(message), [ERROR_CODE]: code };
}

const HEAD = { ":status": 200, "content-type": "application/grpc" };
/** The date of an answer tells nobody anything. */
const TRAILERS_FOLLOW = { waitForTrailers: true, sendDate: false };

function sendTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers({ "grpc-status": "0" });
}

/** All headers together end at 64 KiB, and one character may take nine bytes. */
const MESSAGE_BYTES = 32 * 1024;

/** As gRPC writes a message: percent-encoded, and of one that is too long its beginning. */
function encodeMessage(message: string): string {
  const encoded = encodeURIComponent(message.toWellFormed());
  return encoded.length <= MESSAGE_BYTES ? encoded : encodeURIComponent(message.slice(0, MESSAGE_BYTES / 9).toWellFormed());
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
