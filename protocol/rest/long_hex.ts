/**
 * Bodies of JSON with one long hex string in them: written as bytes, and read chunk by chunk, so that no text of their length is made.
 *
 * Reading takes the digits out of the stream as they come and leaves a short placeholder; `JSON.parse` then judges what is left, so any
 * order of keys, and anything malformed, has the outcome that it has in a short body.
 * @module
 */
import { concatBytes, type Sink } from "../bytes.ts";
import type { Bytes } from "../caller.ts";
import { decodeHex, decodeHexInto, encodeHex, isHexDigit } from "../hex.ts";

/** From so many bytes on a body is read and written in this way; under it text is quicker, on Deno twice as quick at 1 MiB. */
export const LONG_BYTES: number = 4 * 1024 * 1024;
/** In so many bytes a long payload must have begun; later ones are read so many at a time. */
export const HEAD_BYTES: number = 64 * 1024;

/** The body of JSON as text, and what gives the bytes of a string in it that is hex. */
export interface JsonText {
  readonly text: string;
  readonly readHex: (value: string) => Bytes | undefined;
}

/** A body with hex in it, to be written piece by piece. */
export class HexBody {
  /** Its bytes. */
  readonly length: number;
  readonly #before: string;
  readonly #payload: Uint8Array;
  readonly #after: string;

