/**
 * Reads frames: takes chunks of any size, gives whole frames, and never keeps what is over the limit.
 * @module
 */
import { PluginError } from "../errors.ts";
import { COUNTED_BYTES, HEADER_BYTES, KIND, LAST_KIND, readU32 } from "./wire.ts";

/** Gets each frame. `isOwn` says that nothing else uses the body's memory. */
export type OnFrame = (kind: number, id: number, body: Uint8Array, isOwn: boolean) => void;

/** What becomes of a frame that is over the limit: its body is passed over, without being kept. */
export type OnOversized = (kind: number, id: number, bytes: number) => void;

/** Takes chunks of any size and gives whole frames; what does not fit the limit is never buffered. */
export class FrameReader {
  /** The most bytes that a body may have. */
  capBytes: number;
  readonly #onFrame: OnFrame;
  readonly #onOversized: OnOversized;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerFilled = 0;
  #kind = 0;
  #id = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;
  #passOver = 0;

  constructor(capBytes: number, onFrame: OnFrame, onOversized: OnOversized) {
    this.capBytes = capBytes;
    this.#onFrame = onFrame;
    this.#onOversized = onOversized;
  }

  /** Whether a frame has begun and not ended: a connection that closes now was cut off. */
  get isInFrame(): boolean {
    return this.#headerFilled > 0 || this.#body !== undefined || this.#passOver > 0;
  }

  /**
   * Reads on.
   * @throws {PluginError} "caller.bad_response" when the bytes are no frames; nothing can be read after that.
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#passOver > 0) {
        const passed = Math.min(this.#passOver, chunk.length - at);
        this.#passOver -= passed;
        at += passed;
      } else if (this.#body !== undefined) {
        at += this.#fill(this.#body, chunk, at);
      } else {
        at = this.#begin(chunk, at);
      }
    }
  }

  /** Reads a header and, when all of it is there, the body behind it; gives where to go on. */
  #begin(chunk: Uint8Array, from: number): number {
    let at = from;
    let header = chunk;
    let start = at;
    if (this.#headerFilled > 0 || chunk.length - at < HEADER_BYTES) {
      while (this.#headerFilled < HEADER_BYTES && at < chunk.length) this.#header[this.#headerFilled++] = chunk[at++] ?? 0;
      if (this.#headerFilled < HEADER_BYTES) return at;
      this.#headerFilled = 0;
      [header, start] = [this.#header, 0];
    } else {
      at += HEADER_BYTES;
    }
    const length = readU32(header, start) - COUNTED_BYTES;
    const kind = header[start + 4] ?? 0;
    const id = readU32(header, start + 5);
    if (length < 0 || kind < KIND.hello || kind > LAST_KIND) {
      throw new PluginError("caller.bad_response", `What came is no frame: kind ${kind}, ${length} bytes`);
    }
    if (length > this.capBytes) {
      this.#passOver = length;
      this.#onOversized(kind, id, length);
    } else if (chunk.length - at >= length) {
      this.#onFrame(kind, id, chunk.subarray(at, at + length), false);
      at += length;
    } else {
      [this.#kind, this.#id, this.#body, this.#bodyFilled] = [kind, id, new Uint8Array(length), 0];
    }
    return at;
  }

  #fill(body: Uint8Array, chunk: Uint8Array, at: number): number {
    const bytes = Math.min(body.length - this.#bodyFilled, chunk.length - at);
    body.set(bytes === chunk.length ? chunk : chunk.subarray(at, at + bytes), this.#bodyFilled);
    this.#bodyFilled += bytes;
    if (this.#bodyFilled === body.length) {
      this.#body = undefined;
      this.#onFrame(this.#kind, this.#id, body, true);
    }
    return bytes;
  }
}
