/**
 * Sends frames: takes what is written in one tick, gives it to the socket in one system call.
 * @module
 */
import { FrameBatch } from "./batch.ts";

/** What a writer needs of a socket. */
export interface FrameSink {
  /** Whether there is room for more. */
  write(piece: Uint8Array): boolean;
  /** Between the two, what is written is kept together. */
  cork(): void;
  uncork(): void;
}

/** Sends the frames that are written in one tick together, at its end. */
export class FrameWriter {
  readonly #sink: FrameSink;
  readonly #defer: (run: () => void) => void;
  readonly #onFull: () => void;
  readonly #batch = new FrameBatch();
  readonly #run = () => this.#send();
  #isScheduled = false;
  #isClosed = false;

  /** `defer` runs a function at the end of this tick; `onFull` is called when the sink has no more room. */
  constructor(sink: FrameSink, defer: (run: () => void) => void, onFull: () => void = () => {}) {
    this.#sink = sink;
    this.#defer = defer;
    this.#onFull = onFull;
  }

  /** Lets `add` write frames, of a call of this id, that are sent at the end of this tick; after `close()` nothing is. */
  write(add: (batch: FrameBatch, id: number) => void, id: number = 0): void {
    if (this.#isClosed) return;
    add(this.#batch, id);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#defer(this.#run);
  }

  /** Sends at once what was written. */
  flush(): void {
    if (this.#isClosed) return;
    const pieces = this.#batch.take();
    if (pieces.length > 1) this.#sink.cork();
    let isRoom = true;
    for (const piece of pieces) isRoom = this.#sink.write(piece);
    if (pieces.length > 1) this.#sink.uncork();
    if (!isRoom) this.#onFull();
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#isClosed = true;
  }

  #send(): void {
    this.#isScheduled = false;
    this.flush();
  }
}
