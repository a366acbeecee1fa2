/**
 * One end of the way between a host and its worker: calls in both directions as messages on a port, matched by id. Both ends are this.
 *
 * A message is `{ kind, id, … }` of the kinds `call`, `result`, `error`, `cancel`, `ping` and `pong`. Bytes are copied and the copy is
 * given away, so that nobody shares memory; as an `ArrayBuffer`, since Deno takes a second for each MiB of a `Uint8Array`. What is no such message is left to who reads the port.
 * @module
 */
import { answerTooLarge, payloadTooLarge, refusedError } from "../../protocol/call_error.ts";
import { OneListener } from "../../protocol/cancellation.ts";
import type { AttemptOptions, Bytes, CallOptions, DriverCaller } from "../../protocol/caller.ts";
import type { Cancellation, DispatchRequest } from "../../protocol/dispatch.ts";
import { isPluginError, messageOf, type PluginError, withMore } from "../../protocol/errors.ts";
import { tooLarge } from "../../protocol/guard.ts";
import { wholeTimeoutMs } from "../../protocol/headers.ts";
import { errorFromPeer, type Peer } from "../../protocol/peer_error.ts";
import { createRequestId } from "../../protocol/request_id.ts";
import type { Runner } from "../../protocol/server.ts";

/** A message as it comes; the other end may be of any make. */
export type Message = Readonly<Record<string, unknown>>;

/** What one end needs to know. */
export interface PortLineOptions extends Peer {
  /** Who calls, when the call itself does not say. */
  readonly from: string;
  /** The largest payload and answer, in bytes. */
  readonly maxPayloadBytes: number;
  /** Sends a message; the buffers are given away. */
  readonly post: (message: Message, transfer: ArrayBuffer[]) => void;
  /** Runs the calls that the other end makes. */
  readonly runner: Runner;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Calls the other end, and answers it. */
export class PortLine implements DriverCaller {
  readonly takesGiveUp = true;
  readonly #options: PortLineOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #unanswered = new Set<number>();
  readonly #incoming = new Map<number, IncomingCall>();
  #lastId = 0;
  #ended: PluginError | undefined;

  constructor(options: PortLineOptions) {
    this.#options = options;
  }

  /** Whether a ping has had no answer yet, be it that nobody waits for it any more. */
  get isSilent(): boolean {
    return this.#unanswered.size > 0;
  }

