/**
 * The envelopes of a stream, which gRPC and Connect write alike: takes the pieces of a body as they come, gives each message with its flags,
 * and knows that one is too long before it is there.
 * @module
 */
import { concatBytes } from "../bytes.ts";
import type { Bytes } from "../caller.ts";
import { PREFIX_BYTES } from "./envelope.ts";

/** One message as it stands in its envelope. */
export interface Enveloped {
  readonly flags: number;
  readonly message: Bytes;
}

/** Takes pieces of any size. */
export class EnvelopeReader {
  readonly #cap: number;
  #pieces: Uint8Array[] = [];
  #size = 0;
  /** Bytes of the envelope that has begun, once they are known. */
  #whole = 0;

  constructor(cap: number) {
    this.#cap = cap;
  }

  /** Whether an envelope has begun and not ended. */
  get isWithin(): boolean {
    return this.#size > 0;
  }

  /** Whether a message has more bytes than the cap; nothing can be read after that. */
  get isTooLarge(): boolean {
    return this.#whole > this.#cap + PREFIX_BYTES;
  }

  /** Takes a piece; gives the messages that are whole now. */
  push(piece: Uint8Array): readonly Enveloped[] {
    if (this.isTooLarge) return [];
    this.#pieces.push(piece);
    this.#size += piece.length;
    const found: Enveloped[] = [];
    while (this.#size >= (this.#whole || PREFIX_BYTES)) {
      const bytes = this.#joined();
      this.#whole = PREFIX_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (this.isTooLarge || this.#size < this.#whole) break;
      found.push({ flags: bytes[0] ?? 0, message: bytes.slice(PREFIX_BYTES, this.#whole) });
      this.#pieces = [bytes.subarray(this.#whole)];
      this.#size -= this.#whole;
      this.#whole = 0;
    }
    return found;
  }

  #joined(): Bytes {
    const [only] = this.#pieces;
    const bytes = this.#pieces.length === 1 && only !== undefined ? only as Bytes : concatBytes(this.#pieces, this.#size);
    this.#pieces = [bytes];
    return bytes;
  }
}
