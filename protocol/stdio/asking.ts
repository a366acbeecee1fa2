/**
 * The calls of this side: takes calls, pings and streams, has them written, gives each the answer and the parts of its id.
 * @module
 */
import type { AttemptOptions, Bytes, CallOptions, Identity } from "../caller.ts";
import { answerTooLarge, payloadTooLarge, refusedError } from "../call_error.ts";
import { isPluginError, PluginError, withMore } from "../errors.ts";
import { decodeHex } from "../hex.ts";
import { OpenStream } from "../open_stream.ts";
import { failedStream } from "../part_reader.ts";
import { errorFromPeer, type Peer } from "../peer_error.ts";
import type { Item, Outbox } from "./outbox.ts";
import {
  callLine,
  cancelLine,
  type Edges,
  isObject,
  type Message,
  moreLine,
  type OutgoingCall,
  pingLine,
  readError,
  readPong,
  readResponse,
  requireEnd,
} from "./wire.ts";

/** What it knows of the other side. */
export interface AskingOptions extends Peer {
  /** This side's name. */
  readonly host: string;
  /** The largest payload and answer, in bytes. */
  readonly maxPayloadBytes: number;
}

/** How many calls may wait for room in the pipe. */
const MOST_WAITING = 10_000;
/** How many calls that nobody waits for are known for such, so that their late answers are not taken for strange ones. */
const MOST_ABANDONED = 1000;

/** A call from when it is made until it is answered, or nobody waits any more. */
interface Asked extends Item {
  settle(message: Message): void;
  reject(error: unknown): void;
  /** Of a call for one. */
  readonly stream?: OpenStream;
  readonly signal: AbortSignal | undefined;
  readonly giveUp: (reason: unknown) => void;
}

interface Settling<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Calls and their answers. */
export class Asking {
  /** Whether the other side takes `$/cancel`. */
  takesCancel = false;
  readonly #outbox: Outbox;
  readonly #options: AskingOptions;
  readonly #open = new Map<unknown, Asked>();
  readonly #abandoned = new Set<unknown>();
  #nextId = 1;
  #hasNoticed = false;
  #ended: PluginError | undefined;

  constructor(outbox: Outbox, options: AskingOptions) {
    this.#outbox = outbox;
    this.#options = options;
  }

  /** One ping. */
  ping(options: CallOptions): Promise<Identity> {
    return this.#ask(options, (id) => pingLine(id, this.#options.host), readPong);
  }

  /** One call. */
  exec(command: string, payload: Uint8Array, options: AttemptOptions): Promise<Bytes> {
    const problem = this.#problemOf(command, payload);
    if (problem !== undefined) return Promise.reject(problem);
    return this.#ask(options, this.#writer({ method: "exec", command, payload, options }), this.#readBytes);
  }

  /** One call for a stream, made at once; no more of its parts are kept than it has given credit for. */
  stream(command: string, payload: Uint8Array, options: AttemptOptions): AsyncIterable<Bytes> {
    const { signal } = options;
    if (signal?.aborted === true) return failedStream(signal.reason);
    const problem = this.#problemOf(command, payload) ?? this.#refusal();
    if (problem !== undefined) return failedStream(problem);
    const id = this.#nextId++;
    const stream = new OpenStream({
      onCredit: (parts) => this.#outbox.add({ line: () => moreLine(id, parts), bytes: 0 }),
      onLeft: () => this.#leave(id),
    });
    const write = this.#writer({ method: "stream", command, payload, options });
    const reject = (error: unknown) => stream.fail(error);
    const settle = (message: Message) => this.#read(message, requireEnd, { resolve: () => stream.finish(), reject });
    const giveUp = () => {
      this.#leave(id);
      stream.drop(signal?.reason);
    };
    this.#add(id, { line: () => write(id), bytes: 0, settle, reject, stream, signal, giveUp });
    signal?.addEventListener("abort", giveUp, { once: true });
    return stream;
  }

  /** Takes an answer; whether it was one to a call of this side. */
  take(message: Message): boolean {
    const asked = this.#close(message.id);
    asked?.settle(message);
    return asked !== undefined || this.#abandoned.delete(message.id);
  }

  /** Takes a part of a stream, which ends when it is a wrong one; gives what is to be said of a part that nobody waits for. */
  takePart(params: unknown): string | undefined {
    const { id, part }: Readonly<Record<string, unknown>> = isObject(params) ? params : {};
    const asked = this.#open.get(id);
    if (asked === undefined) return this.#stray(id);
    const bytes = typeof part === "string" ? decodeHex(part) : undefined;
    const { maxPayloadBytes } = this.#options;
    if (asked.stream === undefined) this.#refuse(id, badResponse("A call was answered with a part of a stream"));
    else if (bytes === undefined) this.#refuse(id, badResponse('It sent a part whose "part" is not hex'));
    else if (bytes.length > maxPayloadBytes) this.#refuse(id, answerTooLarge(maxPayloadBytes, bytes.length));
    else if (!asked.stream.take(bytes)) this.#refuse(id, badResponse("It sent more parts than it had credit for"));
    return undefined;
  }

