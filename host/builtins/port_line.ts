/**
 * One end of the way between a host and its worker: calls in both directions as messages on a port, matched by id. Both ends are this.
 *
 * A message is `{ kind, id, … }` of the kinds `call`, `result`, `error`, `cancel`, `ping` and `pong`, and of a stream `stream` (as a call),
 * `part`, `end`, and `more`, which is credit for so many parts. Bytes are copied and the copy is given away, so that nobody shares memory; as
 * an `ArrayBuffer`, since Deno takes a second for each MiB of a `Uint8Array`. What is no such message is left to who reads the port.
 * @module
 */
import { answerTooLarge, payloadTooLarge, refusedError } from "../../protocol/call_error.ts";
import { OneListener } from "../../protocol/cancellation.ts";
import type { AttemptOptions, Bytes, CallOptions, DriverCaller } from "../../protocol/caller.ts";
import type { Cancellation, DispatchRequest } from "../../protocol/dispatch.ts";
import { isPluginError, messageOf, PluginError, withMore } from "../../protocol/errors.ts";
import { tooLarge } from "../../protocol/guard.ts";
import { wholeTimeoutMs } from "../../protocol/headers.ts";
import { OpenStream } from "../../protocol/open_stream.ts";
import { failedStream } from "../../protocol/part_reader.ts";
import { errorFromPeer, type Peer } from "../../protocol/peer_error.ts";
import { createRequestId } from "../../protocol/request_id.ts";
import { ServedStream } from "../../protocol/served_stream.ts";
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
  /** Of a call for one. */
  readonly stream?: OpenStream;
  /** Its signal is nothing to it any more. */
  forget(): void;
}

