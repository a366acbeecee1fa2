/**
 * One connection of the framed socket as the host has it: takes calls and what its socket gives, gives the answers.
 * @module
 */
import type { AttemptOptions, Bytes, CallOptions, DriverOptions, Identity } from "../caller.ts";
import { answerTooLarge, lostError, refusedError } from "../call_error.ts";
import { errorFromPeer } from "../peer_error.ts";
import { isPluginError, PluginError, withMore } from "../errors.ts";
import { wholeTimeoutMs } from "../headers.ts";
import { OpenStream } from "../open_stream.ts";
import { PROTOCOL_VERSION } from "../reserved.ts";
import type { FrameBatch } from "./batch.ts";
import { FrameReader } from "./reader.ts";
import { type Call, decodeError, decodeHello, HELLO_CAP, KIND, META_BYTES } from "./wire.ts";
import { type FrameSink, FrameWriter } from "./writer.ts";

/** What a connection knows of its plugin. */
export type LineOptions = Pick<DriverOptions, "plugin" | "maxPayloadBytes" | "isHost" | "onNotice">;

/** Of so many streams that were given up parts may still come. */
const MOST_LEFT = 64;

interface Pending {
  /** Of a call. */
  resolve?(value: Bytes): void;
  reject(error: unknown): void;
  /** Of a stream. */
  readonly stream?: OpenStream;
  /** Where `giveUp` listens. */
  readonly signal: AbortSignal | undefined;
  readonly giveUp: (reason: unknown) => void;
}

/** What happens around a connection. */
export interface LineEvents {
  /** Runs a function at the end of this tick. */
  readonly defer: (run: () => void) => void;
  /** Called once, when the connection can no longer be used. */
  readonly onEnd: () => void;
}

/** What a connection needs of a socket; who opens it hands on what it says. */
export interface LineSocket extends FrameSink {
  destroy(): void;
  /** Lets the process wait for it, while calls are open. */
  ref(): void;
  unref(): void;
}

/** One connection and its open calls. */
export class Line {
  readonly #socket: LineSocket;
  readonly #options: LineOptions;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #pending = new Map<number, Pending>();
  readonly #onEnd: () => void;
  #greeting: ((hello: Readonly<Record<string, unknown>> | PluginError) => void) | undefined;
  /** Streams that were given up, the last few. */
  readonly #left = new Set<number>();
  #hasNoticed = false;
  #nextId = 1;
  #ended: PluginError | undefined;

  constructor(socket: LineSocket, options: LineOptions, { defer, onEnd }: LineEvents) {
    this.#socket = socket;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#writer = new FrameWriter(socket, defer);
    this.#reader = new FrameReader(HELLO_CAP, this.#onFrame, this.#onOversized);
    socket.unref();
  }

