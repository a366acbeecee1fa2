/**
 * Bytes that have come and were not read yet: takes the chunks of a connection, gives them in the pieces that HTTP has.
 * @module
 */
import { Buffer } from "node:buffer";
import type { Bytes } from "../../protocol/caller.ts";
import { messageOf } from "../../protocol/errors.ts";
import { visible, visibleBytes } from "./evidence.ts";

/** Why there is no answer, as the end of a sentence. */
export class NoAnswer extends Error {}

/** The longest head of an answer, or line of it, in bytes. */
const MOST_HEAD = 64 * 1024;

/** What a connection has brought; reading waits for what is still to come, and throws `NoAnswer` when it cannot come any more. */
export class ByteQueue {
  readonly #mostBytes: number;
  #chunks: Buffer[] = [];
  #size = 0;
  #ended = false;
  #failure: unknown;
  #wake = () => {};

  /** `mostBytes` bounds what is kept. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk));
    this.#size += chunk.length;
    this.#wake();
  }

  /** Nothing more comes; a failure says why. */
  end(failure?: unknown): void {
    this.#failure ??= failure;
    this.#ended = true;
    this.#wake();
  }

  /** Resolves when nothing more comes. */
  async ended(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  /** The bytes before the mark; the mark is taken too. */
  async takeUntil(mark: string): Promise<Buffer> {
    for (;;) {
      const all = this.#joined();
      const at = all.indexOf(mark);
      if (at >= 0) {
        this.#keep(all.subarray(at + mark.length));
        return all.subarray(0, at);
      }
      if (all.length > MOST_HEAD) throw new NoAnswer(`bytes that are no answer of HTTP came: ${visibleBytes(all)}`);
      if (!(await this.#more())) throw this.#cut(all);
    }
  }

  /** So many bytes. */
  async take(length: number): Promise<Buffer> {
    if (length > this.#mostBytes) throw this.#tooLarge();
    while (this.#size < length) {
      if (!(await this.#more())) throw new NoAnswer(`the connection was closed after ${this.#size} of ${length} bytes of the body`);
    }
    const all = this.#joined();
    this.#keep(all.subarray(length));
    return all.subarray(0, length);
  }

  /** All bytes, once no more come. */
  async takeAll(): Promise<Bytes> {
    while (await this.#more()) if (this.#size > this.#mostBytes) throw this.#tooLarge();
    const all = this.#joined();
    this.#keep(Buffer.alloc(0));
    return new Uint8Array(all);
  }

  /** Waits for bytes; false when no more will come. */
  async #more(): Promise<boolean> {
    const before = this.#size;
    while (!this.#ended && this.#size === before) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#size > before;
  }

  #joined(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #keep(rest: Buffer): void {
    this.#chunks = [rest];
    this.#size = rest.length;
  }

  #cut(all: Buffer): NoAnswer {
    if (all.length > 0) return new NoAnswer(`bytes that are not a whole answer of HTTP came: ${visibleBytes(all)}`);
    const why = this.#failure === undefined ? "" : ` (${visible(messageOf(this.#failure))})`;
    return new NoAnswer(`the connection was closed without an answer${why}`);
  }

  #tooLarge(): NoAnswer {
    return new NoAnswer(`the answer has more than ${this.#mostBytes} bytes`);
  }
}
