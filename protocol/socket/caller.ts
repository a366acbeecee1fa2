/**
 * The host's half of the framed socket: takes an endpoint, gives a `DriverCaller` that has all its calls on one connection.
 * @module
 */
import { connect, type Socket } from "node:net";
import process from "node:process";
import type { AttemptOptions, Bytes, CallOptions, DriverCaller, DriverOptions, Identity } from "../caller.ts";
import { codeFromPlugin } from "../dispatch.ts";
import type { Endpoint } from "../endpoint.ts";
import { isPluginError, PluginError } from "../errors.ts";
import { wholeTimeoutMs } from "../headers.ts";
import { createNonce, equalsSecret, proofFromToken } from "../proof.ts";
import { PROTOCOL_VERSION } from "../reserved.ts";
import { errorFromTransport, lostError, refusedError } from "../transport_error.ts";
import { FrameBatch } from "./batch.ts";
import { FrameReader } from "./reader.ts";
import { decodeError, decodeHello, HELLO_CAP, KIND, META_BYTES } from "./wire.ts";

/**
 * Opens the driver of the framed socket; it connects at the first call, and again when the connection was lost.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export function openSocketCaller(endpoint: Endpoint, options: DriverOptions): DriverCaller {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "The framed socket needs a Unix-socket or TCP endpoint");
  return new SocketCaller(endpoint, options);
}

type Place = Exclude<Endpoint, { kind: "pipes" }>;

class SocketCaller implements DriverCaller {
  readonly takesGiveUp = true;
  readonly #place: Place;
  readonly #options: DriverOptions;
  #line: Line | undefined;
  #opening: Promise<Line> | undefined;
  #token: string | undefined;
  #closed = false;

  constructor(place: Place, options: DriverOptions) {
    this.#place = place;
    this.#options = options;
  }

  async ping(options: CallOptions = {}): Promise<"pong"> {
    const line = this.#line ?? await this.#guarded(options, () => this.#open());
    await line.ask(options, (batch, id) => batch.add(KIND.ping, id));
    return "pong";
  }

  async identify(nonce: string | undefined, options: CallOptions = {}): Promise<Identity> {
    return await this.#guarded(options, async () => {
      const line = await this.#connect();
      const identity = await line.greet(this.#options.host, nonce);
      this.#line = line;
      return identity;
    });
  }

  trust(token: string): void {
    this.#token = token;
    this.#line?.sendToken(token);
  }

  exec(command: string, payload: Uint8Array = EMPTY, options: CallOptions = {}): Promise<Bytes> {
    const limit = this.#options.maxPayloadBytes;
    if (payload.length > limit) {
      const message = `The payload for "${command}" has ${payload.length} bytes, the limit is ${limit}; it was not sent`;
      return Promise.reject(new PluginError("caller.too_large", message, { plugin: this.#options.plugin, hint: TOO_LARGE_HINT }));
    }
    const line = this.#line;
    if (line === undefined) return this.#guarded(options, () => this.#open()).then((opened) => opened.call(command, payload, options));
    return line.call(command, payload, options);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#line?.end(lostError("it was closed"));
    return Promise.resolve();
  }

  /** A connection whose other side has shown that it holds the token, when there is one; one opening serves all who wait. */
  #open(): Promise<Line> {
    return this.#opening ??= this.#openLine().finally(() => this.#opening = undefined);
  }

  async #openLine(): Promise<Line> {
    const token = this.#token;
    const line = await this.#connect();
    const nonce = token === undefined ? undefined : createNonce();
    const { proof = "" } = await line.greet(this.#options.host, nonce);
    if (token !== undefined && nonce !== undefined) {
      if (!equalsSecret(proof, await proofFromToken(token, nonce))) {
        const error = new PluginError("caller.bad_response", "What answers on the socket cannot prove that it is the plugin");
        line.end(error);
        throw error;
      }
      line.sendToken(token);
    }
    return this.#line = line;
  }

  async #connect(): Promise<Line> {
    if (this.#closed) throw refusedError("The connection was closed");
    const place = this.#place;
    const socket = connect(
      place.kind === "unix" ? { path: place.path } : { host: place.url.hostname.replace(/^\[|\]$/g, ""), port: Number(place.url.port) },
    );
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    const line: Line = new Line(socket, this.#options, () => {
      if (this.#line === line) this.#line = undefined;
    });
    if (this.#closed) line.end(lostError("it was closed"));
    return line;
  }

  async #guarded<T>({ signal }: CallOptions, act: () => Promise<T>): Promise<T> {
    try {
      signal?.throwIfAborted();
      return await act();
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw named(this.#options.plugin, isPluginError(error) ? error : errorFromTransport(error));
    }
  }
}

