/**
 * A call that a handler makes: takes the run that it belongs to, gives a `Caller` whose calls end with the run and carry its trace.
 * @module
 */
import { type AttemptOptions, type Bytes, type Caller, type CallOptions, DEFAULT_TIMEOUT_MS, type DriverCaller } from "./caller.ts";
import { PluginError } from "./errors.ts";
import { failedStream, type Opened, type Opening, openParts, PartReader } from "./part_reader.ts";
import { PendingCall, requireHeaders, requireTimeout } from "./pending_call.ts";
import { createRequestId } from "./request_id.ts";
import { sendingProblem } from "./reserved.ts";
import type { Outgoing, Run } from "./run.ts";

/** Where handlers can call: the host, which knows its services and plugins. */
export type Outside = Pick<DriverCaller, "ping" | "exec" | "stream" | "takesGiveUp">;

/** Makes the caller of the host's services, or of another plugin. */
export function createOutwardCaller(run: Run, target: string | undefined): Caller {
  const to = target === undefined ? {} : { target };
  return {
    ping: (options = {}) => new OutwardCall("ping", { run, to, options }, (outside, given) => outside.ping(given)).promise,
    exec: (command, payload, options = {}): Promise<Bytes> => {
      const problem = sendingProblem(command);
      if (problem !== undefined) return Promise.reject(new TypeError(problem));
      return new OutwardCall(`"${command}"`, { run, to, options }, (outside, given) => outside.exec(command, payload, given)).promise;
    },
    stream: (command, payload, options = {}): AsyncIterable<Bytes> => {
      const problem = sendingProblem(command);
      if (problem !== undefined) return failedStream(new TypeError(problem));
      const open = (outside: Outside, given: AttemptOptions) => openOutside(outside, command, payload, given);
      return { [Symbol.asyncIterator]: () => new OutwardStream(`"${command}"`, { run, to, options }, open) };
    },
  };
}

type Send<T> = (outside: Outside, options: AttemptOptions) => Promise<T>;

interface OutwardOptions {
  readonly run: Run;
  readonly to: { readonly target?: string };
  readonly options: CallOptions;
}

/** One call of a handler; while its run is open it has no more time than that. */
export class OutwardCall<T> extends PendingCall<T> implements Outgoing {
  readonly #what: string;
  readonly #timeoutMs: number;

  /** What it waits for at most, checked. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  constructor(what: string, { run, to, options }: OutwardOptions, send: Send<T>) {
    super();
    this.#what = nameOf(what, to);
    const leftMs = run.isOpen ? run.leftMs : Infinity;
    // A run with a deadline of its own ends its calls with it, without another timer.
    this.#timeoutMs = requireTimeout(options.timeoutMs ?? (leftMs === Infinity ? DEFAULT_TIMEOUT_MS : Infinity));
    requireHeaders(options);
    if (options.signal !== undefined) this.follow(options.signal, { what: this.#what });
    if (this.settled) return;
    this.expireAfter(this.#timeoutMs);
    run.keep(this);
    const { requestId, traceparent, hops } = run.request;
    const trace = options.traceparent ?? traceparent;
    const { outside } = run.surroundings;
    const sent = send(outside, {
      ...to,
      requestId: options.requestId ?? (run.isOpen ? requestId : createRequestId()),
      ...(trace === undefined ? {} : { traceparent: trace }),
      ...(hops === 0 ? {} : { hops }),
      timeoutMs: Math.min(this.#timeoutMs, leftMs),
      ...this.giveUpOptions(outside),
    });
    // And not finally(), which would be a promise more.
    sent.then((value) => {
      run.letGo(this);
      if (!this.settled) this.resolve(value);
    }, (error) => {
      run.letGo(this);
      if (!this.settled) this.reject(error);
    });
  }

  expire(): void {
    this.giveUp(new PluginError("caller.timeout", `${this.#what} did not answer within ${this.#timeoutMs} ms`));
  }

  /** Nobody waits for the run any more. */
  abandon(cause: PluginError): void {
    if (!this.settled) this.giveUp(new PluginError("caller.aborted", `The call ${this.#what} was aborted: ${cause.message}`, { cause }));
  }
}

/** The call that waits for the first part of a stream. */
class OutwardFirst extends OutwardCall<Opened> {
  /** What a stream is given up by lives longer than this call. */
  protected override giveUpOptions(): Pick<AttemptOptions, "signal"> {
    return { signal: this.signal };
  }
}

/** One stream that a handler reads. */
class OutwardStream extends PartReader implements Outgoing {
  readonly #what: string;
  readonly #options: OutwardOptions;
  readonly #send: Send<Opened>;
  #timeoutMs = Infinity;

  constructor(what: string, options: OutwardOptions, send: Send<Opened>) {
    super(options.options.signal);
    this.#what = what;
    this.#options = options;
    this.#send = send;
  }

  protected begin(): Opening {
    const call = new OutwardFirst(this.#what, this.#options, this.#send);
    this.#timeoutMs = call.timeoutMs;
    this.#options.run.keep(this);
    return call;
  }

  protected get timeoutMs(): number {
    return this.#timeoutMs;
  }

  protected late(): PluginError {
    return new PluginError("caller.timeout", `The next part of ${this.#name} did not come within ${this.#timeoutMs} ms`);
  }

  protected aborted(cause: unknown): PluginError {
    return new PluginError("caller.aborted", `The stream ${this.#name} was aborted`, { cause });
  }

  protected override ended(): void {
    this.#options.run.letGo(this);
  }

  /** Nobody waits for the run any more. */
  abandon(cause: PluginError): void {
    this.giveUp(this.aborted(cause));
  }

  get #name(): string {
    return nameOf(this.#what, this.#options.to);
  }
}

function nameOf(what: string, { target }: OutwardOptions["to"]): string {
  return target === undefined ? `${what} of the host` : `${what} of plugin "${target}"`;
}

function openOutside(outside: Outside, command: string, payload: Uint8Array | undefined, options: AttemptOptions): Promise<Opened> {
  if (outside.stream !== undefined) return openParts(outside.stream(command, payload, options));
  return Promise.reject(new PluginError("caller.unsupported", `"${command}" cannot be streamed: this way to the host has no streams`));
}
