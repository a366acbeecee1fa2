/**
 * The calls of the other side: takes what came, runs it, has the answer written. Each is answered once.
 * @module
 */
import type { Bytes } from "../caller.ts";
import { OneListener } from "../cancellation.ts";
import { isPluginError, messageOf, PluginError, refusal } from "../errors.ts";
import { checkPayload, type HeaderOf, tooLarge } from "../guard.ts";
import { HEADERS, requestFromHeaders, timeoutFromHeader } from "../headers.ts";
import { ServedStream } from "../served_stream.ts";
import type { Runner, Service } from "../server.ts";
import type { Outbox } from "./outbox.ts";
import {
  endLine,
  errorLine,
  headersFromParams,
  type Id,
  type IncomingCall,
  isId,
  isObject,
  type Message,
  METHODS,
  partLine,
  pongLine,
  readCall,
  responseLine,
} from "./wire.ts";

// What follows is a host's: a plugin's own host, which reads, may ask of it what it likes.
/** How many calls may be open, answers that wait to be read among them; who goes on then is no program that can be talked to. */
const MOST_OPEN = 20_000;
/** How many of the largest answers may wait to be read. */
const LARGEST_WAITING = 4;
const LEAST_WAITING_BYTES = 4 * 1024 * 1024;

interface Running {
  readonly call: IncomingCall;
  readonly signal: OneListener;
}

/** Runs the other side's calls. */
export class Answering {
  readonly #outbox: Outbox;
  readonly #service: Service;
  readonly #open = new Map<Id, OneListener>();
  /** Those of the open calls that are answered in parts. */
  readonly #streams = new Map<Id, ServedStream>();
  readonly #mostOpen: number;
  readonly #mostBytes: number;
  /** On either side, since parts that find no room can wait. */
  readonly #mostPartBytes: number;

  constructor(outbox: Outbox, service: Service) {
    this.#outbox = outbox;
    this.#service = service;
    const { isHost = false, maxPayloadBytes } = service;
    this.#mostOpen = isHost ? MOST_OPEN : Infinity;
    this.#mostPartBytes = Math.max(LEAST_WAITING_BYTES, LARGEST_WAITING * maxPayloadBytes);
    this.#mostBytes = isHost ? this.#mostPartBytes : Infinity;
  }

  /**
   * Takes a request or a notification; gives what is wrong with it when it is dropped.
   * @throws {PluginError} "caller.overloaded" when the other side asks and asks, and reads no answer.
   */
  take(message: Message): string | undefined {
    const { method, params, id } = message;
    if (id === undefined) return this.#onNotice(method, params);
    if (!isId(id)) return "Its id is neither text nor number";
    // An answer to it would be taken for the answer to the one that is open.
    if (this.#open.has(id)) return `There is an open call of the id ${JSON.stringify(id)} already`;
    if (this.#open.size + this.#outbox.size >= this.#mostOpen) {
      throw new PluginError("caller.overloaded", `It has ${MOST_OPEN} calls open and reads no answer`);
    }
    if (method === METHODS.exec || method === METHODS.stream) this.#onCall(id, method, params);
    else if (method === METHODS.ping) this.#ping(id, params);
    else this.#fail(id, refusal("exec.unknown_command", `There is no method ${JSON.stringify(method).slice(0, 100)}`));
    return undefined;
  }

  /** A call of this id was too long to be read. */
  takeOversized(id: Id): void {
    const error = tooLarge(this.#service.maxPayloadBytes);
    this.#refuse(id, this.#runner(() => undefined), error);
  }

  /** Nobody waits for any answer. */
  end(): void {
    for (const id of this.#open.keys()) this.#cancel(id);
  }

  /** The other side says nothing more: a stream that needs credit gets none. */
  starve(): void {
    for (const [id, stream] of this.#streams) stream.starve(() => this.#cancel(id));
  }

  /** That the call has been answered meanwhile is nobody's fault. */
  #onNotice(method: unknown, params: unknown): string | undefined {
    if (method !== METHODS.cancel && method !== METHODS.more) return `There is no notification ${JSON.stringify(method).slice(0, 100)}`;
    const { id, count }: Readonly<Record<string, unknown>> = isObject(params) ? params : {};
    if (!isId(id)) return "It names no call";
    if (method === METHODS.cancel) this.#cancel(id);
    else if (Number.isSafeInteger(count) && Number(count) > 0) this.#streams.get(id)?.add(Number(count));
    else return "Its count is no whole number above 0";
    return undefined;
  }

  #cancel(id: Id): void {
    this.#open.get(id)?.abort();
    this.#streams.get(id)?.leave();
  }

  #ping(id: Id, params: unknown): void {
    try {
      this.#service.greet(headersFromParams(params));
    } catch (error) {
      return this.#fail(id, asRefusal(error));
    }
    this.#say(pongLine(id, this.#service.features));
  }

  #onCall(id: Id, method: "exec" | "stream", params: unknown): void {
    const header = headersFromParams(params);
    const runner = this.#runner(header);
    if (isPluginError(runner)) return this.#fail(id, runner);
    const call = readCall(params);
    if (typeof call === "string") return this.#refuse(id, runner, refusal("exec.bad_request", call));
    try {
      checkPayload(call.payload, this.#service);
    } catch (error) {
      return this.#refuse(id, runner, asRefusal(error));
    }
    const signal = new OneListener();
    const timeoutMs = timeoutFromHeader(header(HEADERS.timeoutMs));
    const request = requestFromHeaders(header, { ...call, signal, timeoutMs });
    this.#open.set(id, signal);
    if (method === METHODS.exec) this.#exec(id, runner.exec(request), { call, signal });
    else void this.#stream(id, runner.stream(request), call);
  }

  #exec(id: Id, answer: Promise<Uint8Array>, { call, signal }: Running): void {
    const isClosed = () => {
      this.#open.delete(id);
      if (signal.aborted) this.#fail(id, cancelled(call));
      return signal.aborted;
    };
    answer.then(
      (bytes) => isClosed() || this.#respond(id, bytes),
      (error) => isClosed() || this.#fail(id, asRefusal(error)),
    );
  }

