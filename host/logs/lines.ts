/**
 * Takes the chunks of a pipe, gives its lines; memory stays bounded whatever a plugin writes.
 * @module
 */

/** The longest line that is kept, in characters; the rest of a longer one is dropped. */
export const MAX_LINE_CHARS: number = 64 * 1024;

/** Takes chunks and calls `onLine` for each line, without its line ending. */
export interface LineSplitter {
  push(chunk: Uint8Array): void;
  /** Gives the last line when it had no line ending. */
  end(): void;
}

/** Makes a splitter; invalid UTF-8 becomes replacement characters, a cut line ends with "…". */
export function createLineSplitter(onLine: (line: string) => void): LineSplitter {
  const decoder = new TextDecoder();
  let pending = "";
  let cut = false;
  const keep = (text: string) => {
    const room = MAX_LINE_CHARS - pending.length;
    if (text.length > room) cut = true;
    pending += text.slice(0, Math.max(0, room));
  };
  const flush = () => {
    const line = pending.endsWith("\r") ? pending.slice(0, -1) : pending;
    onLine(cut ? `${line.toWellFormed()}…` : line);
    pending = "";
    cut = false;
  };
  const take = (text: string) => {
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      keep(text.slice(from, at));
      flush();
      from = at + 1;
    }
    keep(text.slice(from));
  };
  return {
    push: (chunk) => take(decoder.decode(chunk, { stream: true })),
    end() {
      take(decoder.decode());
      if (pending !== "") flush();
    },
  };
}
