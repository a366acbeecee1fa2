/**
 * Joins the chunks of a stream.
 * @module
 */
import type { Bytes } from "./caller.ts";

/** One array with the chunks' bytes in it; `size` is their sum, which who read them has counted already. */
export function concatBytes(chunks: readonly Uint8Array[], size: number): Bytes {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
