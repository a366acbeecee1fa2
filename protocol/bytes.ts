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

/** What takes the chunks of a stream, in order. */
export interface Sink {
  push(chunk: Uint8Array): void;
}

/** Keeps them until there are all. */
export class Chunks implements Sink {
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  bytes(): Bytes {
    return concatBytes(this.#chunks, this.#size);
  }
}

/** Reads a stream to its end; one chunk alone is given as it is. */
export async function collectBytes(stream: AsyncIterable<Uint8Array> | undefined): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    chunks.push(chunk);
    size += chunk.length;
  }
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only as Bytes : concatBytes(chunks, size);
}
