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
import { isPluginError, messageOf, type PluginError, refusal } from "../errors.ts";
import { checkHost, checkToken, tooLarge } from "../guard.ts";
import { HEADERS } from "../headers.ts";
import { proofFromToken } from "../proof.ts";
import { PROTOCOL_VERSION } from "../reserved.ts";
import type { PluginService, Server } from "../server.ts";
import { OpenCall } from "./open_call.ts";
import { FrameReader } from "./reader.ts";
import { decodeHello, HELLO_CAP, KIND, META_BYTES, ReceivedCall, SOCKET_FOLDER } from "./wire.ts";
import { FrameWriter } from "./writer.ts";

/** How long answers that are on their way may take when the server closes. */
const FLUSH_MS = 250;

/** Listens on a socket of its own, in a folder that only this user can enter. */
export async function openSocketServer(options: PluginService): Promise<Server> {
  // With the id in its name a host finds it though this process was killed before it could say where it is.
  const folder = await mkdtemp(join(tmpdir(), `${SOCKET_FOLDER}${process.pid}-`));
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
  readonly #options: PluginService;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #open = new Map<number, OpenCall>();
  #greeted = false;
  #host: string | undefined;
  #refusal: PluginError | undefined;
  #ended = false;

  constructor(socket: Socket, options: PluginService) {
    this.#socket = socket;
    this.#options = options;
    this.#writer = new FrameWriter(socket, process.nextTick, () => this.#onFull());
    this.#reader = new FrameReader(HELLO_CAP, this.#onFrame, this.#onOversized);
    this.#refusal = this.#check(undefined);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => this.end());
    socket.on("close", () => this.end());
    socket.on("drain", () => socket.resume());
  }

  /** Sends what is left and ends. */
  finish(): void {
    this.#writer.flush();
    this.#socket.end();
  }

  /** Ends at once; who waited for an answer is gone. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#writer.close();
    this.#socket.destroy();
    for (const call of this.#open.values()) call.abort();
    this.#open.clear();
  }

  #read(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#refuseAll(unexpected(messageOf(error)));
    }
  }

  readonly #onFrame = (kind: number, id: number, body: Uint8Array, isOwn: boolean): void => {
    if (this.#ended) return;
    if (kind === KIND.call && this.#greeted) this.#onCall(id, body, isOwn);
    else if (kind === KIND.cancel && this.#greeted) this.#open.get(id)?.abort();
    else if (kind === KIND.ping && this.#greeted) this.#writer.write((batch) => batch.add(KIND.pong, id));
    else if (kind === KIND.hello && id === 0) this.#onHello(decodeHello(body));
    else this.#refuseAll(unexpected(this.#greeted ? `A host sends no frame of kind ${kind}` : "The first frame must be hello"));
  };

  /** The first hello says who calls and is answered; a later one carries the token. */
  #onHello(hello: Readonly<Record<string, unknown>> | undefined): void {
    if (hello === undefined) return this.#refuseAll(unexpected("The hello is no JSON object"));
    const { polyplug, host, nonce, token } = hello;
    if (typeof token === "string") this.#refusal = this.#check(token);
    if (this.#greeted) return;
    if (polyplug !== PROTOCOL_VERSION) {
      return this.#refuseAll(unexpected(`This plugin speaks version ${PROTOCOL_VERSION} of the contract, not ${String(polyplug)}`));
    }
    this.#greeted = true;
    this.#host = typeof host === "string" ? host : undefined;
    this.#refusal = this.#check(undefined);
    if (this.#refusal?.code === "exec.forbidden") return this.#refuseAll(this.#refusal);
    void this.#greet(typeof nonce === "string" ? nonce : undefined);
  }

  async #greet(nonce: string | undefined): Promise<void> {
    const { token, dispatcher } = this.#options;
    const proof = nonce === undefined || token === undefined ? {} : { proof: await proofFromToken(token, nonce) };
    this.#writer.write((batch) => batch.addHello({ polyplug: PROTOCOL_VERSION, features: dispatcher.features, ...proof }));
  }

  /** Why this connection may not call, or nothing. One that may is believed larger frames. */
  #check(token: string | undefined): PluginError | undefined {
    const given = new Map<string, string | undefined>([[HEADERS.authorization, token && `Bearer ${token}`], [HEADERS.host, this.#host]]);
    try {
      checkHost((name) => given.get(name), this.#options);
      checkToken((name) => given.get(name), this.#options);
      if (this.#greeted) this.#reader.capBytes = this.#options.maxPayloadBytes + META_BYTES;
      return undefined;
    } catch (error) {
      if (isPluginError(error)) return error;
      throw error;
    }
  }

  #onCall(id: number, body: Uint8Array, isOwn: boolean): void {
    const call = this.#refusal === undefined ? ReceivedCall.from(body) : undefined;
    if (call === undefined) return this.#fail(id, this.#refusal ?? unexpected("The lengths in the call do not fit"));
    const { maxPayloadBytes, dispatcher } = this.#options;
    if (call.payload.length > maxPayloadBytes) return this.#fail(id, tooLarge(maxPayloadBytes));
    if (this.#open.has(id)) return this.#refuseAll(unexpected(`There is an open call ${id} already`));
    const open = new OpenCall(call, isOwn, this.#host ?? "");
    this.#open.set(id, open);
    dispatcher.exec(open).then((bytes) => {
      if (this.#open.delete(id)) this.#writer.write((batch) => batch.add(KIND.result, id, bytes));
    }, (error: PluginError) => {
      if (this.#open.delete(id)) this.#fail(id, error);
    });
  }

  readonly #onOversized = (kind: number, id: number): void => {
    if (kind === KIND.call) this.#fail(id, this.#refusal ?? tooLarge(this.#options.maxPayloadBytes));
    else this.#refuseAll(unexpected(`The frame of kind ${kind} is too large`));
  };

  #fail(id: number, { code, message }: PluginError): void {
    this.#writer.write((batch) => batch.addError(id, code, message));
  }

  /** What makes the rest of the connection unreadable ends it, and says why. */
  #refuseAll({ code, message }: PluginError): void {
    if (this.#ended) return;
    this.#writer.write((batch) => batch.addError(0, code, message));
    this.#writer.flush();
    this.#writer.close();
    this.#socket.end(() => this.#socket.destroy()); // Whatever the other side still sends, nobody reads it.
    this.#ended = true;
    for (const call of this.#open.values()) call.abort();
  }

  /** Who does not read the answers gets to send no more calls. */
  #onFull(): void {
    if (this.#socket.writableLength > this.#options.maxPayloadBytes) this.#socket.pause();
  }
}

/** What makes the rest of a connection unreadable. */
function unexpected(what: string): PluginError {
  return refusal("exec.bad_request", what);
}