  /** Says who calls, and asks who answers; a right answer lets larger frames through. */
  async greet(host: string, said: { readonly nonce?: string | undefined; readonly token?: string | undefined }): Promise<Identity> {
    const answer = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      this.#greeting = (hello) => hello instanceof Error ? reject(hello) : resolve(hello);
    });
    this.#writer.write((batch) => batch.addHello({ polyplug: PROTOCOL_VERSION, host, ...said }));
    this.#writer.flush();
    const { polyplug, features, proof } = await answer;
    if (typeof polyplug !== "number") {
      const error = new PluginError("caller.bad_response", "The hello of the other side names no version");
      this.end(error);
      throw error;
    }
    this.#reader.capBytes = this.#options.maxPayloadBytes + META_BYTES;
    return {
      protocol: polyplug,
      features: Array.isArray(features) ? features.filter((each) => typeof each === "string") : [],
      ...(typeof proof === "string" ? { proof } : {}),
    };
  }

  /** Shows that this host is the one that started the plugin. */
  sendToken(token: string): void {
    this.#writer.write((batch) => batch.addHello({ token }));
  }

  async ping(options: CallOptions): Promise<void> {
    await this.#ask(options, (batch, id) => batch.add(KIND.ping, id));
  }

  /** Sends one call; the bytes of its answer are nobody else's. */
  call(command: string, payload: Uint8Array, options: AttemptOptions): Promise<Bytes> {
    const call = callFrom(command, payload, options);
    return this.#ask(options, (batch, id) => batch.addCall(id, call));
  }

  /** Asks for a stream; gives its parts, of which no more are kept than it has given credit for. */
  stream(command: string, payload: Uint8Array, options: AttemptOptions): AsyncIterator<Bytes, undefined> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#named(refusedError("The connection was closed"));
    const id = this.#freeId();
    const call = callFrom(command, payload, options);
    const stream = new OpenStream({
      onCredit: (parts) => this.#writer.write((batch) => batch.addCredit(id, parts)),
      onLeft: () => this.#cancel(id),
    });
    const giveUp = () => {
      this.#cancel(id);
      stream.drop(signal?.reason);
    };
    this.#add(id, { stream, signal, giveUp, reject: (error) => stream.fail(error) });
    this.#writer.write((batch) => batch.addCall(id, call, KIND.stream));
    signal?.addEventListener("abort", giveUp, { once: true });
    return stream;
  }

  /** Sends one frame that asks for an answer of the same id. */
  #ask({ signal, onGiveUp }: AttemptOptions, write: (batch: FrameBatch, id: number) => void): Promise<Bytes> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.#ended !== undefined) return reject(this.#named(refusedError("The connection was closed")));
      const id = this.#freeId();
      const giveUp = (reason: unknown) => this.#giveUp(id, signal?.aborted === true ? signal.reason : reason);
      this.#add(id, { resolve, reject, signal, giveUp });
      this.#writer.write(write, id);
      // Last of all: who has given up while this connection was made says so at once.
      signal?.addEventListener("abort", giveUp, { once: true });
      onGiveUp?.(giveUp);
    });
  }

  #add(id: number, pending: Pending): void {
    this.#pending.set(id, pending);
    if (this.#pending.size === 1) this.#socket.ref();
  }

  #freeId(): number {
    let id = this.#nextId;
    while (this.#pending.has(id)) id = following(id);
    this.#nextId = following(id);
    return id;
  }

  /** Ends the connection and every open call with this error. */
  end(error: PluginError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#greeting?.(error);
    this.#onEnd();
    this.#writer.close();
    this.#socket.destroy();
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(this.#named(error));
  }

  #giveUp(id: number, reason: unknown): void {
    this.#cancel(id)?.reject(reason);
  }

  /** Says that nobody waits any more. */
  #cancel(id: number): Pending | undefined {
    const pending = this.#settle(id);
    if (pending === undefined) return undefined;
    this.#writer.write((batch) => batch.add(KIND.cancel, id));
    if (pending.stream !== undefined) this.#left.add(id);
    if (this.#left.size > MOST_LEFT) this.#left.delete(this.#left.values().next().value ?? 0);
    return pending;
  }

  /** The stream has ended rightly, so nobody else hears of it. */
  #noticeStray(id: number): void {
    if (this.#left.has(id) || this.#hasNoticed) return;
    this.#hasNoticed = true;
    this.#options.onNotice?.(`It sent a part of a stream that had ended, or that nobody had asked for (id ${id}); it was passed over`);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    pending.signal?.removeEventListener("abort", pending.giveUp);
    if (this.#pending.size === 0) this.#socket.unref();
    return pending;
  }

  /** Reads what the socket gives. */
  read(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.end(isPluginError(error) ? error : lostError("it could not be read", error));
    }
  }

  readonly #onFrame = (kind: number, id: number, body: Uint8Array, isOwn: boolean): void => {
    if (kind === KIND.result) this.#onResult(id, body, isOwn);
    else if (kind === KIND.part) this.#onPart(id, body, isOwn);
    else if (kind === KIND.end) this.#onStreamEnd(id);
    else if (kind === KIND.pong) this.#resolve(id, EMPTY);
    else if (kind === KIND.error) this.#onError(id, body);
    else if (kind === KIND.hello) this.#onHello(body);
    else this.end(new PluginError("caller.bad_response", `The plugin sent a frame of kind ${kind}, which only a host sends`));
  };

  #onHello(body: Uint8Array): void {
    const hello = decodeHello(body);
    if (hello === undefined) this.end(new PluginError("caller.bad_response", "The hello of the other side is no JSON object"));
    else this.#greeting?.(hello);
  }

  #onResult(id: number, body: Uint8Array, isOwn: boolean): void {
    if (body.length > this.#options.maxPayloadBytes) return this.#onOversized(KIND.result, id, body.length);
    // Not slice(): that of a Buffer shares its memory.
    this.#resolve(id, (isOwn ? body : new Uint8Array(body)) as Bytes);
  }

  #resolve(id: number, answer: Bytes): void {
    const pending = this.#pending.get(id);
    if (pending?.stream !== undefined) return this.#refuse(id, "A stream was answered as a call is");
    this.#settle(id)?.resolve?.(answer);
  }

  /** What comes of a stream that was given up is passed over, as its answer would be. */
  #onPart(id: number, body: Uint8Array, isOwn: boolean): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return this.#noticeStray(id);
    if (body.length > this.#options.maxPayloadBytes) return this.#onOversized(KIND.part, id, body.length);
    if (pending.stream === undefined) return this.#refuse(id, "A call was answered with a part of a stream");
    if (!pending.stream.take((isOwn ? body : new Uint8Array(body)) as Bytes)) this.#refuse(id, "It sent more parts than it had credit for");
  }

  #onStreamEnd(id: number): void {
    if (this.#pending.get(id)?.stream === undefined) return this.#refuse(id, "A call was answered with the end of a stream");
    this.#settle(id)?.stream?.finish();
  }

  /** Gives up a call whose answer is wrong. */
  #refuse(id: number, message: string): void {
    this.#cancel(id)?.reject(this.#named(new PluginError("caller.bad_response", message)));
  }

  #onError(id: number, body: Uint8Array): void {
    const { code = "exec.failed", message = "The error cannot be read" } = decodeError(body) ?? {};
    const error = errorFromPeer(code, message, this.#options);
    if (id === 0) this.end(error);
    else this.#settle(id)?.reject(error);
  }

  readonly #onOversized = (_kind: number, id: number, bytes: number): void => {
    const error = this.#named(answerTooLarge(this.#options.maxPayloadBytes, bytes));
    if (id === 0) this.end(error);
    else if (this.#pending.get(id)?.stream !== undefined) this.#cancel(id)?.reject(error);
    else this.#settle(id)?.reject(error);
  };

  #named(error: PluginError): PluginError {
    return withMore(error, { plugin: this.#options.plugin });
  }
}

function callFrom(command: string, payload: Uint8Array, options: AttemptOptions): Call {
  const { requestId = "", traceparent = "", target, from = "", hops = 0, attempt = 1, timeoutMs } = options;
  return { timeoutMs: wholeTimeoutMs(timeoutMs) ?? 0, attempt, hops, requestId, traceparent, party: target ?? from, command, payload };
}

/** The next odd number of 32 bits. */
function following(id: number): number {
  return id >= 0xffffffff ? 1 : id + 2;
}

const EMPTY: Bytes = new Uint8Array(0);
