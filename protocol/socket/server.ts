/**
 * The plugin's half of the framed socket: takes a plugin's dispatcher, gives a server on a Unix socket in a private folder.
 * @module
 */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import { join } from "node:path";
import type { Bytes } from "../caller.ts";
import type { Cancellation, DispatchRequest } from "../dispatch.ts";
import { isPluginError, messageOf, PluginError } from "../errors.ts";
import { checkHost, checkToken } from "../guard.ts";
import { HEADERS, MAX_TIMEOUT_MS } from "../headers.ts";
import { proofFromToken } from "../proof.ts";
import { FEATURES, PROTOCOL_VERSION } from "../reserved.ts";
import type { Server, ServerOptions } from "../server.ts";
import { FrameBatch } from "./batch.ts";
import { FrameReader } from "./reader.ts";
import { decodeHello, HELLO_CAP, KIND, META_BYTES, ReceivedCall, SOCKET_FOLDER } from "./wire.ts";

/** How long answers that are on their way may take when the server closes. */
const FLUSH_MS = 250;

/** Listens on a socket of its own, in a folder that only this user can enter. */
export async function openSocketServer(options: Omit<ServerOptions, "listen" | "port" | "dialect">): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), SOCKET_FOLDER));
  const path = join(folder, "s");
  const sessions = new Set<Session>();
  const server = createServer((socket) => {
    const session = new Session(socket, options);
    sessions.add(session);
    socket.once("close", () => sessions.delete(session));
  });
  server.listen({ path });
  await once(server, "listening");
  return {
    address: `unix:${path}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const session of sessions) session.finish();
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([closed, new Promise((resolve) => timer = setTimeout(resolve, FLUSH_MS))]);
      clearTimeout(timer);
      for (const session of sessions) session.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One connection: who is at the other end, and its open calls. */
class Session {
  readonly #socket: Socket;
  readonly #options: Omit<ServerOptions, "listen" | "port" | "dialect">;
  readonly #batch = new FrameBatch();
  readonly #reader: FrameReader;
  readonly #open = new Map<number, OpenCall>();
  #greeted = false;
  #host: string | undefined;
  #refusal: PluginError | undefined;
  #flushing = false;
  #ended = false;

  constructor(socket: Socket, options: Omit<ServerOptions, "listen" | "port" | "dialect">) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new FrameReader(HELLO_CAP, this.#onFrame, this.#onOversized);
    this.#refusal = this.#check(undefined);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => this.end());
    socket.on("close", () => this.end());
    socket.on("drain", () => socket.resume());
  }

  /** Sends what is left and ends. */
  finish(): void {
    this.#flush();
    this.#socket.end();
  }

  /** Ends at once; who waited for an answer is gone. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    for (const call of this.#open.values()) call.abort();
    this.#open.clear();
  }

  #read(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#refuseAll(refusal("exec.bad_request", messageOf(error)));
    }
  }

  readonly #onFrame = (kind: number, id: number, body: Uint8Array, isOwn: boolean): void => {
    if (this.#ended) return;
    if (kind === KIND.call && this.#greeted) this.#onCall(id, body, isOwn);
    else if (kind === KIND.cancel && this.#greeted) this.#open.get(id)?.abort();
    else if (kind === KIND.ping && this.#greeted) this.#write((batch) => batch.add(KIND.pong, id));
    else if (kind === KIND.hello && id === 0) this.#onHello(decodeHello(body));
    else {this.#refuseAll(
        refusal("exec.bad_request", this.#greeted ? `A host sends no frame of kind ${kind}` : "The first frame must be hello"),
      );}
  };

  /** The first hello says who calls and is answered; a later one carries the token. */
  #onHello(hello: Readonly<Record<string, unknown>> | undefined): void {
    if (hello === undefined) return this.#refuseAll(refusal("exec.bad_request", "The hello is no JSON object"));
    const { polyplug, host, nonce, token } = hello;
    if (typeof token === "string") this.#refusal = this.#check(token);
    if (this.#greeted) return;
    if (polyplug !== PROTOCOL_VERSION) {
      return this.#refuseAll(
        refusal("exec.bad_request", `This plugin speaks version ${PROTOCOL_VERSION} of the contract, not ${String(polyplug)}`),
      );
    }
    this.#greeted = true;
    this.#host = typeof host === "string" ? host : undefined;
    this.#refusal = this.#check(undefined);
    if (this.#refusal?.code === "exec.forbidden") return this.#refuseAll(this.#refusal);
    void this.#greet(typeof nonce === "string" ? nonce : undefined);
  }

  async #greet(nonce: string | undefined): Promise<void> {
    const { token } = this.#options;
    const proof = nonce === undefined || token === undefined ? {} : { proof: await proofFromToken(token, nonce) };
    this.#write((batch) => batch.addHello({ polyplug: PROTOCOL_VERSION, features: FEATURES, ...proof }));
  }

  /** Why this connection may not call, or nothing. One that may is believed larger frames. */
  #check(token: string | undefined): PluginError | undefined {
    const given = new Map<string, string | undefined>([[HEADERS.authorization, token && `Bearer ${token}`], [HEADERS.host, this.#host]]);
    const options = { ...this.#options, listen: "", port: 0, dialect: "seed" } as const;
    try {
      checkHost((name) => given.get(name), options);
      checkToken((name) => given.get(name), options);
      this.#reader.capBytes = this.#options.maxPayloadBytes + META_BYTES;
      return undefined;
    } catch (error) {
      if (isPluginError(error)) return error;
      throw error;
    }
  }

  #onCall(id: number, body: Uint8Array, isOwn: boolean): void {
    const call = this.#refusal === undefined ? ReceivedCall.from(body) : undefined;
    if (call === undefined) return this.#fail(id, this.#refusal ?? refusal("exec.bad_request", "The lengths in the call do not fit"));
    const { maxPayloadBytes, dispatcher } = this.#options;
    if (call.payload.length > maxPayloadBytes) return this.#fail(id, tooLarge(maxPayloadBytes));
    if (this.#open.has(id)) return this.#refuseAll(refusal("exec.bad_request", `There is an open call ${id} already`));
    const open = new OpenCall(call, isOwn, this.#host ?? "");
    this.#open.set(id, open);
    dispatcher.exec(open).then((bytes) => {
      if (this.#open.delete(id)) this.#write((batch) => batch.add(KIND.result, id, bytes));
    }, (error: PluginError) => {
      if (this.#open.delete(id)) this.#fail(id, error);
    });
  }

  readonly #onOversized = (kind: number, id: number): void => {
    if (kind === KIND.call) this.#fail(id, this.#refusal ?? tooLarge(this.#options.maxPayloadBytes));
    else this.#refuseAll(refusal("exec.bad_request", `The frame of kind ${kind} is too large`));
  };

  #fail(id: number, { code, message }: PluginError): void {
    this.#write((batch) => batch.addError(id, code, message));
  }

  /** What makes the rest of the connection unreadable ends it, and says why. */
  #refuseAll({ code, message }: PluginError): void {
    if (this.#ended) return;
    this.#batch.addError(0, code, message);
    this.#flush();
    this.#socket.end(() => this.#socket.destroy()); // Whatever the other side still sends, nobody reads it.
    this.#ended = true;
    for (const call of this.#open.values()) call.abort();
  }

  #write(write: (batch: FrameBatch) => void): void {
    if (this.#ended) return;
    write(this.#batch);
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#ended) return;
    const pieces = this.#batch.take();
    if (pieces.length > 1) this.#socket.cork();
    let isRoom = true;
    for (const piece of pieces) isRoom = this.#socket.write(piece);
    if (pieces.length > 1) this.#socket.uncork();
    // Who does not read the answers gets to send no more calls.
    if (!isRoom && this.#socket.writableLength > this.#options.maxPayloadBytes) this.#socket.pause();
  }
}

/** A call as the dispatcher takes it, and the signal that nobody waits for it: one listener is all that it has. */
class OpenCall implements DispatchRequest, Cancellation {
  readonly command: string;
  readonly payload: Bytes;
  readonly from: string;
  readonly timeoutMs: number | undefined;
  aborted = false;
  readonly #call: ReceivedCall;
  #requestId: string | undefined;
  #listener: (() => void) | undefined;

  constructor(call: ReceivedCall, isOwn: boolean, from: string) {
    this.#call = call;
    this.command = call.command;
    // Not slice(): that of a Buffer shares its memory.
    this.payload = (isOwn ? call.payload : new Uint8Array(call.payload)) as Bytes;
    this.from = from;
    this.timeoutMs = call.timeoutMs === 0 || call.timeoutMs > MAX_TIMEOUT_MS ? undefined : call.timeoutMs;
  }

  get requestId(): string {
    return this.#requestId ??= this.#call.requestId || crypto.randomUUID();
  }

  get signal(): Cancellation {
    return this;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }

  abort(): void {
    this.aborted = true;
    this.#listener?.();
  }
}

function tooLarge(limit: number): PluginError {
  return refusal("exec.too_large", `The payload has more than the limit of ${limit} bytes`);
}

function refusal(code: string, message: string): PluginError {
  return new PluginError(code, message, { origin: "plugin" });
}
