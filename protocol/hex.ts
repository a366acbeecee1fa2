/**
 * Bytes as hexadecimal text: written lower-case, read in either case.
 * @module
 */
import type { Bytes } from "./caller.ts";

/** The two digits of each byte, as text and as two bytes of ASCII in one number. */
const TEXTS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const PAIRS = new Uint16Array(new TextEncoder().encode(TEXTS.join("")).buffer);
/** What no byte can be. */
const WRONG = 256;
/** What each character is worth as a digit. */
const VALUES: Uint16Array = Uint16Array.from({ length: 256 }, (_, code) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(code).toLowerCase());
  return digit < 0 ? WRONG : digit;
});
/** Up to here text is put together from pieces; of more the engine takes seconds to make one text, at 16 MiB. */
const SHORT_BYTES = 64;
/** Where the digits of less than this are put together; of long ones, whoever writes them piece by piece makes no memory for each. */
const SCRATCH = new Uint16Array(32 * 1024);
const encoder = new TextEncoder();
const ascii = new TextDecoder("latin1");

interface HexCodec {
  toHex?(): string;
}

/** Writes bytes as lower-case hex. */
export function encodeHex(bytes: Uint8Array): string {
  const native = (bytes as HexCodec).toHex;
  if (native !== undefined) return native.call(bytes);
  if (bytes.length <= SHORT_BYTES) {
    let text = "";
    for (const byte of bytes) text += TEXTS[byte];
    return text;
  }
  const pairs = bytes.length > SCRATCH.length ? new Uint16Array(bytes.length) : SCRATCH.subarray(0, bytes.length);
  for (let i = 0; i < bytes.length; i++) pairs[i] = PAIRS[bytes[i] ?? 0] ?? 0;
  return ascii.decode(pairs);
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
  const codes = encoder.encode(text); // Reading bytes is quicker than reading characters.
  const bytes = new Uint8Array(text.length / 2);
  return codes.length === text.length && decodeHexInto(codes, bytes) === bytes.length ? bytes : undefined;
}

/** Reads pairs of digits, in ASCII, for as many bytes as there is room; stops at the first that is none, and gives how many it read. */
export function decodeHexInto(codes: Uint8Array, bytes: Uint8Array): number {
  const most = Math.min(codes.length >> 1, bytes.length);
  for (let i = 0; i < most; i++) {
    const value = ((VALUES[codes[2 * i] ?? 0] ?? WRONG) << 4) | (VALUES[codes[2 * i + 1] ?? 0] ?? WRONG);
    if (value >= WRONG) return i;
    bytes[i] = value;
  }
  return most;
}

/** Whether a character's code is that of a digit. */
export function isHexDigit(code: number | undefined): boolean {
  return (VALUES[code ?? WRONG] ?? WRONG) < WRONG;
}
