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
import { tooLarge } from "../guard.ts";
import { HEADERS } from "../headers.ts";
import { PROTOCOL_VERSION } from "../reserved.ts";
import { ServedStream } from "../served_stream.ts";
import type { Runner, Server, Service } from "../server.ts";
import type { Bytes } from "../caller.ts";
import { OpenCall } from "./open_call.ts";
import { FrameReader } from "./reader.ts";
import { decodeHello, HELLO_CAP, KIND, META_BYTES, readU32, ReceivedCall, SOCKET_FOLDER } from "./wire.ts";
import { FrameWriter } from "./writer.ts";

/** What a credit has. */
const CREDIT_BYTES = 4;
/** How long answers that are on their way may take when the server closes. */
const FLUSH_MS = 250;

/** Listens on a socket of its own, in a folder that only this user can enter. */
export async function openSocketServer(options: Service): Promise<Server> {
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
  readonly #options: Service;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #open = new Map<number, OpenCall>();
  /** Those of the open calls that are answered in parts. */
  readonly #streams = new Map<number, ServedStream>();
  #greeted = false;
  /** What its hellos have said. */
  readonly #said = new Map<string, string>();
  #runner: Runner | undefined;
  #refusal: PluginError | undefined;
  #ended = false;

  constructor(socket: Socket, options: Service) {
    this.#socket = socket;
    this.#options = options;
    this.#writer = new FrameWriter(socket, process.nextTick, () => this.#onFull());
    this.#reader = new FrameReader(HELLO_CAP, this.#onFrame, this.#onOversized);
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
    this.#abortAll();
    this.#open.clear();
  }

  #abortAll(): void {
    for (const id of this.#open.keys()) this.#onCancel(id);
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
    if ((kind === KIND.call || kind === KIND.stream) && this.#greeted) this.#onCall(kind, id, { body, isOwn });
    else if (kind === KIND.cancel && this.#greeted) this.#onCancel(id);
    else if (kind === KIND.credit && this.#greeted && body.length === CREDIT_BYTES) this.#streams.get(id)?.add(readU32(body, 0));
    else if (kind === KIND.ping && this.#greeted) this.#writer.write((batch) => batch.add(KIND.pong, id));
    else if (kind === KIND.hello && id === 0) this.#onHello(decodeHello(body));
    else this.#refuseAll(unexpected(this.#greeted ? `A host sends no frame of kind ${kind}` : "The first frame must be hello"));
  };

  /** The first hello says who calls and is answered; a later one carries the token. */
  #onHello(hello: Readonly<Record<string, unknown>> | undefined): void {
    if (hello === undefined) return this.#refuseAll(unexpected("The hello is no JSON object"));
    const { polyplug, host, nonce, token } = hello;
    if (typeof token === "string") this.#said.set(HEADERS.authorization, `Bearer ${token}`);
    if (this.#greeted) return this.#admit();
    if (polyplug !== PROTOCOL_VERSION) {
      return this.#refuseAll(unexpected(`This plugin speaks version ${PROTOCOL_VERSION} of the contract, not ${String(polyplug)}`));
    }
    this.#greeted = true;
    if (typeof host === "string") this.#said.set(HEADERS.host, host);
    try {
      this.#options.greet(this.#header);
    } catch (error) {
      return this.#refuseAll(asRefusal(error));
    }
    this.#admit();
    void this.#greet(typeof nonce === "string" ? nonce : undefined);
  }

  async #greet(nonce: string | undefined): Promise<void> {
    const { features } = this.#options;
    const proof = nonce === undefined ? undefined : await this.#options.prove(nonce);
    this.#writer.write((batch) => batch.addHello({ polyplug: PROTOCOL_VERSION, features, ...(proof === undefined ? {} : { proof }) }));
  }

  readonly #header = (name: string): string | undefined => this.#said.get(name);

  /** Finds out whether this connection may call. One that may is believed larger frames. */
  #admit(): void {
    try {
      this.#runner = this.#options.admit(this.#header);
      this.#refusal = undefined;
      this.#reader.capBytes = this.#options.maxPayloadBytes + META_BYTES;
    } catch (error) {
      this.#runner = undefined;
      this.#refusal = asRefusal(error);
    }
  }

  #onCancel(id: number): void {
    this.#open.get(id)?.abort();
    this.#streams.get(id)?.leave();
  }

  #onCall(kind: number, id: number, { body, isOwn }: { readonly body: Uint8Array; readonly isOwn: boolean }): void {
    const runner = this.#runner;
    if (runner === undefined) return this.#fail(id, this.#refusal ?? unexpected("Nobody has said who calls"));
    const call = ReceivedCall.from(body);
    if (call === undefined) return this.#refuse(id, unexpected("The lengths in the call do not fit"));
    const { maxPayloadBytes } = this.#options;
    if (call.payload.length > maxPayloadBytes) return this.#refuse(id, tooLarge(maxPayloadBytes));
    if (this.#open.has(id)) return this.#refuseAll(unexpected(`There is an open call ${id} already`));
    const open = new OpenCall(call, { isOwn, host: this.#said.get(HEADERS.host) ?? "", toHost: this.#options.isHost === true });
    this.#open.set(id, open);
    if (kind === KIND.stream) return void this.#serve(id, runner.stream(open)[Symbol.asyncIterator]());
    runner.exec(open).then((bytes) => {
      if (this.#open.delete(id)) this.#writer.write((batch) => batch.add(KIND.result, id, bytes));
    }, (error: PluginError) => {
      if (this.#open.delete(id)) this.#fail(id, error);
    });
  }

  /** What was given up is answered no more: its id is free again at once. */
  async #serve(id: number, parts: AsyncIterator<Bytes>): Promise<void> {
    const stream = new ServedStream(parts);
    this.#streams.set(id, stream);
    await stream.send({
      part: (bytes) => this.#writer.write((batch) => batch.add(KIND.part, id, bytes)),
      end: () => this.#writer.write((batch) => batch.add(KIND.end, id)),
      error: (error) => this.#fail(id, isPluginError(error) ? error : refusal("exec.failed", messageOf(error))),
    });
    this.#streams.delete(id);
    this.#open.delete(id);
  }

  readonly #onOversized = (kind: number, id: number): void => {
    if (kind === KIND.call || kind === KIND.stream) this.#refuse(id, this.#refusal ?? tooLarge(this.#options.maxPayloadBytes));
    else this.#refuseAll(unexpected(`The frame of kind ${kind} is too large`));
  };

  /** Answers a call that could not be read. */
  #refuse(id: number, error: PluginError): void {
    this.#runner?.refused?.(error);
    this.#fail(id, error);
  }

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
    this.#abortAll();
  }

  /** Who does not read the answers gets to send no more calls. */
  #onFull(): void {
    if (this.#socket.writableLength > this.#options.maxPayloadBytes) this.#socket.pause();
  }
}

function asRefusal(error: unknown): PluginError {
  if (isPluginError(error)) return error;
  throw error;
}

/** What makes the rest of a connection unreadable. */
function unexpected(what: string): PluginError {
  return refusal("exec.bad_request", what);
}
