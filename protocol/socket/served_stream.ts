/**
 * A stream that the framed socket has to send: takes parts from the dispatcher, sends as many as there is credit for.
 * @module
 */
import type { Bytes } from "../caller.ts";
import { FIRST_CREDIT } from "./wire.ts";

/** Where the parts go. */
export interface StreamSink {
  part(bytes: Bytes): void;
  end(): void;
  error(error: unknown): void;
}

/** Counts the credit of one stream. */
export class ServedStream {
  readonly #parts: AsyncIterator<Bytes>;
  #credit = FIRST_CREDIT;
  #wake: () => void = () => {};
  #isLeft = false;

  constructor(parts: AsyncIterator<Bytes>) {
    this.#parts = parts;
  }

  /** So many parts more may be sent. */
  add(parts: number): void {
    this.#credit += parts;
    this.#wake();
  }

  /** Nobody wants them any more; the dispatcher is told by the call's signal. */
  leave(): void {
    this.#isLeft = true;
    this.#wake();
  }

  /** Sends all there is, the end or the error included; after it was left, nothing. */
  async send(sink: StreamSink): Promise<void> {
    try {
      while (!this.#isLeft) {
        if (this.#credit === 0) {
          await new Promise<void>((resolve) => this.#wake = resolve);
          continue;
        }
        const { done, value } = await this.#parts.next();
        if (this.#isLeft) break;
        if (done === true) return sink.end();
        this.#credit -= 1;
        sink.part(value);
      }
      await this.#parts.return?.();
    } catch (error) {
      if (!this.#isLeft) sink.error(error);
    }
  }
}
