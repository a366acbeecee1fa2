/**
 * Keeps a few lines of a plugin's output for error messages, in bounded memory.
 * @module
 */

const LAST_LINES = 20;
const FIRST_LINES = 5;
const MAX_CHARS = 500;

/** The first lines of stdout and the last ones of stderr. */
export interface Tail {
  add(stream: "stdout" | "stderr", line: string): void;
  /** The first lines of stdout. */
  stdout(): string;
  /** The last lines of stderr. */
  stderr(): string;
}

/** Makes an empty tail. */
export function createTail(): Tail {
  const first: string[] = [];
  const last: string[] = [];
  return {
    add(stream, line) {
      const short = line.length <= MAX_CHARS ? line : `${line.slice(0, MAX_CHARS)}…`;
      if (stream === "stderr") {
        last.push(short);
        if (last.length > LAST_LINES) last.shift();
      } else if (first.length < FIRST_LINES) first.push(short);
    },
    stdout: () => first.join("\n"),
    stderr: () => last.join("\n"),
  };
}
