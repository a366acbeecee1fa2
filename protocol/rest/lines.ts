/**
 * Lines of a body: takes chunks as they come, gives texts, and never keeps a line that is over the limit.
 * @module
 */
import { concatBytes } from "../bytes.ts";

/** How lines are read. */
export interface LineOptions {
  /** The most bytes that a line may have. */
  readonly capBytes: number;
  /** What is thrown for one that has more. */
  readonly tooLarge: () => Error;
}

/** Gives the lines that are not empty; the last one may lack its end. Chunks are read as lines are asked for. */
export async function* readLines(body: AsyncIterable<Uint8Array>, { capBytes, tooLarge }: LineOptions): AsyncGenerator<string, void, void> {
  let begun: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE, at); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      if (size + end - at > capBytes) throw tooLarge();
      const line = textOf([...begun, chunk.subarray(at, end)], size + end - at);
      [begun, size, at] = [[], 0, end + 1];
      if (line !== "") yield line;
    }
    if (at === chunk.length) continue;
    begun.push(chunk.subarray(at));
    size += chunk.length - at;
    if (size > capBytes) throw tooLarge();
  }
  const rest = textOf(begun, size);
  if (rest !== "") yield rest;
}

function textOf(pieces: readonly Uint8Array[], size: number): string {
  const [only = new Uint8Array(0)] = pieces;
  return decoder.decode(pieces.length <= 1 ? only : concatBytes(pieces, size)).trim();
}

const NEWLINE = 10;
const decoder = new TextDecoder();
