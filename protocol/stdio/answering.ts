/**
 * The calls of the other side: takes what came, runs it, has the answer written. Each is answered once.
 * @module
 */
import { OneListener } from "../cancellation.ts";
import { isPluginError, messageOf, PluginError, refusal } from "../errors.ts";
import { checkPayload, type HeaderOf, tooLarge } from "../guard.ts";
import { HEADERS, requestFromHeaders, timeoutFromHeader } from "../headers.ts";
import type { Runner, Service } from "../server.ts";
import type { Outbox } from "./outbox.ts";
import {
  errorLine,
  headersFromParams,
  type Id,
  type IncomingCall,
  isId,
  isObject,
  type Message,
  METHODS,
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

/** Runs the other side's calls. */
export class Answering {
  readonly #outbox: Outbox;
  readonly #service: Service;
  readonly #open = new Map<Id, OneListener>();
  readonly #mostOpen: number;
  readonly #mostBytes: number;

  constructor(outbox: Outbox, service: Service) {
    this.#outbox = outbox;
    this.#service = service;
    const { isHost = false, maxPayloadBytes } = service;
    this.#mostOpen = isHost ? MOST_OPEN : Infinity;
    this.#mostBytes = isHost ? Math.max(LEAST_WAITING_BYTES, LARGEST_WAITING * maxPayloadBytes) : Infinity;
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
    if (method === METHODS.exec) this.#exec(id, params);
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
    for (const call of this.#open.values()) call.abort();
  }

  #onNotice(method: unknown, params: unknown): string | undefined {
    if (method !== METHODS.cancel) return `There is no notification ${JSON.stringify(method).slice(0, 100)}`;
    const id = isObject(params) ? params["id"] : undefined;
    if (!isId(id)) return "It names no call";
    this.#open.get(id)?.abort(); // One that has been answered meanwhile is nobody's fault.
    return undefined;
  }

  #ping(id: Id, params: unknown): void {
    try {
      this.#service.greet(headersFromParams(params));
    } catch (error) {
      return this.#fail(id, asRefusal(error));
    }
    const line = pongLine(id, this.#service.features);
    this.#outbox.add({ line: () => line, bytes: 0 });
  }

  #exec(id: Id, params: unknown): void {
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
    this.#run(id, runner, call, header);
  }

  #run(id: Id, runner: Runner, call: IncomingCall, header: HeaderOf): void {
    const signal = new OneListener();
    const timeoutMs = timeoutFromHeader(header(HEADERS.timeoutMs));
    const isClosed = () => {
      this.#open.delete(id);
      if (signal.aborted) this.#fail(id, refusal("exec.cancelled", `The caller of "${call.command}" is gone`));
      return signal.aborted;
    };
    this.#open.set(id, signal);
    runner.exec(requestFromHeaders(header, { ...call, signal, timeoutMs })).then(
      (bytes) => isClosed() || this.#respond(id, bytes),
      (error) => isClosed() || this.#fail(id, asRefusal(error)),
    );
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
    const line = errorLine(id, error);
    this.#outbox.add({ line: () => line, bytes: 0 });
  }
}

function asRefusal(error: unknown): PluginError {
  return isPluginError(error) ? error : refusal("exec.failed", messageOf(error));
}