/** Calls the other end, and answers it. */
export class PortLine implements DriverCaller {
  readonly takesGiveUp = true;
  readonly #options: PortLineOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #unanswered = new Set<number>();
  readonly #incoming = new Map<number, IncomingCall>();
  /** Those of them that are answered in parts. */
  readonly #streams = new Map<number, ServedStream>();
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
    const { maxPayloadBytes, plugin } = this.#options;
    if (payload.length > maxPayloadBytes) throw withMore(payloadTooLarge(command, payload, maxPayloadBytes), { plugin });
    const answer = await this.#send(options, (id) => this.#postCall({ kind: "call", id, command }, payload, options));
    return this.#bytesOf(answer);
  }

  /** The call is made at once; no more of its parts are kept than it has given credit for. */
  stream(command: string, payload: Uint8Array = EMPTY, options: AttemptOptions = {}): AsyncIterable<Bytes> {
    const { maxPayloadBytes, plugin, post } = this.#options;
    const { signal } = options;
    if (signal?.aborted === true) return failedStream(signal.reason);
    if (this.#ended !== undefined) return failedStream(this.#ended);
    if (payload.length > maxPayloadBytes) return failedStream(withMore(payloadTooLarge(command, payload, maxPayloadBytes), { plugin }));
    const id = this.#lastId += 1;
    const stream = new OpenStream({
      onCredit: (count) => post({ kind: "more", id, count }, []),
      onLeft: () => this.#leave(id),
    });
    const giveUp = () => {
      this.#leave(id);
      stream.drop(signal?.reason);
    };
    const forget = () => signal?.removeEventListener("abort", giveUp);
    const reject = (error: unknown) => stream.fail(error);
    this.#waiting.set(id, { resolve: () => reject(this.#badResponse("A stream was answered as a call is")), reject, stream, forget });
    this.#postCall({ kind: "stream", id, command }, payload, options);
    signal?.addEventListener("abort", giveUp, { once: true });
    return stream;
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
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(withMore(error, { plugin }));
    for (const id of this.#incoming.keys()) this.#cancel(id);
    this.#incoming.clear();
  }

  /** Takes a message of the port; gives whether it was one of these. */
  read({ kind, id, ...message }: Message): boolean {
    if (typeof id !== "number") return false;
    if (kind === "call" || kind === "stream") this.#onCall(id, kind, message);
    else if (kind === "cancel") this.#cancel(id);
    else if (kind === "more") this.#onMore(id, message["count"]);
    else if (kind === "part") this.#onPart(id, message["payload"]);
    else if (kind === "end") this.#onEnd(id);
    else if (kind === "ping") this.#options.post({ kind: "pong", id }, []);
    else if (kind === "pong") this.#onPong(id);
    else if (kind === "result") this.#take(id)?.resolve(message["payload"]);
    else if (kind === "error") this.#take(id)?.reject(errorFromPeer(message["code"], String(message["message"]), this.#options));
    else return false;
    return true;
  }

  #postCall(call: Message, payload: Uint8Array, options: AttemptOptions): void {
    const { requestId = createRequestId(), traceparent, hops = 0, target, from = this.#options.from } = options;
    const own = new Uint8Array(payload).buffer;
    const said = { requestId, traceparent, hops, target, from, timeoutMs: wholeTimeoutMs(options.timeoutMs) };
    this.#options.post({ ...call, payload: own, ...said }, [own]);
  }

  #bytesOf(answer: unknown): Bytes {
    const { maxPayloadBytes, plugin } = this.#options;
    if (!(answer instanceof ArrayBuffer)) throw errorFromPeer(undefined, "It answered with something that is no bytes", this.#options);
    if (answer.byteLength > maxPayloadBytes) throw withMore(answerTooLarge(maxPayloadBytes, answer.byteLength), { plugin });
    return new Uint8Array(answer);
  }

  #badResponse(message: string): PluginError {
    return new PluginError("caller.bad_response", message, { plugin: this.#options.plugin });
  }

  #send({ signal, onGiveUp }: AttemptOptions, post: (id: number) => void): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#lastId += 1;
    return new Promise((resolve, reject) => {
      const giveUp = (reason: unknown) => this.#leave(id)?.reject(reason);
      const onAbort = () => giveUp(signal?.reason);
      if (signal?.aborted === true) return reject(signal.reason);
      this.#waiting.set(id, { resolve, reject, forget: () => signal?.removeEventListener("abort", onAbort) });
      post(id);
      signal?.addEventListener("abort", onAbort, { once: true });
      onGiveUp?.(giveUp);
    });
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.forget();
    return waiting;
  }

  /** Nobody waits for it any more, and the other end is told. */
  #leave(id: number): Waiting | undefined {
    const waiting = this.#take(id);
    if (waiting !== undefined) this.#options.post({ kind: "cancel", id }, []);
    return waiting;
  }

  /** What comes of a stream that was given up is passed over, as its answer would be. */
  #onPart(id: number, payload: unknown): void {
    const waiting = this.#waiting.get(id);
    try {
      if (waiting === undefined) return;
      if (waiting.stream === undefined) throw this.#badResponse("A call was answered with a part of a stream");
      if (!waiting.stream.take(this.#bytesOf(payload))) throw this.#badResponse("It sent more parts than it had credit for");
    } catch (error) {
      this.#leave(id)?.reject(error);
    }
  }

  #onEnd(id: number): void {
    const waiting = this.#take(id);
    if (waiting?.stream !== undefined) waiting.stream.finish();
    else waiting?.reject(this.#badResponse("A call was answered with the end of a stream"));
  }

  #onMore(id: number, count: unknown): void {
    if (Number.isSafeInteger(count) && Number(count) > 0) this.#streams.get(id)?.add(Number(count));
  }

  #cancel(id: number): void {
    this.#incoming.get(id)?.abort();
    this.#streams.get(id)?.leave();
  }

  #onPong(id: number): void {
    this.#unanswered.delete(id);
    this.#take(id)?.resolve("pong");
  }

  #onCall(id: number, kind: "call" | "stream", { command, payload, ...said }: Message): void {
    if (typeof command !== "string" || !(payload instanceof ArrayBuffer) || this.#incoming.has(id) || this.#ended !== undefined) return;
    const { runner, maxPayloadBytes, post } = this.#options;
    const fail = (error: unknown) => {
      if (!this.#incoming.delete(id)) return;
      post({ kind: "error", id, code: isPluginError(error) ? error.code : "exec.failed", message: messageOf(error) }, []);
    };
    const call = new IncomingCall(command, new Uint8Array(payload), said);
    this.#incoming.set(id, call);
    if (payload.byteLength > maxPayloadBytes) return fail(tooLarge(maxPayloadBytes));
    if (kind === "stream") return void this.#serve(id, runner.stream(call), fail);
    runner.exec(call).then((bytes) => {
      if (this.#incoming.delete(id)) this.#postBytes("result", id, bytes);
    }, fail);
  }

  /** What was given up is answered no more. */
  async #serve(id: number, parts: AsyncIterable<Bytes>, fail: (error: unknown) => void): Promise<void> {
    const stream = new ServedStream(parts[Symbol.asyncIterator]());
    this.#streams.set(id, stream);
    await stream.send({
      part: (bytes) => this.#postBytes("part", id, bytes),
      end: () => this.#options.post({ kind: "end", id }, []),
      error: fail,
    });
    this.#streams.delete(id);
    this.#incoming.delete(id);
  }

  /** A copy that is given away. */
  #postBytes(kind: "result" | "part", id: number, bytes: Bytes): void {
    const own = new Uint8Array(bytes).buffer;
    this.#options.post({ kind, id, payload: own }, [own]);
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
