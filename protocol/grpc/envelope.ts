/**
 * gRPC's envelope: takes the pieces of a body as they come, gives the one message in it. Five bytes stand before the message: whether it
 * is compressed, and its length, so that what is too long is known before it is there.
 * @module
 */
import { concatBytes } from "../bytes.ts";
import type { Bytes } from "../caller.ts";

/** The bytes before a message. */
export const PREFIX_BYTES = 5;

/** Fills in the bytes that stand free before a message. */
export function envelop(message: Uint8Array): Uint8Array {
  const length = message.length - PREFIX_BYTES;
  message[1] = length >>> 24;
  message[2] = length >>> 16;
  message[3] = length >>> 8;
  message[4] = length;
  return message;
}

/** The body of one request or answer while it is read. */
export class Envelope {
  readonly #cap: number;
  #chunks: Bytes[] = [];
  /** The bytes that came, of which none are kept beyond the cap. */
  size = 0;
  /** Bytes of the whole envelope, once they are known. */
  #whole = 0;

  constructor(cap: number) {
    this.#cap = cap;
  }

  /** Takes a piece; `false` when there are more bytes than the cap, or will be. */
  add(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk as Bytes);
    this.size += chunk.length;
    if (this.#whole === 0 && this.size >= PREFIX_BYTES) this.#readLength();
    if (this.#whole <= this.#cap + PREFIX_BYTES && this.size <= this.#cap + PREFIX_BYTES) return true;
    this.#chunks = [];
    return false;
  }

  /** Whether the message is there, and nothing more. */
  get isWhole(): boolean {
    return this.#whole > 0 && this.size === this.#whole;
  }

  /** Whether there is nothing at all. */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Whether the message is compressed, which nobody of us asks for. */
  get isCompressed(): boolean {
    return this.#whole > 0 && this.#chunks[0]?.[0] !== 0;
  }

  /** The message, once it is whole. */
  get message(): Bytes {
    const [first = new Uint8Array(0)] = this.#chunks;
    const body = this.#chunks.length === 1 ? first : concatBytes(this.#chunks, this.size);
    return body.subarray(PREFIX_BYTES);
  }

  #readLength(): void {
    let [first = new Uint8Array(0)] = this.#chunks;
    if (first.length < PREFIX_BYTES) this.#chunks = [first = concatBytes(this.#chunks, this.size)];
    this.#whole = PREFIX_BYTES + new DataView(first.buffer, first.byteOffset).getUint32(1);
  }
}