  /** `after` is ASCII. */
  constructor(before: string, payload: Uint8Array, after: string) {
    this.length = encoder.encode(before).length + 2 * payload.length + after.length;
    [this.#before, this.#payload, this.#after] = [before, payload, after];
  }

  /** As text, since engines collect short texts soon, and short pieces of memory outside of their heap late: at 16 MiB that is 32 MiB. */
  *pieces(): Generator<string, void> {
    yield this.#before;
    for (let at = 0; at < this.#payload.length; at += PIECE_BYTES) yield encodeHex(this.#payload.subarray(at, at + PIECE_BYTES));
    yield this.#after;
  }

  /** The whole of it. */
  bytes(): Bytes {
    const bytes = new Uint8Array(this.length);
    let at = 0;
    for (const piece of this.pieces()) at += encoder.encodeInto(piece, bytes.subarray(at)).written;
    return bytes;
  }
}

const PIECE_BYTES = 32 * 1024;

/** Where the value of one of the two keys begins with many digits; each round passes over a whole string, or one character between strings. */
const BEGINS = /^(?:[^"]|"(?:[^"\\]|\\[^])*")*?"(?:payload|response)"\s*:\s*"(?=[0-9a-f]{1024})/i;
/** So many of its digits stay in the text, since error messages begin with what was wrong. */
const KEPT_DIGITS = 128;
const encoder = new TextEncoder();
const ascii = new TextDecoder("latin1");
const QUOTE = 0x22;
const NO_DIGIT = /[^0-9a-f]/i;

/** Takes the chunks of a body, gives its text, and holds no more than a long payload's bytes. */
export class JsonBody implements Sink {
  /** What the body is said to have, so that its payload's memory is made once; `NaN` when nothing was said. */
  readonly #length: number;
  #text: Uint8Array[] = [];
  #size = 0;
  #isKnown = false;
  #hex: LongHex | undefined;

  constructor(length: number) {
    this.#length = length;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += HEAD_BYTES) this.#take(chunk.subarray(at, at + HEAD_BYTES));
  }

  #take(chunk: Uint8Array): void {
    if (this.#hex?.isOpen === true) return this.#read(this.#hex, chunk);
    this.#keep(chunk);
    if (!this.#isKnown && this.#size >= HEAD_BYTES) this.#lookForHex();
  }

  /** The whole body's text. */
  end(): JsonText {
    if (this.#hex?.isOpen === true) this.#putBack(this.#hex);
    const text = new TextDecoder().decode(concatBytes(this.#text, this.#size));
    const hex = this.#hex;
    return { text, readHex: (value) => value === hex?.placeholder ? hex.bytes() : decodeHex(value) };
  }

  #keep(chunk: Uint8Array): void {
    this.#text.push(chunk);
    this.#size += chunk.length;
  }

  #lookForHex(): void {
    this.#isKnown = true;
    const [only] = this.#text;
    const head = this.#text.length === 1 && only !== undefined ? only : concatBytes(this.#text, this.#size);
    const begins = BEGINS.exec(ascii.decode(head))?.[0].length;
    if (begins === undefined) return;
    this.#hex = new LongHex(head, begins, this.#length);
    [this.#text, this.#size] = [[], 0];
    this.#keep(head.subarray(0, begins));
    this.#keep(encoder.encode(this.#hex.placeholder));
    this.#read(this.#hex, head.subarray(begins));
  }

  #read(hex: LongHex, chunk: Uint8Array): void {
    const end = hex.push(chunk);
    if (end === undefined) return;
    if (chunk[end] !== QUOTE || hex.isHalf) this.#putBack(hex);
    hex.isOpen = false;
    this.#keep(chunk.subarray(end));
  }

  /** What has another character in it, or is of odd length, is text like any other; the case of its digits alone is lost. */
  #putBack(hex: LongHex): void {
    this.#hex = undefined;
    this.#text.pop();
    this.#size -= hex.placeholder.length;
    this.#keep(encoder.encode(hex.digits()));
  }
}

/** A string of hex while its digits come. */
class LongHex {
  /** What stands for it in the text; no other string of the body can be the same. */
  readonly placeholder: string;
  isOpen = true;
  readonly #kept: string;
  #bytes: Bytes;
  #filled = 0;
  /** A digit whose other half has not come. */
  #half: number | undefined;

  constructor(head: Uint8Array, begins: number, length: number) {
    this.#kept = ascii.decode(head.subarray(begins, begins + KEPT_DIGITS));
    this.placeholder = `${this.#kept} ${crypto.randomUUID()}`;
    // Behind it come a quote and one or two braces, as both sides write it; where more comes, bytes() cuts off what is too much.
    this.#bytes = new Uint8Array(Number.isNaN(length) ? head.length : Math.max(0, Math.floor((length - begins - 2) / 2)));
  }

  get isHalf(): boolean {
    return this.#half !== undefined;
  }

  /** Takes digits; gives where something else begins. */
  push(chunk: Uint8Array): number | undefined {
    let at = this.#complete(chunk);
    if (this.#half !== undefined) return 0;
    // By a text, for the reason of HexBody.pieces(): with it the chunk is collected too.
    const other = ascii.decode(chunk).search(NO_DIGIT);
    const end = other < 0 ? chunk.length : other;
    if (this.#bytes.length - this.#filled < (end - at) >> 1) this.#grow(end - at);
    const pairs = decodeHexInto(chunk.subarray(at, end), this.#bytes.subarray(this.#filled));
    this.#filled += pairs;
    at += 2 * pairs;
    if (at < end) this.#half = chunk[at];
    return other < 0 ? undefined : end;
  }

  /** The first digit of a chunk may be the other half of the last one's; gives where the whole ones begin. */
  #complete(chunk: Uint8Array): number {
    if (this.#half === undefined || !isHexDigit(chunk[0])) return 0;
    if (this.#filled === this.#bytes.length) this.#grow(1);
    decodeHexInto(Uint8Array.of(this.#half, chunk[0] ?? 0), this.#bytes.subarray(this.#filled++));
    this.#half = undefined;
    return 1;
  }

  #grow(atLeast: number): void {
    const more = new Uint8Array(2 * this.#bytes.length + atLeast);
    more.set(this.#bytes);
    this.#bytes = more;
  }

  /** The bytes, which are nobody else's. */
  bytes(): Bytes {
    return this.#filled === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#filled);
  }

  /** The digits that came, as text again. */
  digits(): string {
    const half = this.#half === undefined ? "" : String.fromCharCode(this.#half);
    return `${this.#kept}${encodeHex(this.#bytes.subarray(KEPT_DIGITS / 2, this.#filled))}${half}`;
  }
}
