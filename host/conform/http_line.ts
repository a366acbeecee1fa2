/**
 * HTTP/1.1 as bytes on one connection: takes requests as written, gives answers as they came. Nothing is sent twice, nothing is put right.
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import type { Bytes } from "../../protocol/caller.ts";
import type { Endpoint } from "../../protocol/endpoint.ts";
import { messageOf } from "../../protocol/errors.ts";
import { ByteQueue, NoAnswer } from "./byte_queue.ts";
import { visible } from "./evidence.ts";

/** Where HTTP can be spoken. */
export type HttpEndpoint = Exclude<Endpoint, { kind: "pipes" }>;

/** A request as it is sent; `host` and `content-length` are added unless they are there. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** How it is described, when the bytes say little to people. */
  readonly shown?: string;
}

/** An answer as it came. */
export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Bytes;
  /** Whether the plugin said that the connection ends with this answer. */
  readonly last: boolean;
}

/** One connection. */
export class HttpLine {
  readonly #socket: Socket;
  readonly #authority: string;
  readonly #mostBytes: number;
  readonly #received: ByteQueue;

  constructor(socket: Socket, authority: string, mostBytes: number) {
    this.#socket = socket;
    this.#authority = authority;
    this.#mostBytes = mostBytes;
    const received = this.#received = new ByteQueue(mostBytes);
    socket.on("data", (chunk: Uint8Array) => received.push(chunk));
    socket.on("end", () => received.end()).on("close", () => received.end()).on("error", (error) => received.end(error));
  }

  /** A request as bytes. */
  encode({ method, path, headers = {}, body = "" }: HttpRequest): Bytes {
    const content = Buffer.from(body);
    const length: Record<string, string> = content.length > 0 || method === "POST" ? { "content-length": String(content.length) } : {};
    const lines = Object.entries({ host: this.#authority, ...length, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    return new Uint8Array(Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`), content]));
  }

  /** Resolves when the bytes have left, or cannot leave any more: the plugin may have answered and closed. */
  async write(bytes: Uint8Array): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.once("close", resolve));
    await Promise.race([new Promise((resolve) => this.#socket.write(bytes, resolve)), closed]);
  }

  /**
   * Reads the next answer.
   * @throws {NoAnswer}
   */
  async read(): Promise<HttpAnswer> {
    for (;;) {
      const { version, status, headers } = await this.#readHead();
      if (status >= 100 && status < 200) continue;
      const { body, toEnd } = await this.#readBody(status, headers);
      const connection = headers.get("connection")?.toLowerCase() ?? "";
      const last = toEnd || connection.includes("close") || (version === "1.0" && !connection.includes("keep-alive"));
      return { status, headers, body, last };
    }
  }

  /** Resolves when the plugin has closed the connection. */
  async closed(): Promise<void> {
    await this.#received.ended();
  }

  close(): void {
    this.#socket.destroy();
  }

  async #readHead(): Promise<{ version: string; status: number; headers: Map<string, string> }> {
    const text = (await this.#received.takeUntil("\r\n\r\n")).toString("latin1");
    const [line = "", ...lines] = text.split("\r\n");
    const [, version, status] = /^HTTP\/(1\.[01]) (\d{3})(?: |$)/.exec(line) ?? [];
    if (version === undefined || status === undefined) throw new NoAnswer(`bytes that are not HTTP came: ${visible(text)}`);
    const headers = new Map<string, string>();
    for (const each of lines) {
      const [, name = "", value = ""] = /^([^:]+):\s*(.*?)\s*$/.exec(each) ?? [];
      const before = headers.get(name.toLowerCase());
      headers.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
    }
    return { version, status: Number(status), headers };
  }

  async #readBody(status: number, headers: ReadonlyMap<string, string>): Promise<{ body: Bytes; toEnd: boolean }> {
    if (status === 204 || status === 304) return { body: new Uint8Array(0), toEnd: false };
    if (headers.get("transfer-encoding")?.toLowerCase().includes("chunked")) return { body: await this.#readChunks(), toEnd: false };
    const length = headers.get("content-length");
    if (length === undefined) return { body: await this.#received.takeAll(), toEnd: true };
    if (!/^\d+$/.test(length)) throw new NoAnswer(`its content-length is "${visible(length)}"`);
    return { body: new Uint8Array(await this.#received.take(Number(length))), toEnd: false };
  }

  async #readChunks(): Promise<Bytes> {
    const parts: Buffer[] = [];
    let size = 0;
    for (;;) {
      const line = (await this.#received.takeUntil("\r\n")).toString("latin1");
      const length = /^([0-9a-f]+)\s*(;|$)/i.exec(line)?.[1];
      if (length === undefined) throw new NoAnswer(`a chunk of the body begins with "${visible(line)}", not with its size`);
      if (Number.parseInt(length, 16) === 0) break;
      parts.push(await this.#received.take(Number.parseInt(length, 16)));
      size += parts.at(-1)?.length ?? 0;
      if (size > this.#mostBytes) throw new NoAnswer(`the answer has more than ${this.#mostBytes} bytes`);
      await this.#received.takeUntil("\r\n");
    }
    while ((await this.#received.takeUntil("\r\n")).length > 0);
    return new Uint8Array(Buffer.concat(parts));
  }
}

/**
 * Connects to a plugin; the signal gives it up.
 * @throws {NoAnswer} when it cannot.
 */
export async function openHttpLine(
  endpoint: HttpEndpoint,
  { mostBytes, signal }: { readonly mostBytes: number; readonly signal: AbortSignal },
): Promise<HttpLine> {
  const socket = await openSocket(endpoint, signal);
  return new HttpLine(socket, endpoint.kind === "unix" ? "localhost" : endpoint.url.host, mostBytes);
}

/**
 * Connects a socket; the signal gives it up.
 * @throws {NoAnswer} when it cannot.
 */
export async function openSocket(endpoint: HttpEndpoint, signal: AbortSignal): Promise<Socket> {
  const place = endpoint.kind === "unix"
    ? { path: endpoint.path }
    : { host: endpoint.url.hostname.replace(/^\[|\]$/g, ""), port: Number(endpoint.url.port || 80) };
  const socket = connect(place).setNoDelay(true);
  const giveUp = () => socket.destroy();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", (error) => reject(new NoAnswer(`it does not accept connections (${visible(messageOf(error))})`)));
      socket.once("close", () => reject(new NoAnswer("it did not accept the connection")));
    });
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
  return socket;
}