  /** The answer to this call, or a part of it, was too long to be read; whether there is such a call. */
  takeOversized({ id, kind }: Edges, bytes: number): boolean {
    const isKnown = this.#open.has(id) || this.#abandoned.has(id);
    // Hex doubles what is inside.
    const error = answerTooLarge(this.#options.maxPayloadBytes, Math.floor(bytes / 2));
    if (kind === "part") this.#refuse(id, error);
    else this.#close(id)?.reject(this.#named(error));
    if (kind !== "part") this.#abandoned.delete(id);
    return isKnown;
  }

  /** Nothing is answered any more. */
  end(error: PluginError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const id of [...this.#open.keys()]) {
      const asked = this.#close(id);
      if (asked !== undefined) asked.reject(this.#named(this.#outbox.remove(asked) ? refusedError(error.message) : error));
    }
  }

  #problemOf(command: string, payload: Uint8Array): PluginError | undefined {
    const { maxPayloadBytes } = this.#options;
    return payload.length > maxPayloadBytes ? this.#named(payloadTooLarge(command, payload, maxPayloadBytes)) : undefined;
  }

  /** Why nothing can be sent, if it cannot. */
  #refusal(): PluginError | undefined {
    if (this.#ended !== undefined) return this.#named(refusedError("The pipes were closed"));
    return this.#outbox.size >= MOST_WAITING ? this.#named(overloaded()) : undefined;
  }

  /** Writes a call when its turn comes, with the time that is left then. */
  #writer(call: Omit<OutgoingCall, "host">): (id: number) => string {
    const { host } = this.#options;
    const { options } = call;
    const { timeoutMs } = options;
    const begun = performance.now();
    return (id) => {
      const left = timeoutMs === undefined ? options : { ...options, timeoutMs: timeoutMs - (performance.now() - begun) };
      return callLine(id, { ...call, host, options: left });
    };
  }

  readonly #readBytes = (result: unknown): Bytes => {
    const bytes = readResponse(result);
    const { maxPayloadBytes } = this.#options;
    if (bytes.length > maxPayloadBytes) throw answerTooLarge(maxPayloadBytes, bytes.length);
    return bytes;
  };

  #ask<T>({ signal, onGiveUp }: AttemptOptions, write: (id: number) => string, read: (result: unknown) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const refusal = this.#refusal();
      if (refusal !== undefined) return reject(refusal);
      const id = this.#nextId++;
      const giveUp = (reason: unknown) => this.#giveUp(id, signal?.aborted === true ? signal.reason : reason);
      const settle = (message: Message) => this.#read(message, read, { resolve, reject });
      this.#add(id, { line: () => write(id), bytes: 0, settle, reject, signal, giveUp });
      // Last of all: who has given up while this was made says so at once.
      signal?.addEventListener("abort", giveUp, { once: true });
      onGiveUp?.(giveUp);
    });
  }

  #add(id: number, asked: Asked): void {
    this.#open.set(id, asked);
    this.#outbox.add(asked);
  }

  #read<T>(message: Message, read: (result: unknown) => T, { resolve, reject }: Settling<T>): void {
    try {
      resolve(read(this.#resultOf(message)));
    } catch (error) {
      reject(isPluginError(error) && error.plugin === undefined ? this.#named(error) : error);
    }
  }

  #resultOf(message: Message): unknown {
    if (isObject(message.error)) {
      const { code, message: text } = readError(message.error);
      throw errorFromPeer(code, text, this.#options);
    }
    if ("result" in message) return message.result;
    throw new PluginError("caller.bad_response", "The answer has neither result nor error");
  }

  #giveUp(id: number, reason: unknown): void {
    this.#leave(id)?.reject(reason);
  }

  /** Gives up a call whose answer is wrong. */
  #refuse(id: unknown, error: PluginError): void {
    this.#leave(id)?.reject(this.#named(error));
  }

  /** The stream has ended rightly, so nobody else hears of it. */
  #stray(id: unknown): string | undefined {
    if (this.#abandoned.has(id) || this.#hasNoticed) return undefined;
    this.#hasNoticed = true;
    return "a part of a stream that had ended, or that nobody had asked for";
  }

  /** Nobody waits for it any more; the other side is told when it has heard of it. */
  #leave(id: unknown): Asked | undefined {
    const asked = this.#close(id);
    if (asked !== undefined && !this.#outbox.remove(asked)) this.#abandon(id, asked);
    return asked;
  }

  #abandon(id: unknown, { stream }: Asked): void {
    this.#abandoned.add(id);
    for (const oldest of this.#abandoned) {
      if (this.#abandoned.size <= MOST_ABANDONED) break;
      this.#abandoned.delete(oldest);
    }
    // Who streams takes $/cancel of streams, since it would wait for credit for ever.
    if (this.takesCancel || stream !== undefined) this.#outbox.add({ line: () => cancelLine(Number(id)), bytes: 0 });
  }

  #close(id: unknown): Asked | undefined {
    const asked = this.#open.get(id);
    if (asked === undefined) return undefined;
    this.#open.delete(id);
    asked.signal?.removeEventListener("abort", asked.giveUp);
    return asked;
  }

  #named(error: PluginError): PluginError {
    return withMore(error, { plugin: this.#options.plugin });
  }
}

function badResponse(message: string): PluginError {
  return new PluginError("caller.bad_response", message);
}

function overloaded(): PluginError {
  const message = `${MOST_WAITING} calls wait already until the other side reads its pipe; the call was not sent`;
  return new PluginError("caller.overloaded", message, { hint: "Make fewer calls at once, or look why the plugin does not read" });
}