  async ping(options: CallOptions = {}): Promise<"pong"> {
    await this.#send(options, (id) => {
      this.#unanswered.add(id);
      this.#options.post({ kind: "ping", id }, []);
    });
    return "pong";
  }

  async exec(command: string, payload: Uint8Array = EMPTY, options: AttemptOptions = {}): Promise<Bytes> {
    const { maxPayloadBytes, plugin, from, post } = this.#options;
    if (payload.length > maxPayloadBytes) throw withMore(payloadTooLarge(command, payload, maxPayloadBytes), { plugin });
    const answer = await this.#send(options, (id) => {
      const own = new Uint8Array(payload).buffer;
      const { requestId = createRequestId(), traceparent, hops = 0, target } = options;
      const said = { requestId, traceparent, hops, target, from: options.from ?? from, timeoutMs: wholeTimeoutMs(options.timeoutMs) };
      post({ kind: "call", id, command, payload: own, ...said }, [own]);
    });
    if (!(answer instanceof ArrayBuffer)) throw errorFromPeer(undefined, "It answered with something that is no bytes", this.#options);
    if (answer.byteLength > maxPayloadBytes) throw withMore(answerTooLarge(maxPayloadBytes, answer.byteLength), { plugin });
    return new Uint8Array(answer);
  }

  close(): Promise<void> {
    this.end(refusedError("The plugin was ended"));
    return Promise.resolve();
  }

  /** Nothing comes any more: calls that are open end with the error. */
  end(error: PluginError): void {
    if (this.#ended !== undefined) return;
    const { plugin } = this.#options;
    this.#ended = withMore(refusedError("The plugin was ended"), { plugin });
    for (const { reject } of this.#waiting.values()) reject(withMore(error, { plugin }));
    this.#waiting.clear();
    for (const call of this.#incoming.values()) call.abort();
    this.#incoming.clear();
  }

  /** Takes a message of the port; gives whether it was one of these. */
  read({ kind, id, ...message }: Message): boolean {
    if (typeof id !== "number") return false;
    if (kind === "call") this.#onCall(id, message);
    else if (kind === "cancel") this.#incoming.get(id)?.abort();
    else if (kind === "ping") this.#options.post({ kind: "pong", id }, []);
    else if (kind === "pong") this.#onPong(id);
    else if (kind === "result") this.#take(id)?.resolve(message["payload"]);
    else if (kind === "error") this.#take(id)?.reject(errorFromPeer(message["code"], String(message["message"]), this.#options));
    else return false;
    return true;
  }

  #send({ signal, onGiveUp }: AttemptOptions, post: (id: number) => void): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#lastId += 1;
    return new Promise((resolve, reject) => {
      const giveUp = (reason: unknown) => {
        if (!this.#waiting.delete(id)) return;
        this.#options.post({ kind: "cancel", id }, []);
        reject(reason);
      };
      const onAbort = () => giveUp(signal?.reason);
      const settled = <T>(settle: (value: T) => void) => (value: T) => {
        signal?.removeEventListener("abort", onAbort);
        settle(value);
      };
      if (signal?.aborted === true) return reject(signal.reason);
      this.#waiting.set(id, { resolve: settled(resolve), reject: settled(reject) });
      post(id);
      signal?.addEventListener("abort", onAbort, { once: true });
      onGiveUp?.(giveUp);
    });
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #onPong(id: number): void {
    this.#unanswered.delete(id);
    this.#take(id)?.resolve("pong");
  }

  #onCall(id: number, { command, payload, ...said }: Message): void {
    if (typeof command !== "string" || !(payload instanceof ArrayBuffer) || this.#incoming.has(id) || this.#ended !== undefined) return;
    const { runner, maxPayloadBytes, post } = this.#options;
    const fail = (error: unknown) => {
      if (!this.#incoming.delete(id)) return;
      post({ kind: "error", id, code: isPluginError(error) ? error.code : "exec.failed", message: messageOf(error) }, []);
    };
    const call = new IncomingCall(command, new Uint8Array(payload), said);
    this.#incoming.set(id, call);
    if (payload.byteLength > maxPayloadBytes) return fail(tooLarge(maxPayloadBytes));
    runner.exec(call).then((bytes) => {
      if (!this.#incoming.delete(id)) return;
      const own = new Uint8Array(bytes).buffer;
      post({ kind: "result", id, payload: own }, [own]);
    }, fail);
  }
}

const EMPTY = new Uint8Array(0);

/** A call that the other end makes, as the dispatcher takes it. */
class IncomingCall extends OneListener implements DispatchRequest {
  readonly command: string;
  readonly payload: Bytes;
  readonly from: string;
  readonly hops: number;
  readonly target: string | undefined;
  readonly traceparent: string | undefined;
  readonly requestId: string;
  readonly timeoutMs: number | undefined;

  constructor(command: string, payload: Bytes, { from, hops, target, traceparent, requestId, timeoutMs }: Message) {
    super();
    this.command = command;
    this.payload = payload;
    this.from = textOr("", from);
    this.hops = typeof hops === "number" ? hops : 0;
    this.target = textOr(undefined, target);
    this.traceparent = textOr(undefined, traceparent);
    this.requestId = textOr(createRequestId(), requestId);
    this.timeoutMs = typeof timeoutMs === "number" ? timeoutMs : undefined;
  }

  get signal(): Cancellation {
    return this;
  }
}

function textOr<T>(missing: T, value: unknown): string | T {
  return typeof value === "string" ? value : missing;
}