  /** Its answer follows the parts: the end, what went wrong, or that it was given up. */
  async #stream(id: Id, parts: AsyncIterable<Bytes>, call: IncomingCall): Promise<void> {
    const stream = new ServedStream(parts[Symbol.asyncIterator]());
    this.#streams.set(id, stream);
    let answer = () => this.#fail(id, cancelled(call));
    await stream.send({
      part: (bytes) => this.#part(id, bytes, stream),
      end: () => answer = () => this.#say(endLine(id)),
      error: (error) => answer = () => this.#fail(id, asRefusal(error)),
    });
    this.#streams.delete(id);
    this.#open.delete(id);
    answer();
  }

  /** Who does not read its pipe holds the streams up. */
  async #part(id: Id, bytes: Bytes, stream: ServedStream): Promise<void> {
    while (this.#outbox.bytes > 0 && this.#outbox.bytes + bytes.length > this.#mostPartBytes) await this.#outbox.empty();
    if (!stream.isLeft) this.#outbox.add({ line: () => partLine(id, bytes), bytes: bytes.length });
  }

  #respond(id: Id, bytes: Uint8Array): void {
    if (this.#outbox.bytes + bytes.length > this.#mostBytes && this.#outbox.bytes > 0) {
      const message = `The answer was dropped: ${this.#outbox.bytes} bytes of earlier ones wait to be read`;
      return this.#fail(id, new PluginError("caller.overloaded", message));
    }
    this.#outbox.add({ line: () => responseLine(id, bytes), bytes: bytes.length });
  }

  #runner(header: HeaderOf): Runner | PluginError {
    try {
      return this.#service.admit(header);
    } catch (error) {
      return asRefusal(error);
    }
  }

  /** Answers a call that could not be read. */
  #refuse(id: Id, runner: Runner | PluginError, error: PluginError): void {
    if (!isPluginError(runner)) runner.refused?.(error);
    this.#fail(id, error);
  }

  #fail(id: Id, error: PluginError): void {
    this.#say(errorLine(id, error));
  }

  #say(line: string): void {
    this.#outbox.add({ line: () => line, bytes: 0 });
  }
}

function cancelled({ command }: IncomingCall): PluginError {
  return refusal("exec.cancelled", `The caller of "${command}" is gone`);
}

function asRefusal(error: unknown): PluginError {
  return isPluginError(error) ? error : refusal("exec.failed", messageOf(error));
}
