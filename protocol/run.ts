/**
 * One run of a handler: takes a call and gives its answer, or why there is none; tells the handler when nobody waits any more.
 * @module
 */
import type { Bytes, Caller } from "./caller.ts";
import { expireAfter, type Expiring } from "./deadlines.ts";
import type { DispatchRequest } from "./dispatch.ts";
import { isPluginError, messageOf, type PluginError, refusal } from "./errors.ts";
import { encodeHex } from "./hex.ts";
import { createOutwardCaller, type Outside } from "./outward.ts";
import { codeFromPlugin } from "./peer_error.ts";
import { PUBLISH } from "./reserved.ts";
import type { LogLevel, PluginContext, RawHandler } from "./plugin.ts";

/** What all runs of a plugin share. */
export interface Surroundings {
  /** The plugin's configuration, once the host has given it. */
  config: Bytes;
  /** Where its handlers can call. */
  readonly outside: Outside;
  /** Whether it is the host itself that runs them, whose own codes stay. */
  readonly isHost?: boolean;
  /** Where its handlers' records go. */
  readonly log: PluginContext["log"];
}

/** What a handler has called, which ends with its run. */
export interface Outgoing {
  /** Nobody waits for the run any more. */
  abandon(cause: PluginError): void;
}

/** One call of a handler until it answers, its deadline passes, or nobody waits any more; it cannot be forced to end, only told. */
export class Run implements Expiring {
  readonly request: DispatchRequest;
  readonly surroundings: Surroundings;
  #outward: Set<Outgoing> | undefined;
  readonly #endsAt: number;
  #isOpen = true;
  #controller: AbortController | undefined;
  #gaveUp: PluginError | undefined;
  #reject: (error: PluginError) => void = () => {};
  #finish: (() => void) | undefined;

  constructor(request: DispatchRequest, surroundings: Surroundings) {
    this.request = request;
    this.surroundings = surroundings;
    this.#endsAt = request.timeoutMs === undefined ? Infinity : performance.now() + request.timeoutMs;
  }

  /** Whether somebody waits for it. What a handler calls later is no part of it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How long somebody waits for it yet, in milliseconds. */
  get leftMs(): number {
    return this.#endsAt - performance.now();
  }

  /** Made when a handler asks for it, which few do. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#gaveUp !== undefined) this.#controller.abort(this.#gaveUp);
    }
    return this.#controller.signal;
  }

  /**
   * Runs the handler; its answer, or the promise of it.
   * @throws {PluginError} what the handler throws before it has returned.
   */
  start(handler: RawHandler): Bytes | Promise<Bytes> {
    const { command } = this.request;
    try {
      const result = this.call(handler);
      if (result instanceof Uint8Array) {
        this.#isOpen = false;
        return result as Bytes;
      }
      return Promise.resolve(result).then((bytes) => requireBytes(command, bytes), (error) => Promise.reject(this.errorFrom(error)));
    } catch (error) {
      return Promise.reject(this.errorFrom(error));
    }
  }

  /** What the handler gives, whatever that is. */
  protected call(handler: RawHandler): unknown {
    return handler(this.request.payload, new Context(this));
  }

  /** What it threw, as the caller may see it. */
  protected errorFrom(error: unknown): PluginError {
    return this.surroundings.isHost === true && isPluginError(error) ? error : handlerError(error);
  }

  /** Waits for an answer that is not there yet, as long as somebody else does. */
  follow(answer: Promise<Bytes>): Promise<Bytes> {
    const { signal, timeoutMs } = this.request;
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      const deadline = timeoutMs === undefined ? undefined : expireAfter(timeoutMs, this);
      const cancel = () => this.giveUp(cancelled(this.request));
      signal.addEventListener("abort", cancel, { once: true });
      const finish = () => {
        this.close();
        deadline?.cancel();
        signal.removeEventListener("abort", cancel);
      };
      this.#finish = finish;
      answer.then(resolve, reject).finally(finish);
    });
  }

  /** Ends this call with the run, if it has not ended before. */
  keep(call: Outgoing): void {
    this.#outward ??= new Set();
    this.#outward.add(call);
  }

  /** The call has ended. */
  letGo(call: Outgoing): void {
    this.#outward?.delete(call);
  }

  /** The deadline has passed. */
  expire(): void {
    const { command, timeoutMs } = this.request;
    this.giveUp(refusal("exec.timeout", `"${command}" did not answer within ${timeoutMs} ms`));
  }

  /** It has ended. */
  protected close(): void {
    this.#isOpen = false;
  }

  /** Nobody waits any more. */
  protected giveUp(error: PluginError): void {
    this.#gaveUp = error;
    this.#reject(error);
    this.#controller?.abort(error);
    // A handler that never ends would keep its deadline, and that the process, which in a host is not its own.
    if (this.#finish === undefined) this.close();
    else this.#finish();
    for (const call of this.#outward ?? []) call.abandon(error);
  }
}

/** What the handler sees of its run. */
class Context implements PluginContext {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  get requestId(): string {
    return this.#run.request.requestId;
  }

  get traceparent(): string | undefined {
    return this.#run.request.traceparent;
  }

  get from(): string {
    return this.#run.request.from;
  }

  get config(): Bytes {
    return this.#run.surroundings.config;
  }

  get host(): Caller {
    return createOutwardCaller(this.#run, undefined);
  }

  plugin(name: string): Caller {
    return createOutwardCaller(this.#run, name);
  }

  async publish(topic: string, data: Uint8Array): Promise<string> {
    const answer = await this.host.exec(PUBLISH, new TextEncoder().encode(JSON.stringify({ topic, data: encodeHex(data) })));
    return JSON.parse(new TextDecoder().decode(answer)).id;
  }

  log(level: LogLevel, message: string, values: Readonly<Record<string, unknown>> = {}): void {
    this.#run.surroundings.log(level, message, values);
  }
}

function requireBytes(command: string, result: unknown): Bytes {
  if (result instanceof Uint8Array) return result as Bytes;
  if (isAsyncIterable(result)) throw refusal("exec.bad_request", `"${command}" answers with a stream: call it with stream(), not exec()`);
  throw notBytes(command, "returned", result);
}

/** Whether something gives parts. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** The failure of a handler that gives something else than bytes. */
export function notBytes(command: string, did: "returned" | "yielded", value: unknown): PluginError {
  return refusal("exec.failed", `The handler of "${command}" ${did} ${value === null ? "null" : typeof value}, not a Uint8Array`);
}

/** The refusal of a call that nobody waits for. */
export function cancelled({ command }: DispatchRequest): PluginError {
  return refusal("exec.cancelled", `The caller of "${command}" is gone`);
}

/** What a handler threw, as it may cross the wire: code and message, never a stack. */
function handlerError(error: unknown): PluginError {
  try {
    return readError(error);
  } catch {
    // Reading runs the thrown value's own code, a getter for example; what that throws must not end the plugin.
    return refusal("exec.failed", "The handler threw a value that cannot be read");
  }
}

function readError(error: unknown): PluginError {
  const own = typeof error === "object" && error !== null && "code" in error ? codeFromPlugin(error.code) : "exec.failed";
  // "exec.unavailable" promises that the call was not run, which is no longer true once a handler has thrown.
  return refusal(own === "exec.unavailable" ? "exec.failed" : own, messageOf(error));
}
