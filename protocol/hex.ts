/**
 * Bytes as hexadecimal text: written lower-case, read in either case.
 * @module
 */
import type { Bytes } from "./caller.ts";

const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const CHUNK = 8192;

interface HexCodec {
  toHex?(): string;
}

/** Writes bytes as lower-case hex. */
export function encodeHex(bytes: Uint8Array): string {
  const native = (bytes as HexCodec).toHex;
  if (native !== undefined) return native.call(bytes);
  let text = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    let part = "";
    for (const byte of bytes.subarray(start, start + CHUNK)) part += PAIRS[byte];
    text += part;
  }
  return text;
}

const fromHex = (Uint8Array as { fromHex?(text: string): Bytes }).fromHex;

/** Reads hex of either case; `undefined` when the text is of odd length or has another character in it. */
export function decodeHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0) return undefined;
  if (fromHex === undefined) return decodeByTable(text);
  try {
    return fromHex.call(Uint8Array, text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function decodeByTable(text: string): Bytes | undefined {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = digit(text.charCodeAt(2 * i));
    const low = digit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

function digit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
