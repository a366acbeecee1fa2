/**
 * Bytes as hexadecimal text: written lower-case, read in either case.
 * @module
 */
import type { Bytes } from "./caller.ts";

const DIGITS = new TextEncoder().encode("0123456789abcdef");
const ascii = new TextDecoder("latin1");

interface HexCodec {
  toHex?(): string;
}

/** Writes bytes as lower-case hex. */
export function encodeHex(bytes: Uint8Array): string {
  const native = (bytes as HexCodec).toHex;
  if (native !== undefined) return native.call(bytes);
  // Text put together from pieces takes the engine seconds to flatten at 16 MiB; digits decoded at once take a tenth of that.
  const digits = new Uint8Array(2 * bytes.length);
  let at = 0;
  for (const byte of bytes) {
    digits[at++] = DIGITS[byte >> 4] ?? 0;
    digits[at++] = DIGITS[byte & 15] ?? 0;
  }
  return ascii.decode(digits);
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
