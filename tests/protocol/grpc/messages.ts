/**
 * The messages of plugin.proto as bytes, written without the generated code, and gRPC's five bytes before each.
 * @module
 */
import { Buffer } from "node:buffer";
import { bytes } from "../../support.ts";

/** A field of bytes, a string or a message. */
export function field(number: number, value: string | Uint8Array): Buffer {
  const content = Buffer.from(value as string);
  return Buffer.concat([Buffer.of(number << 3 | 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const digits: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) digits.push(value % 128 | 128);
  return Buffer.from([...digits, value]);
}

/** ExecRequest. */
export function execRequest(command: string, payload: string | Uint8Array): Buffer {
  return Buffer.concat([field(1, command), field(2, payload)]);
}

/** ExecResponse, and PingResponse, which has the same shape; proto3 does not write what is empty. */
export function execResponse(response: string | Uint8Array, status = "success"): Buffer {
  return Buffer.concat([field(1, status), field(2, response.length === 0 ? "" : field(1, response))]);
}

/** One message as gRPC has it in a body. */
export function envelope(message: Uint8Array, length: number = message.length, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** All 256 bytes. */
export const ALL: Uint8Array = Uint8Array.from({ length: 256 }, (_, i) => i);

/** Lower-case hex of bytes or a text. */
export function hex(value: string | Uint8Array): string {
  return Buffer.from(typeof value === "string" ? bytes(value) : value).toString("hex");
}
