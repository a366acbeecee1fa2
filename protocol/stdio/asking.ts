/**
 * The calls of this side: takes calls and pings, has them written, gives each the answer of its id.
 * @module
 */
import type { AttemptOptions, Bytes, CallOptions, Identity } from "../caller.ts";
import { answerTooLarge, payloadTooLarge, refusedError } from "../call_error.ts";
import { isPluginError, PluginError, withMore } from "../errors.ts";
import { errorFromPeer, type Peer } from "../peer_error.ts";
import type { Item, Outbox } from "./outbox.ts";
import { cancelLine, execLine, isObject, type Message, pingLine, readError, readPong, readResponse } from "./wire.ts";

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
  readonly signal: AbortSignal | undefined;
  readonly giveUp: (reason: unknown) => void;
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
    const { host, maxPayloadBytes } = this.#options;
    if (payload.length > maxPayloadBytes) return Promise.reject(this.#named(payloadTooLarge(command, payload, maxPayloadBytes)));
    const begun = performance.now();
    const write = (id: number): string => {
      const { timeoutMs } = options;
      const left = timeoutMs === undefined ? options : { ...options, timeoutMs: timeoutMs - (performance.now() - begun) };
      return execLine(id, { command, payload, host, options: left });
    };
    return this.#ask(options, write, this.#readBytes);
  }

  /** Takes an answer; whether it was one to a call of this side. */
  take(message: Message): boolean {
    const asked = this.#close(message.id);
    asked?.settle(message);
    return asked !== undefined || this.#abandoned.delete(message.id);
  }

  /** The answer to this call was too long to be read; whether there is such a call. */
  takeOversized(id: unknown, bytes: number): boolean {
    const asked = this.#close(id);
    // Hex doubles what is inside.
    asked?.reject(this.#named(answerTooLarge(this.#options.maxPayloadBytes, Math.floor(bytes / 2))));
    return asked !== undefined || this.#abandoned.delete(id);
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

  readonly #readBytes = (result: unknown): Bytes => {
    const bytes = readResponse(result);
    const { maxPayloadBytes } = this.#options;
    if (bytes.length > maxPayloadBytes) throw answerTooLarge(maxPayloadBytes, bytes.length);
    return bytes;
  };

  #ask<T>({ signal, onGiveUp }: AttemptOptions, write: (id: number) => string, read: (result: unknown) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      if (this.#ended !== undefined) return reject(this.#named(refusedError("The pipes were closed")));
      if (this.#outbox.size >= MOST_WAITING) return reject(this.#named(overloaded()));
      const id = this.#nextId++;
      const giveUp = (reason: unknown) => this.#giveUp(id, signal?.aborted === true ? signal.reason : reason);
      const settle = (message: Message) => {
        try {
          resolve(read(this.#resultOf(message)));
        } catch (error) {
          reject(isPluginError(error) && error.plugin === undefined ? this.#named(error) : error);
        }
      };
      const asked: Asked = { line: () => write(id), bytes: 0, settle, reject, signal, giveUp };
      this.#open.set(id, asked);
      this.#outbox.add(asked);
      // Last of all: who has given up while this was made says so at once.
      signal?.addEventListener("abort", giveUp, { once: true });
      onGiveUp?.(giveUp);
    });
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
    const asked = this.#close(id);
    if (asked === undefined) return;
    if (!this.#outbox.remove(asked)) this.#abandon(id);
    asked.reject(reason);
  }

  #abandon(id: number): void {
    this.#abandoned.add(id);
    for (const oldest of this.#abandoned) {
      if (this.#abandoned.size <= MOST_ABANDONED) break;
      this.#abandoned.delete(oldest);
    }
    if (this.takesCancel) this.#outbox.add({ line: () => cancelLine(id), bytes: 0 });
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

function overloaded(): PluginError {
  const message = `${MOST_WAITING} calls wait already until the other side reads its pipe; the call was not sent`;
  return new PluginError("caller.overloaded", message, { hint: "Make fewer calls at once, or look why the plugin does not read" });
}
