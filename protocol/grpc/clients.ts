/**
 * Calls over HTTP/2: takes a session and requests, gives an answer to each, or a failure that says whether the call may have run.
 * @module
 */
import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { answerTooLarge, lostError, refusedError } from "../call_error.ts";
import type { AttemptOptions } from "../caller.ts";
import { messageOf } from "../errors.ts";
import { badResponse, readAnswer } from "./answer.ts";
import { envelop, Envelope } from "./envelope.ts";
import type { RpcAnswer, RpcRequest } from "./rpc_caller.ts";
import type { StreamExchange } from "./stream_exchange.ts";
import { messageCap } from "./wire.ts";

/** One connection and its open calls. */
export class Connection {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #open = new Set<Exchange | StreamExchange>();
  /** The last stream that the plugin has looked at, once it has said so. */
  #last = Number.POSITIVE_INFINITY;

  constructor(session: ClientHttp2Session, socket: Socket) {
    this.#session = session;
    this.#socket = socket;
    // Nobody else hears of a session that breaks between two calls.
    session.on("error", () => {});
    socket.on("error", () => {});
    session.on("goaway", (_code, last) => this.#last = last);
  }

  /** Whether new calls may be sent. */
  get isUsable(): boolean {
    return this.#last === Number.POSITIVE_INFINITY && !this.#session.closed && !this.#session.destroyed && !this.#socket.destroyed;
  }

  run(exchange: Exchange | StreamExchange): void {
    if (exchange.isSettled) return;
    try {
      this.#open.add(exchange);
      const stream = this.#session.request(exchange.headers);
      if (exchange instanceof Exchange) exchange.run(stream, this);
      else exchange.run(stream, this, () => this.passedOver(stream));
    } catch (error) {
      this.finished(exchange);
      exchange.fail(refusedError(`It takes no more calls on this connection: ${messageOf(error)}`, error));
    }
  }

  /** The exchange has settled. */
  finished(exchange: Exchange | StreamExchange): void {
    this.#open.delete(exchange);
  }

  /** Whether the plugin has said that it did not look at this stream. */
  passedOver(stream: ClientHttp2Stream): boolean {
    return stream.id !== undefined && stream.id > this.#last;
  }

  /**
   * Ends it and every open call. The socket goes, and the session with it: a goodbye, which the session would say, makes a plugin on Deno
   * crash (denoland/deno#36788).
   */
  end(): void {
    for (const exchange of this.#open) exchange.fail(lostError("it was closed"));
    this.#socket.destroy();
  }
}

/** Who waits for a call. */
export interface Settling {
  resolve(answer: RpcAnswer): void;
  reject(error: unknown): void;
}

/** One call from when it is made until it has settled. */
export class Exchange {
  /** Of the request. */
  readonly headers: Record<string, string>;
  isSettled = false;
  readonly #body: Uint8Array;
  readonly #options: AttemptOptions;
  readonly #answer: Envelope;
  readonly #limit: number;
  readonly #caller: Settling;
  #stream: ClientHttp2Stream | undefined;
  #connection: Connection | undefined;
  #head: IncomingHttpHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  #hasEnded = false;
  #broken: unknown;

  constructor({ path, headers, body, options }: RpcRequest, limit: number, caller: Settling) {
    headers[":path"] = path;
    this.headers = headers;
    this.#body = envelop(body);
    this.#options = options;
    this.#answer = new Envelope(messageCap(limit));
    this.#limit = limit;
    this.#caller = caller;
    options.signal?.addEventListener("abort", this.#giveUp, { once: true });
    options.onGiveUp?.(this.#giveUp);
  }

  run(stream: ClientHttp2Stream, connection: Connection): void {
    this.#stream = stream;
    this.#connection = connection;
    stream.on("error", (error) => this.#broken ??= error);
    stream.on("close", () => this.#onClose(stream));
    stream.on("response", (headers) => this.#head = headers);
    stream.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    // Which of the two is the last differs between the runtimes.
    stream.on("trailers", (headers) => {
      this.#trailers = headers;
      if (this.#hasEnded || this.#answer.isWhole) this.#succeed();
    });
    stream.on("end", () => {
      this.#hasEnded = true;
      if ((this.#trailers ?? this.#head)?.["grpc-status"] !== undefined) this.#succeed();
    });
    stream.end(this.#body);
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#caller.reject(error);
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.#options.signal?.removeEventListener("abort", this.#giveUp);
    this.#connection?.finished(this);
    return true;
  }

  readonly #giveUp = (reason: unknown) => {
    if (this.isSettled) return;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.fail(this.#options.signal?.aborted === true ? this.#options.signal.reason : reason);
  };

  #onData(chunk: Uint8Array): void {
    if (this.isSettled || this.#answer.add(chunk)) return;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.fail(answerTooLarge(this.#limit));
  }

  #onClose(stream: ClientHttp2Stream): void {
    if (this.isSettled) return;
    const { rstCode } = stream;
    const broken = this.#broken;
    if (broken === undefined && rstCode === constants.NGHTTP2_NO_ERROR && this.#head !== undefined) return this.#succeed();
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM || this.#connection?.passedOver(stream) === true) {
      return this.fail(refusedError("It took no more calls on this connection", broken));
    }
    if (broken instanceof Error && "code" in broken && broken.code === "ERR_HTTP2_ERROR") {
      return this.fail(badResponse(`The answer is not HTTP/2: ${messageOf(broken)}`, broken));
    }
    this.fail(lostError(broken === undefined ? `the stream ended with code ${rstCode}` : messageOf(broken), broken));
  }

  #succeed(): void {
    if (!this.#settle()) return;
    // What was answered before it was read to its end need not be read any more.
    if ((this.#stream?.writableLength ?? 0) > 0) this.#stream?.close(constants.NGHTTP2_CANCEL);
    const head = this.#head ?? {};
    try {
      this.#caller.resolve(readAnswer(head, this.#trailers ?? head, this.#answer));
    } catch (error) {
      this.#caller.reject(error);
    }
  }
}
