/**
 * One unary call over HTTP/2: takes a session manager and a request of Connect's, gives the whole answer. Each failure says whether the
 * call may have run, which connect-node's own client leaves open; there a stream that was reset without an error never ends its call.
 * @module
 */
import { type ClientHttp2Stream, constants, type Http2Session, type IncomingHttpHeaders } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { collectBytes, concatBytes } from "../bytes.ts";
import { messageOf, PluginError } from "../errors.ts";
import { lostError, refusedError } from "../call_error.ts";

/**
 * Sends one request, and reads no more than `cap` bytes of its answer.
 * @throws {PluginError} "caller.refused", "caller.lost", "caller.bad_response", or the signal's reason.
 * @throws {ConnectError} "resource_exhausted" when there are more.
 */
export async function sendOverHttp2(
  sessions: Http2SessionManager,
  request: UniversalClientRequest,
  cap: number,
): Promise<UniversalClientResponse> {
  const body = await collectBytes(request.body);
  request.signal?.throwIfAborted(); // An aborted call makes no connection.
  const exchange = new Exchange(request.signal, cap);
  const path = new URL(request.url).pathname;
  // Until there is a stream nothing of the call has been sent.
  sessions.request("POST", path, Object.fromEntries(request.header), {}).then(
    (stream) => exchange.run(stream, body),
    (error) => exchange.fail(refusedError(`It could not be connected to: ${messageOf(error.cause ?? error)}`, error)),
  );
  const answer = await exchange.answer;
  if (answer.status === constants.HTTP_STATUS_OK) return answer;
  throw new PluginError("caller.bad_response", `The answer's HTTP status is ${answer.status}, not 200`, { hint: NOT_GRPC });
}

const NOT_GRPC = "Something that does not speak gRPC may listen there: compare comm_type in the plugin's configuration";

/** The last stream that each session's peer has looked at, once it has said so. */
const lastStreams = new WeakMap<Http2Session, number>();

function watch(session: Http2Session | undefined): void {
  if (session === undefined || lastStreams.has(session)) return;
  lastStreams.set(session, Infinity);
  // The manager destroys the session within this event. Deno's HTTP/2 goes on to use what that has freed, and the process crashes.
  for (const listener of session.listeners("goaway")) {
    session.off("goaway", listener as () => void);
    session.on("goaway", (...given) => queueMicrotask(() => listener(...given)));
  }
  session.on("goaway", (_code, last) => lastStreams.set(session, last));
  // The manager leaves a broken session at the next call, which may come before the session's error, and nobody else would hear it.
  session.on("error", () => {});
}

/** A flag and a length stand before each message. */
const PREFIX = 5;

class Exchange {
  readonly answer: Promise<UniversalClientResponse>;
  readonly #settled = Promise.withResolvers<UniversalClientResponse>();
  readonly #signal: AbortSignal | undefined;
  readonly #cap: number;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #head: IncomingHttpHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  #stream: ClientHttp2Stream | undefined;

  constructor(signal: AbortSignal | undefined, cap: number) {
    this.answer = this.#settled.promise;
    this.#signal = signal;
    this.#cap = cap;
    signal?.addEventListener("abort", this.#cancel, { once: true });
  }

  fail(error: unknown): void {
    this.#signal?.removeEventListener("abort", this.#cancel);
    this.#settled.reject(error);
  }

  run(stream: ClientHttp2Stream, body: Uint8Array): void {
    this.#stream = stream;
    const { session } = stream;
    watch(session);
    let broken: unknown;
    let hasEnded = false;
    const finish = () => {
      if (hasEnded && (this.#trailers ?? this.#head)?.["grpc-status"] !== undefined) this.#succeed();
    };
    stream.on("error", (error) => broken ??= error);
    stream.on("close", () => this.#onClose(stream, session, broken));
    if (this.#signal?.aborted === true) return stream.close(constants.NGHTTP2_CANCEL);
    stream.on("response", (headers) => this.#head = headers);
    stream.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    // Which of the two is the last differs between the runtimes.
    stream.on("trailers", (headers) => (this.#trailers = headers, finish()));
    stream.on("end", () => (hasEnded = true, finish()));
    stream.end(body);
  }

  readonly #cancel = () => {
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.fail(this.#signal?.reason);
  };

  #onData(chunk: Uint8Array): void {
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#size <= this.#cap && this.#promised() <= this.#cap) return;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.fail(new ConnectError(`The answer has more than ${this.#cap} bytes`, Code.ResourceExhausted));
  }

  /** The length that gRPC writes before the message, which may never come. */
  #promised(): number {
    if (this.#size < PREFIX) return 0;
    if ((this.#chunks[0]?.length ?? 0) < PREFIX) this.#chunks.splice(0, Infinity, concatBytes(this.#chunks, this.#size));
    const [first = new Uint8Array(PREFIX)] = this.#chunks;
    return new DataView(first.buffer, first.byteOffset).getUint32(1);
  }

  #onClose(stream: ClientHttp2Stream, session: Http2Session | undefined, broken: unknown): void {
    const { rstCode } = stream;
    if (broken === undefined && rstCode === constants.NGHTTP2_NO_ERROR && this.#head !== undefined) return this.#succeed();
    const last = session === undefined ? undefined : lastStreams.get(session);
    const isPassedOver = last !== undefined && stream.id !== undefined && stream.id > last;
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM || isPassedOver) {
      return this.fail(refusedError("It took no more calls on this connection", broken));
    }
    if (hasCode(broken, "ERR_HTTP2_ERROR")) {
      const message = `The answer is not HTTP/2: ${messageOf(broken)}`;
      return this.fail(new PluginError("caller.bad_response", message, { hint: NOT_GRPC, cause: broken }));
    }
    this.fail(lostError(broken === undefined ? `the stream ended with code ${rstCode}` : messageOf(broken), broken));
  }

  /** Repeated calls, as at the stream's close, find it settled. */
  #succeed(): void {
    this.#signal?.removeEventListener("abort", this.#cancel);
    // What was answered before it was read to its end need not be read any more.
    if ((this.#stream?.writableLength ?? 0) > 0) this.#stream?.close(constants.NGHTTP2_CANCEL);
    const body = concatBytes(this.#chunks, this.#size);
    const chunks = async function* () {
      yield body;
    };
    this.#settled.resolve({
      status: Number(this.#head?.[":status"] ?? 0),
      header: webHeaders(this.#head),
      trailer: webHeaders(this.#trailers),
      body: chunks(),
    });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** The fields that the contract knows: details of a status are not read, and garbage in them must not hide the status. */
function webHeaders(fields: IncomingHttpHeaders = {}): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(":") || name === "grpc-status-details-bin" || value === undefined) continue;
    headers.set(name, name === "grpc-message" ? decodable(String(value)) : String(value));
  }
  return headers;
}

/** gRPC's percent-encoding as `decodeURIComponent` can read it: what is no encoded UTF-8 stands for itself. */
function decodable(message: string): string {
  try {
    decodeURIComponent(message);
    return message;
  } catch {
    return encodeURIComponent(message);
  }
}
