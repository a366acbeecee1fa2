/**
 * A pair of streams as a `Channel`: takes what a runtime has for a pipe's two ends, gives chunks and room to write.
 * @module
 */
import type { Channel } from "../endpoint.ts";

/** What is used of a stream that is read. */
export interface ReadEnd {
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "close" | "error", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** What is used of a stream that is written. */
export interface WriteEnd {
  on(event: "close" | "error", listener: () => void): unknown;
  /** Whether there is room for more; the callback comes when it was written, or cannot be. */
  write(chunk: Uint8Array, callback: (error?: Error | null) => void): boolean;
}

/** What a channel is made of. */
export interface ChannelParts {
  readonly input: ReadEnd;
  readonly output: WriteEnd;
  /** Runs a function when everything else that has happened meanwhile has had its turn. */
  readonly later: (run: () => void) => void;
  /** Ends the output. */
  readonly close: () => void;
}

/** Makes a channel; it reads from now on. */
export function createChannel({ input, output, later, close }: ChannelParts): Channel {
  const writer = new Writer(output);
  return {
    input: new Chunks(input, later),
    write: (chunk) => writer.write(chunk),
    close: () => {
      close();
      return Promise.resolve();
    },
  };
}

/** Writes chunks; most of them find room, and cost no promise of their own. */
class Writer {
  readonly #output: WriteEnd;
  #isBroken = false;
  #given = 0;
  #written = 0;
  readonly #waiting: { readonly upTo: number; readonly room: PromiseWithResolvers<void> }[] = [];

  constructor(output: WriteEnd) {
    this.#output = output;
    output.on("close", this.#onEnd);
    output.on("error", this.#onEnd);
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#isBroken) return Promise.reject(broken());
    this.#given += 1;
    const hasRoom = this.#output.write(chunk, this.#onWritten);
    if (hasRoom || this.#written === this.#given) return ROOM;
    const room = Promise.withResolvers<void>();
    this.#waiting.push({ upTo: this.#given, room });
    return room.promise;
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (error != null) return this.#onEnd();
    this.#written += 1;
    while ((this.#waiting[0]?.upTo ?? Infinity) <= this.#written) this.#waiting.shift()?.room.resolve();
  };

  readonly #onEnd = (): void => {
    this.#isBroken = true;
    for (const { room } of this.#waiting.splice(0)) room.reject(broken());
  };
}

const ROOM = Promise.resolve();

function broken(): Error {
  return new Error("The other side has closed the pipe");
}

/** How much is read before everything else has its turn: who writes without end must not keep a host from the rest. */
const BURST_BYTES = 256 * 1024;

type Chunk = IteratorResult<Uint8Array, undefined>;

/** What a stream gives, as it comes: its own iterator takes several times as long for a chunk. */
class Chunks implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #input: ReadEnd;
  readonly #later: (run: () => void) => void;
  readonly #waiting: Uint8Array[] = [];
  #want: ((chunk: Chunk) => void) | undefined;
  #burst = 0;
  #isPaused = false;
  #hasEnded = false;

  constructor(input: ReadEnd, later: (run: () => void) => void) {
    this.#input = input;
    this.#later = later;
    const end = () => {
      this.#hasEnded = true;
      this.#give({ done: true, value: undefined });
    };
    input.on("data", (chunk) => this.#onChunk(chunk));
    for (const event of ["end", "close", "error"] as const) input.on(event, end);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Chunk> {
    const value = this.#waiting.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#hasEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#want = resolve);
  }

  #give(chunk: Chunk): boolean {
    const want = this.#want;
    this.#want = undefined;
    want?.(chunk);
    return want !== undefined;
  }

  #onChunk(value: Uint8Array): void {
    if (!this.#give({ done: false, value })) this.#waiting.push(value);
    this.#burst += value.length;
    if (this.#burst < BURST_BYTES || this.#isPaused) return;
    this.#isPaused = true;
    this.#input.pause();
    this.#later(this.#goOn);
  }

  /** Reads on, as soon as what was read is used up. */
  readonly #goOn = (): void => {
    if (this.#waiting.length > 0 && !this.#hasEnded) return this.#later(this.#goOn);
    this.#burst = 0;
    this.#isPaused = false;
    this.#input.resume();
  };
}
