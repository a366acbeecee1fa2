/**
 * Writes frames: takes calls, answers and errors, gives as few pieces of memory as it can, to be sent in one system call.
 * @module
 */
import { type Call, COUNTED_BYTES, HEADER_BYTES, KIND, META_BYTES, SHORT_TEXT, writeU32 } from "./wire.ts";

/** A payload from here on is written by itself and not copied between small frames. */
const LARGE_BYTES = 16 * 1024;
/** The memory that small frames are written into; it is never written twice, so that what waits to be sent stays as it is. */
const BLOCK_BYTES = 64 * 1024;

/** Collects the frames of one tick; `take()` gives them as few pieces of memory as it can. */
export class FrameBatch {
  #block = new Uint8Array(BLOCK_BYTES);
  #start = 0;
  #at = 0;
  #pieces: Uint8Array[] = [];

  /** Whether there is nothing to send. */
  get isEmpty(): boolean {
    return this.#at === this.#start && this.#pieces.length === 0;
  }

  /** Everything written since the last time. */
  take(): readonly Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** A frame whose body is these bytes. */
  add(kind: number, id: number, body: Uint8Array = EMPTY): void {
    this.#room(HEADER_BYTES + (body.length < LARGE_BYTES ? body.length : 0));
    this.#header(kind, id, body.length);
    this.#append(body);
  }

  /** A frame of JSON. */
  addHello(value: unknown): void {
    this.add(KIND.hello, 0, encoder.encode(JSON.stringify(value)));
  }

  /** Credit for so many parts more. */
  addCredit(id: number, parts: number): void {
    const body = new Uint8Array(4);
    writeU32(body, 0, parts);
    this.add(KIND.credit, id, body);
  }

  /**
   * A call, or what asks for a stream: `u32` milliseconds left (0: no deadline), `u8` attempt, `u8` hops, then id, trace, party and command each behind a `u8` length,
   * then the payload.
   */
  addCall(id: number, call: Call, kind: number = KIND.call): void {
    this.#room(HEADER_BYTES + META_BYTES + (call.payload.length < LARGE_BYTES ? call.payload.length : 0));
    const start = this.#at;
    const block = this.#block;
    this.#at += HEADER_BYTES;
    writeU32(block, this.#at, call.timeoutMs);
    block[this.#at + 4] = Math.min(call.attempt, 255);
    block[this.#at + 5] = Math.min(call.hops, 255);
    this.#at += 6;
    this.#text(call.requestId);
    this.#text(call.traceparent);
    this.#text(call.party);
    this.#text(call.command);
    writeHeader(block, start, kind, id, this.#at - start - HEADER_BYTES + call.payload.length);
    this.#append(call.payload);
  }

  /** An error: the code behind a `u8` length, then the message. */
  addError(id: number, code: string, message: string): void {
    const body = encoder.encode(message.slice(0, MESSAGE_CHARACTERS));
    this.#room(HEADER_BYTES + 256 + body.length);
    const start = this.#at;
    this.#at += HEADER_BYTES;
    this.#text(code);
    writeHeader(this.#block, start, KIND.error, id, this.#at - start - HEADER_BYTES + body.length);
    this.#append(body);
  }

  #header(kind: number, id: number, bodyBytes: number): void {
    writeHeader(this.#block, this.#at, kind, id, bodyBytes);
    this.#at += HEADER_BYTES;
  }

  /** At most 255 bytes of UTF-8 behind their number. */
  #text(text: string): void {
    const block = this.#block;
    const start = this.#at + 1;
    let written = 0;
    // For a few ASCII characters a TextEncoder takes longer than all the rest of a call.
    for (; written < text.length && written < SHORT_TEXT; written++) {
      const unit = text.charCodeAt(written);
      if (unit > 127) break;
      block[start + written] = unit;
    }
    if (written < text.length) written = encoder.encodeInto(text, block.subarray(start, start + 255)).written;
    block[this.#at] = written;
    this.#at = start + written;
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length < LARGE_BYTES) {
      this.#block.set(bytes, this.#at);
      this.#at += bytes.length;
    } else {
      this.#cut();
      this.#pieces.push(bytes);
    }
  }

  #cut(): void {
    if (this.#at === this.#start) return;
    this.#pieces.push(this.#block.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }

  #room(bytes: number): void {
    if (this.#block.length - this.#at >= bytes) return;
    this.#cut();
    this.#block = new Uint8Array(Math.max(BLOCK_BYTES, bytes));
    this.#start = this.#at = 0;
  }
}

const MESSAGE_CHARACTERS = 16 * 1024;
const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();

function writeHeader(block: Uint8Array, at: number, kind: number, id: number, bodyBytes: number): void {
  writeU32(block, at, bodyBytes + COUNTED_BYTES);
  block[at + 4] = kind;
  writeU32(block, at + 5, id);
}
