/**
 * The messages of plugin.proto by hand: takes a command and bytes, gives protobuf's binary form, and reads it.
 * `room` bytes at the front are left for gRPC's prefix.
 * @module
 */
import { Buffer } from "node:buffer";
import type { Bytes } from "../../../protocol/caller.ts";

const SUCCESS = [...new TextEncoder().encode("success")];

/** `ExecRequest`: Command is field 1, Payload is field 2. */
export function encodeRequest(command: string, payload: Uint8Array, room = 0): Bytes {
  const name = new TextEncoder().encode(command);
  return joined([0x0a, ...varint(name.length), ...name, 0x12, ...varint(payload.length)], payload, room);
}

/** `ExecResponse`: Status is field 1, Data is field 2, and in it Response is field 1. */
export function encodeAnswer(response: Uint8Array, room = 0): Bytes {
  const inner = [0x0a, ...varint(response.length)];
  return joined([0x0a, SUCCESS.length, ...SUCCESS, 0x12, ...varint(inner.length + response.length), ...inner], response, room);
}

/** The payload of a request. */
export function payloadFrom(request: Uint8Array, room = 0): Uint8Array {
  return lastField(request, room);
}

/** The response of an answer. */
export function responseFrom(answer: Uint8Array, room = 0): Uint8Array {
  return lastField(lastField(answer, room), 0);
}

function joined(head: readonly number[], tail: Uint8Array, room: number): Bytes {
  const whole = Buffer.allocUnsafe(room + head.length + tail.length);
  whole.set(head, room);
  whole.set(tail, room + head.length);
  return whole;
}

/** Every field of these messages is a length and so many bytes, and what is wanted stands last. */
function lastField(message: Uint8Array, start: number): Uint8Array {
  let from = start;
  for (let at = start; at < message.length;) {
    let length = 0;
    let shift = 0;
    let byte = 0x80;
    for (at += 1; byte >= 0x80; shift += 7) {
      byte = message[at++] ?? 0;
      length |= (byte & 0x7f) << shift;
    }
    from = at;
    at += length;
  }
  return message.subarray(from);
}

function varint(value: number): number[] {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push(value & 0x7f | 0x80);
  return [...bytes, value];
}
