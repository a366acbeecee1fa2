/**
 * The messages of plugin.proto in protobuf's binary form: takes a command and bytes, or a response, gives one message, and reads it.
 *
 * By hand, since there are but two shapes and a general codec costs a small call as much as HTTP/2 does. `room` bytes in front stay free.
 * @module
 */
import type { Bytes } from "../caller.ts";

/** A call as its message has it; the payload is a part of the message. */
export interface RequestMessage {
  readonly command: string;
  readonly payload: Bytes;
}

/** An answer as its message has it; the response is a part of the message. */
export interface AnswerMessage {
  readonly status: string;
  readonly response: Bytes;
}

/** `ExecRequest`: Command is field 1, Payload is field 2. */
export function encodeRequest({ command, payload }: { readonly command: string; readonly payload: Uint8Array }, room = 0): Bytes {
  const name = encoder.encode(command);
  const message = new Uint8Array(room + fieldBytes(name.length) + fieldBytes(payload.length));
  writeField(message, writeField(message, room, FIELD_1, name), FIELD_2, payload);
  return message;
}

/** `ExecResponse` and `PingResponse`: Status is field 1, Data is field 2, and in it Response is field 1. */
export function encodeAnswer(response: Uint8Array, room = 0): Bytes {
  const data = fieldBytes(response.length);
  const message = new Uint8Array(room + fieldBytes(SUCCESS.length) + 1 + varintBytes(data) + data);
  const dataAt = writeField(message, room, FIELD_1, SUCCESS);
  message[dataAt] = FIELD_2;
  writeField(message, writeVarint(message, dataAt + 1, data), FIELD_1, response);
  return message;
}

/** Reads a call; `undefined` when it is no message, or its command no UTF-8. */
export function decodeRequest(message: Bytes): RequestMessage | undefined {
  const { first, second, isRight } = new Fields(message);
  const command = isRight ? textFrom(first) : undefined;
  return command === undefined ? undefined : { command, payload: second };
}

/** Reads an answer; `undefined` when it is no message. proto3 does not write what is empty. */
export function decodeAnswer(message: Bytes): AnswerMessage | undefined {
  const { first, second, isRight } = new Fields(message);
  const data = new Fields(second);
  const status = isRight && data.isRight ? textFrom(first) : undefined;
  return status === undefined ? undefined : { status, response: data.first };
}

/** Fields 1 and 2 of a message, both a length and so many bytes; others are passed over. */
class Fields {
  first: Bytes = EMPTY;
  second: Bytes = EMPTY;
  /** Whether it could be read to its end. */
  readonly isRight: boolean;
  readonly #message: Bytes;
  #at = 0;

  constructor(message: Bytes) {
    this.#message = message;
    while (this.#at < message.length) this.#readField(this.#readVarint());
    this.isRight = this.#at === message.length;
  }

  #readField(tag: number): void {
    const wireType = tag & 7;
    if (tag < 8 || wireType > 5) this.#at = Number.NaN;
    else if (wireType === 0) this.#readVarint();
    else if (wireType === 1) this.#at += 8;
    else if (wireType === 5) this.#at += 4;
    else if (wireType === 2) this.#readBytes(tag);
    else this.#at = Number.NaN; // Groups are not in proto3.
  }

  #readBytes(tag: number): void {
    const length = this.#readVarint();
    const start = this.#at;
    this.#at += length;
    if (tag === FIELD_1) this.first = this.#message.subarray(start, this.#at);
    else if (tag === FIELD_2) this.second = this.#message.subarray(start, this.#at);
  }

  /** NaN, which ends the reading, when the message ends within it or it has more than ten bytes. */
  #readVarint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.#message[this.#at++];
      if (byte === undefined) break;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return this.#at = Number.NaN;
  }
}

function textFrom(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // It throws for nothing else.
  }
}

/** A field's number and that it is a length and so many bytes. */
const FIELD_1 = 1 << 3 | 2;
const FIELD_2 = 2 << 3 | 2;
const EMPTY: Bytes = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const SUCCESS = encoder.encode("success");

/** The bytes of a field with its content; proto3 does not write what is empty. */
function fieldBytes(length: number): number {
  return length === 0 ? 0 : 1 + varintBytes(length) + length;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest /= 128) bytes += 1;
  return bytes;
}

/** Writes a field and gives the place behind it. */
function writeField(message: Uint8Array, at: number, tag: number, content: Uint8Array): number {
  if (content.length === 0) return at;
  message[at] = tag;
  const start = writeVarint(message, at + 1, content.length);
  message.set(content, start);
  return start + content.length;
}

function writeVarint(message: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) message[end++] = rest % 128 | 128;
  message[end] = rest;
  return end + 1;
}
