/**
 * A call that a handler makes: takes the run that it belongs to, gives a `Caller` whose calls end with the run and carry its trace.
 * @module
 */
import { type AttemptOptions, type Bytes, type Caller, type CallOptions, DEFAULT_TIMEOUT_MS, type DriverCaller } from "./caller.ts";
import { PluginError } from "./errors.ts";
import { PendingCall, requireHeaders, requireTimeout } from "./pending_call.ts";
import { createRequestId } from "./request_id.ts";
import { sendingProblem } from "./reserved.ts";
import type { Run } from "./run.ts";

/** Where handlers can call: the host, which knows its services and plugins. */
export type Outside = Pick<DriverCaller, "ping" | "exec" | "takesGiveUp">;

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
  };
}

interface OutwardOptions {
  readonly run: Run;
  readonly to: { readonly target?: string };
  readonly options: CallOptions;
}

/** One call of a handler; while its run is open it has no more time than that. */
export class OutwardCall<T> extends PendingCall<T> {
  readonly #what: string;
  readonly #timeoutMs: number;

  constructor(what: string, { run, to, options }: OutwardOptions, send: (outside: Outside, options: AttemptOptions) => Promise<T>) {
    super();
    this.#what = to.target === undefined ? `${what} of the host` : `${what} of plugin "${to.target}"`;
    const leftMs = run.isOpen ? run.leftMs : Infinity;
    // A run with a deadline of its own ends its calls with it, without another timer.
    this.#timeoutMs = requireTimeout(options.timeoutMs ?? (leftMs === Infinity ? DEFAULT_TIMEOUT_MS : Infinity));
    requireHeaders(options);
    if (options.signal !== undefined) this.follow(options.signal, { what: this.#what });
    if (this.settled) return;
    this.expireAfter(this.#timeoutMs);
    run.keep(this as OutwardCall<unknown>);
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
      run.letGo(this as OutwardCall<unknown>);
      if (!this.settled) this.resolve(value);
    }, (error) => {
      run.letGo(this as OutwardCall<unknown>);
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
