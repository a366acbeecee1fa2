/**
 * A stream over HTTP/2 as the host has it: takes a request and its HTTP/2 stream, gives messages, which are read as they are asked for.
 * @module
 */
import { answerTooLarge, lostError, refusedError } from "../call_error.ts";
import { messageOf } from "../errors.ts";
import { PartQueue } from "../part_queue.ts";
import { badResponse, checkHead, type Fields, refusalOfStream, textFrom } from "./answer.ts";
import { envelop } from "./envelope.ts";
import { EnvelopeReader } from "./envelopes.ts";
import type { RpcParts, RpcRequest } from "./rpc_caller.ts";
import { errorFromRefusal, messageCap, RESET } from "./wire.ts";

/** What is used of an HTTP/2 stream. */
export interface Http2Stream {
  readonly rstCode?: number | undefined;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "response" | "trailers", listener: (fields: Fields) => void): unknown;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "close", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  end(body: Uint8Array): unknown;
  close(code: number): void;
}

/** The connection that it is on. */
export interface Carrier {
  /** The exchange has ended. */
  finished(exchange: StreamExchange): void;
}

/** One stream from when it is asked for until it has ended. */
export class StreamExchange implements RpcParts {
  /** Of the request. */
  readonly headers: Record<string, string>;
  readonly messages: PartQueue;
  isSettled = false;
  readonly #body: Uint8Array;
  readonly #signal: AbortSignal | undefined;
  readonly #reader: EnvelopeReader;
  readonly #limit: number;
  #stream: Http2Stream | undefined;
  #carrier: Carrier | undefined;
  #wasPassedOver: () => boolean = () => false;
  #head: Fields | undefined;
  #trailers: Fields | undefined;
  #hasEnded = false;
  /** What came before the headers were told, as on Deno. */
  readonly #early: Uint8Array[] = [];
  #broken: unknown;

  constructor({ path, headers, body, options }: RpcRequest, limit: number) {
    headers[":path"] = path;
    this.headers = headers;
    this.#body = envelop(body);
    this.#reader = new EnvelopeReader(messageCap(limit));
    this.#limit = limit;
    this.#signal = options.signal;
    this.messages = new PartQueue({
      onAsked: (waiting) => void (waiting <= 1 && this.#stream?.resume()),
      onLeft: () => this.#cancel(),
    });
    options.signal?.addEventListener("abort", this.#giveUp, { once: true });
  }

  readonly header = (name: string): string | null => textFrom(this.#head?.[name]);

  /** `wasPassedOver` tells whether the plugin has said that it did not look at it. */
  run(stream: Http2Stream, carrier: Carrier, wasPassedOver: () => boolean): void {
    this.#stream = stream;
    this.#carrier = carrier;
    this.#wasPassedOver = wasPassedOver;
    stream.on("error", (error) => this.#broken ??= error);
    stream.on("close", () => this.#onClose(stream));
    stream.on("response", (fields) => this.#onHead(fields));
    stream.on("data", (chunk) => this.#onData(chunk));
    // Which of these is the last differs between the runtimes.
    stream.on("trailers", (fields) => {
      this.#trailers = fields;
      this.#finishOnce();
    });
    stream.on("end", () => {
      this.#hasEnded = true;
      this.#finishOnce();
    });
    stream.end(this.#body);
  }

  /** Ends it with an error, behind the parts that were read. */
  fail(error: unknown): void {
    if (this.#settle()) this.messages.fail(error);
  }

  #onHead(fields: Fields): void {
    this.#head = fields;
    this.#guarded(() => checkHead(fields));
    for (const chunk of this.#early.splice(0)) this.#onData(chunk);
    this.#finishOnce();
  }

  #onData(chunk: Uint8Array): void {
    if (this.isSettled) return;
    if (this.#head === undefined) return void this.#early.push(chunk);
    for (const { flags, message } of this.#reader.push(chunk)) {
      if (flags !== 0) return this.#refuse(badResponse("A part is compressed, which nobody asked for"));
      this.messages.push(message);
    }
    if (this.#reader.isTooLarge) return this.#refuse(answerTooLarge(this.#limit));
    if (this.messages.waiting > 0) this.#stream?.pause();
  }

  #onClose({ rstCode }: Http2Stream): void {
    if (this.isSettled) return;
    const broken = this.#broken;
    if (rstCode === RESET.refused || this.#wasPassedOver()) {
      return this.fail(refusedError("It took no more calls on this connection", broken));
    }
    if (broken instanceof Error && "code" in broken && broken.code === "ERR_HTTP2_ERROR") {
      return this.fail(badResponse(`The answer is not HTTP/2: ${messageOf(broken)}`, broken));
    }
    if (broken === undefined && this.#hasEnded) return this.#finish(this.#trailers ?? {});
    this.fail(lostError(broken === undefined ? `the stream ended with code ${rstCode}` : messageOf(broken), broken));
  }

  /** Ends it when all is there: the headers, which may have been the trailers, the body, the trailers. */
  #finishOnce(): void {
    if (this.isSettled || this.#head === undefined || !this.#hasEnded) return;
    const trailers = this.#trailers ?? (this.#head["grpc-status"] === undefined ? undefined : this.#head);
    if (trailers !== undefined) this.#finish(trailers);
  }

  #finish(trailers: Fields): void {
    this.#guarded(() => {
      const refusal = refusalOfStream(trailers);
      if (refusal !== undefined) return this.fail(errorFromRefusal(refusal));
      if (this.#reader.isWithin) throw badResponse("The stream ended within a part");
      if (this.#settle()) this.messages.finish();
    });
  }

  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    this.fail(error);
    this.#reset();
  }

  readonly #giveUp = () => {
    this.messages.drop(this.#signal?.reason);
    this.#cancel();
  };

  #cancel(): void {
    if (this.#settle()) this.#reset();
  }

  /** What is still on its way must be read, or the stream would never close. */
  #reset(): void {
    this.#stream?.close(RESET.cancel);
    this.#stream?.resume();
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.#signal?.removeEventListener("abort", this.#giveUp);
    this.#carrier?.finished(this);
    return true;
  }
}
