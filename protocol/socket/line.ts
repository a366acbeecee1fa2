/**
 * One connection of the framed socket as the host has it: takes calls and what its socket gives, gives the answers.
 * @module
 */
import type { AttemptOptions, Bytes, CallOptions, DriverOptions, Identity } from "../caller.ts";
import { answerTooLarge, lostError, refusedError } from "../call_error.ts";
import { errorFromPeer } from "../peer_error.ts";
import { isPluginError, PluginError, withMore } from "../errors.ts";
import { wholeTimeoutMs } from "../headers.ts";
import { PROTOCOL_VERSION } from "../reserved.ts";
import type { FrameBatch } from "./batch.ts";
import { FrameReader } from "./reader.ts";
import { decodeError, decodeHello, HELLO_CAP, KIND, META_BYTES } from "./wire.ts";
import { type FrameSink, FrameWriter } from "./writer.ts";

/** What a connection knows of its plugin. */
export type LineOptions = Pick<DriverOptions, "plugin" | "maxPayloadBytes" | "isHost">;

interface Pending {
  resolve(value: Bytes): void;
  reject(error: unknown): void;
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
    const { requestId = "", traceparent = "", target, from = "", hops = 0, attempt = 1, timeoutMs } = options;
    const call = {
      timeoutMs: wholeTimeoutMs(timeoutMs) ?? 0,
      attempt,
      hops,
      requestId,
      traceparent,
      party: target ?? from,
      command,
      payload,
    };
    return this.#ask(options, (batch, id) => batch.addCall(id, call));
  }

  /** Sends one frame that asks for an answer of the same id. */
  #ask({ signal, onGiveUp }: AttemptOptions, write: (batch: FrameBatch, id: number) => void): Promise<Bytes> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.#ended !== undefined) return reject(this.#named(refusedError("The connection was closed")));
      const id = this.#freeId();
      const giveUp = (reason: unknown) => this.#giveUp(id, signal?.aborted === true ? signal.reason : reason);
      this.#pending.set(id, { resolve, reject, signal, giveUp });
      if (this.#pending.size === 1) this.#socket.ref();
      this.#writer.write(write, id);
      // Last of all: who has given up while this connection was made says so at once.
      signal?.addEventListener("abort", giveUp, { once: true });
      onGiveUp?.(giveUp);
    });
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
    const pending = this.#settle(id);
    if (pending === undefined) return;
    this.#writer.write((batch) => batch.add(KIND.cancel, id));
    pending.reject(reason);
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
    else if (kind === KIND.pong) this.#settle(id)?.resolve(EMPTY);
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
    this.#settle(id)?.resolve((isOwn ? body : new Uint8Array(body)) as Bytes);
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
    else this.#settle(id)?.reject(error);
  };

  #named(error: PluginError): PluginError {
    return withMore(error, { plugin: this.#options.plugin });
  }
}

/** The next odd number of 32 bits. */
function following(id: number): number {
  return id >= 0xffffffff ? 1 : id + 2;
}

const EMPTY: Bytes = new Uint8Array(0);
