/**
 * A gRPC server within the test, and a client on the runtime's own HTTP/2 that sends it bodies as written.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import process from "node:process";
import type { Dispatcher } from "../../../protocol/dispatch.ts";
import { openGrpcServer } from "../../../protocol/grpc/server.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import type { Server, ServerOptions } from "../../../protocol/server.ts";
import type { ServedOptions } from "../rest/served.ts";
import { unitService } from "../unit.ts";
import { envelope, execRequest } from "./messages.ts";

/** What a test may ask of it. */
export interface Served {
  readonly port: number;
  readonly dispatcher: Dispatcher;
  readonly server: Server;
}

/** The options of a server in a test. */
export function serverOptions(commands: Commands, options: ServedOptions = {}): ServerOptions & { readonly dispatcher: Dispatcher } {
  const { dispatcher, service } = unitService(commands, options);
  const { dialect = "seed", listen = "127.0.0.1", port = 0 } = options;
  return Object.assign(service, { dispatcher, dialect, listen, port });
}

/** Serves these commands on a free port, hands the server to `use`, closes it, and fails when anything was printed meanwhile. */
export async function withServer<T>(
  commands: Commands,
  use: (served: Served) => Promise<T>,
  options: ServedOptions = {},
): Promise<T> {
  return await inSilence(async () => {
    const given = serverOptions(commands, options);
    const server = await openGrpcServer(given);
    try {
      return await use({ port: Number(new URL(server.address).port), dispatcher: given.dispatcher, server });
    } finally {
      await server.close();
    }
  });
}

/** Runs the work, and fails when a library has printed something or warned meanwhile. */
export async function inSilence<T>(work: () => Promise<T>): Promise<T> {
  const printed: unknown[] = [];
  const before = { error: console.error, warn: console.warn, log: console.log };
  const onWarning = (warning: Error) => printed.push(warning);
  const print = (...values: unknown[]) => void printed.push(...values);
  Object.assign(console, { error: print, warn: print, log: print });
  process.on("warning", onWarning);
  try {
    const result = await work();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(printed, []);
    return result;
  } finally {
    Object.assign(console, before);
    process.off("warning", onWarning);
  }
}

/** An answer as it came. */
export interface Answer {
  /** HTTP's. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  /** gRPC's: from the trailers, or the headers where there are no others. */
  readonly grpcStatus: string | undefined;
  readonly code: string | undefined;
  readonly message: string;
  readonly body: Buffer;
}

const GRPC = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };

/** Connects to a port, hands the connection to `use`, and ends it. */
export async function withSession<T>(port: number, use: (session: ClientHttp2Session) => Promise<T>): Promise<T> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  try {
    await once(session, "connect");
    return await use(session);
  } finally {
    session.destroy();
  }
}

/** Sends one request on a connection and reads its answer to the end. */
export async function send(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const stream = session.request({ ...GRPC, ":path": path, ...headers });
  const chunks: Uint8Array[] = [];
  const got: { head: IncomingHttpHeaders; trailers: IncomingHttpHeaders } = { head: {}, trailers: {} };
  stream.on("error", () => {});
  stream.on("response", (head) => got.head = head);
  stream.on("trailers", (trailers) => got.trailers = trailers);
  stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  stream.end(body);
  await new Promise((resolve) => stream.once("close", resolve));
  const all = { ...got.head, ...got.trailers };
  return {
    status: Number(got.head[":status"] ?? 0),
    headers: got.head,
    trailers: got.trailers,
    grpcStatus: all["grpc-status"] as string | undefined,
    code: all["x-error-code"] as string | undefined,
    message: decodeURIComponent(String(all["grpc-message"] ?? "")),
    body: Buffer.concat(chunks),
  };
}

/** As `send`, on a connection of its own. */
export async function sendOnce(port: number, path: string, body: Uint8Array, headers?: Readonly<Record<string, string>>): Promise<Answer> {
  return await withSession(port, (session) => send(session, path, body, headers));
}

/** Calls Exec. */
export async function exec(
  port: number,
  command: string,
  payload: string | Uint8Array = "",
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return await sendOnce(port, "/plugin.Plugin/Exec", envelope(execRequest(command, payload)), headers);
}

/** Calls Ping. */
export async function ping(port: number, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return await sendOnce(port, "/plugin.Plugin/Ping", envelope(Buffer.alloc(0)), headers);
}
