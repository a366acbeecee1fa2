/**
 * A stream that a wire with credit has to send: takes parts from the dispatcher, sends as many as there is credit for.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { FIRST_CREDIT } from "./open_stream.ts";

/** Where the parts go. */
export interface StreamSink {
  /** The next part is asked for when this has resolved, if it gives a promise. */
  part(bytes: Bytes): void | Promise<void>;
  end(): void;
  error(error: unknown): void;
}

/** Counts the credit of one stream. */
export class ServedStream {
  readonly #parts: AsyncIterator<Bytes>;
  #credit = FIRST_CREDIT;
  #wake: () => void = () => {};
  #isLeft = false;
  #starved: (() => void) | undefined;

  constructor(parts: AsyncIterator<Bytes>) {
    this.#parts = parts;
  }

  /** Whether nobody wants them any more. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  /** So many parts more may be sent. */
  add(parts: number): void {
    this.#credit += parts;
    this.#wake();
  }

  /** There will be no more credit: it is left when it has none, and this is told. */
  starve(onLeft: () => void): void {
    this.#starved = onLeft;
    this.#wake();
  }

  /** Nobody wants them any more; the dispatcher is told by the call's signal. */
  leave(): void {
    this.#isLeft = true;
    this.#wake();
  }

  #leaveStarved(onLeft: () => void): void {
    this.leave();
    onLeft();
  }

  /** Sends all there is, the end or the error included; after it was left, nothing. */
  async send(sink: StreamSink): Promise<void> {
    try {
      while (!this.#isLeft) {
        if (this.#credit === 0) {
          if (this.#starved === undefined) await new Promise<void>((resolve) => this.#wake = resolve);
          else this.#leaveStarved(this.#starved);
          continue;
        }
        const { done, value } = await this.#parts.next();
        if (this.#isLeft) break;
        if (done === true) return sink.end();
        this.#credit -= 1;
        const room = sink.part(value);
        if (room !== undefined) await room;
      }
      await this.#parts.return?.();
    } catch (error) {
      if (!this.#isLeft) sink.error(error);
    }
  }
}