interface Pending {
  resolve(value: Bytes): void;
  reject(error: unknown): void;
  /** Where `giveUp` listens. */
  readonly signal: AbortSignal | undefined;
  readonly giveUp: (reason: unknown) => void;
}

/** One connection and its open calls. */
class Line {
  readonly #socket: Socket;
  readonly #options: DriverOptions;
  readonly #batch = new FrameBatch();
  readonly #reader: FrameReader;
  readonly #pending = new Map<number, Pending>();
  readonly #onEnd: () => void;
  #greeting: ((hello: Readonly<Record<string, unknown>> | PluginError) => void) | undefined;
  #nextId = 1;
  #flushing = false;
  #ended: PluginError | undefined;

  constructor(socket: Socket, options: DriverOptions, onEnd: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#reader = new FrameReader(HELLO_CAP, this.#onFrame, this.#onOversized);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", (error) => this.end(errorFromTransport(error)));
    socket.on("close", () => this.end(lostError("the plugin closed it")));
    socket.unref();
  }

  /** Says who calls, and asks who answers; a right answer lets larger frames through. */
  async greet(host: string, nonce: string | undefined): Promise<Identity> {
    const answer = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      this.#greeting = (hello) => hello instanceof Error ? reject(hello) : resolve(hello);
    });
    this.#batch.addHello({ polyplug: PROTOCOL_VERSION, host, ...(nonce === undefined ? {} : { nonce }) });
    this.#flush();
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

  sendToken(token: string): void {
    this.#batch.addHello({ token });
    this.#schedule();
  }

  call(command: string, payload: Uint8Array, options: AttemptOptions): Promise<Bytes> {
    const { requestId = "", traceparent = "", attempt = 1, timeoutMs } = options;
    const call = { timeoutMs: wholeTimeoutMs(timeoutMs) ?? 0, attempt, requestId, traceparent, command, payload };
    return this.ask(options, (batch, id) => batch.addCall(id, call));
  }

  /** Sends one frame that asks for an answer of the same id. */
  ask({ signal, onGiveUp }: AttemptOptions, write: (batch: FrameBatch, id: number) => void): Promise<Bytes> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.#ended !== undefined) return reject(named(this.#options.plugin, refusedError("The connection was closed")));
      const id = this.#freeId();
      const giveUp = (reason: unknown) => this.#giveUp(id, signal?.aborted === true ? signal.reason : reason);
      this.#pending.set(id, { resolve, reject, signal, giveUp });
      if (this.#pending.size === 1) this.#socket.ref();
      write(this.#batch, id);
      this.#schedule();
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
    this.#socket.destroy();
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(named(this.#options.plugin, error));
  }

  #giveUp(id: number, reason: unknown): void {
    const pending = this.#settle(id);
    if (pending === undefined) return;
    this.#batch.add(KIND.cancel, id);
    this.#schedule();
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

  #read(chunk: Uint8Array): void {
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
    const error = new PluginError(codeFromPlugin(code), message, { origin: "plugin", plugin: this.#options.plugin });
    if (id === 0) this.end(error);
    else this.#settle(id)?.reject(error);
  }

  readonly #onOversized = (_kind: number, id: number, bytes: number): void => {
    const message = `The answer has ${bytes} bytes, the limit is ${this.#options.maxPayloadBytes}`;
    const error = new PluginError("caller.too_large", message, { plugin: this.#options.plugin, hint: TOO_LARGE_HINT });
    if (id === 0) this.end(error);
    else this.#settle(id)?.reject(error);
  };

  /** Everything that is written in one tick goes in one system call. */
  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#ended !== undefined) return;
    const pieces = this.#batch.take();
    if (pieces.length > 1) this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    if (pieces.length > 1) this.#socket.uncork();
  }
}

/** The next odd number of 32 bits. */
function following(id: number): number {
  return id >= 0xffffffff ? 1 : id + 2;
}

const EMPTY: Bytes = new Uint8Array(0);
const TOO_LARGE_HINT = "Raise max_payload in the plugin's configuration, or send the data in parts";

function named(plugin: string, { code, message, origin, hint, cause }: PluginError): PluginError {
  return new PluginError(code, message, { origin, plugin, cause, ...(hint === undefined ? {} : { hint }) });
}
