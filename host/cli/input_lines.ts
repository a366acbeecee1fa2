/**
 * Takes stdin, gives its lines one at a time, until its end or an interrupt.
 * @module
 */
import { createLineSplitter } from "../logs/lines.ts";

/** The lines as they come; who leaves the loop stops reading. */
export async function* inputLines(input: AsyncIterable<Uint8Array | string>, signal: AbortSignal): AsyncGenerator<string, void, void> {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => lines.push(line));
  const interrupted = Promise.withResolvers<undefined>();
  signal.addEventListener("abort", () => interrupted.resolve(undefined), { once: true });
  const chunks = input[Symbol.asyncIterator]();
  let isOpen = !signal.aborted;
  try {
    while (isOpen) {
      const read = await Promise.race([chunks.next(), interrupted.promise]);
      if (read === undefined) return;
      if (read.done === true) splitter.end();
      else splitter.push(typeof read.value === "string" ? new TextEncoder().encode(read.value) : read.value);
      isOpen = read.done !== true;
      yield* lines.splice(0);
    }
  } finally {
    // After an interrupt a read is open, which would have to end first.
    if (!signal.aborted) await chunks.return?.();
  }
}
