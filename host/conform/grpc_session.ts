/**
 * One HTTP/2 connection to the plugin that is being checked: opens streams, reads what comes on them, whatever can be understood of it.
 * @module
 */
import { Buffer } from "node:buffer";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import type { Bytes } from "../../protocol/caller.ts";
import { messageOf } from "../../protocol/errors.ts";
import { NoAnswer } from "./byte_queue.ts";
import { visible, visibleBytes } from "./evidence.ts";
import { type HttpEndpoint, openSocket } from "./http_line.ts";
import { type RpcAnswer, type RpcCall, statusFrom, statusFromHttp } from "./rpc_call.ts";

/** Before a message: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;
/** A window in which the largest payload of most checks fits. */
const SETTINGS = { enablePush: false, initialWindowSize: 1024 * 1024 };
/** Bytes that are no message of protobuf. */
const NO_MESSAGE: Bytes = Uint8Array.of(0xff);

/** One HTTP/2 connection. */
export class GrpcSession {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #mostBytes: number;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  #failure: unknown;
  #isLast = false;

  constructor(socket: Socket, authority: string, mostBytes: number) {
    const session = this.#session = connect(authority, { settings: SETTINGS, createConnection: () => socket });
    this.#socket = socket;
    this.#mostBytes = mostBytes;
    session.on("error", (error) => this.#failure ??= error).on("goaway", () => this.#isLast = true);
    this.closed = new Promise((resolve) => session.once("close", resolve));
  }

  /**
   * Connects; the signal gives it up.
   * @throws {NoAnswer} when it cannot.
   */
  static async open(endpoint: HttpEndpoint, { mostBytes, signal }: { mostBytes: number; signal: AbortSignal }): Promise<GrpcSession> {
    const socket = await openSocket(endpoint, signal);
    return new GrpcSession(socket, endpoint.kind === "unix" ? "http://localhost" : endpoint.url.origin, mostBytes);
  }

  /** Opens a stream and sends its head. */
  start({ method, headers }: RpcCall): ClientHttp2Stream {
    const usual = { ":method": "POST", ":path": `/plugin.Plugin/${method}`, "content-type": "application/grpc", te: "trailers" };
    if (this.#session.destroyed || this.#session.closed) throw new NoAnswer(`the connection was closed${this.#why()}`);
    const stream = this.#session.request({ ...usual, ...headers }, { endStream: false });
    stream.on("error", (error) => this.#failure ??= error);
    return stream;
  }

  /**
   * Reads the answer on a stream.
   * @throws {NoAnswer}
   */
  async read(stream: ClientHttp2Stream): Promise<RpcAnswer> {
    const chunks: Buffer[] = [];
    let size = 0;
    let head: IncomingHttpHeaders | undefined;
    let trailers: IncomingHttpHeaders = {};
    await new Promise<void>((resolve) => {
      let ended = false;
      const look = () => {
        if (ended && { ...head, ...trailers }["grpc-status"] !== undefined) resolve();
      };
      stream.on("response", (headers) => head = headers).on("trailers", (headers) => (trailers = headers, look()));
      stream.on("data", (chunk: Uint8Array) => {
        chunks.push(Buffer.from(chunk));
        size += chunk.length;
        if (size > this.#mostBytes) stream.close(constants.NGHTTP2_CANCEL);
      });
      stream.on("end", () => (ended = true, look())).on("close", resolve).on("error", () => resolve());
      void this.closed.then(resolve);
    });
    if (size > this.#mostBytes) throw new NoAnswer(`the answer has more than ${this.#mostBytes} bytes`);
    if (head === undefined) throw new NoAnswer(`the stream was closed without an answer${this.#why(stream)}`);
    return answerFrom(headersFrom(head, trailers), Buffer.concat(chunks), this.#isLast, () => this.#why(stream));
  }

  /** Ends the connection as a program does that is gone: Deno's HTTP/2 crashes on some GOAWAYs (denoland/deno#36788). */
  close(): void {
    this.#socket.destroy();
  }

  #why(stream?: ClientHttp2Stream): string {
    if (this.#failure !== undefined) return ` (${visible(messageOf(this.#failure))})`;
    return stream === undefined || stream.rstCode === 0 ? "" : ` (it was reset with code ${stream.rstCode})`;
  }
}

function headersFrom(...blocks: readonly IncomingHttpHeaders[]): ReadonlyMap<string, string> {
  return new Map(blocks.flatMap((block) => Object.entries(block)).map(([name, value]) => [name.toLowerCase(), String(value)]));
}

function answerFrom(headers: ReadonlyMap<string, string>, bytes: Buffer, last: boolean, why: () => string): RpcAnswer {
  const http = Number(headers.get(":status") ?? 200);
  const code = headers.get("grpc-status");
  const status = /^\d+$/.test(code ?? "") ? statusFrom(Number(code)) : undefined;
  if (status === undefined && code === undefined && http === 200) throw new NoAnswer(`the stream ended without grpc-status${why()}`);
  if (status === undefined) {
    const said = code === undefined ? "no grpc-status" : `grpc-status "${visible(code)}"`;
    const instead = `HTTP status ${http}, ${said}, body ${visibleBytes(bytes)}`;
    return { status: statusFromHttp(http), message: undefined, body: new Uint8Array(0), headers, last, instead };
  }
  const body = status === "OK" ? messageFrom(bytes) : new Uint8Array(0);
  if (body !== undefined) return { status, message: decodeMessage(headers.get("grpc-message") ?? ""), body, headers, last };
  const instead = `status OK, and bytes that are not one message: ${visibleBytes(bytes)}`;
  return { status, message: "", body: NO_MESSAGE, headers, last, instead };
}

/** The one message of an answer; `undefined` when it is compressed, or not one. */
function messageFrom(bytes: Buffer): Bytes | undefined {
  const isOne = bytes.length >= PREFIX_BYTES && bytes[0] === 0 && bytes.readUInt32BE(1) === bytes.length - PREFIX_BYTES;
  return isOne ? new Uint8Array(bytes.subarray(PREFIX_BYTES)) : undefined;
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A percent sign that begins nothing stands for itself.
  }
}
