/**
 * Takes lines faster than stdout may be read, gives it what it can hold: past a limit lines are left out, and that is said.
 * @module
 */
import { type CliContext, say } from "./context.ts";

/** How much may wait in memory until it is read, in characters. */
const MOST_WAITING = 16 * 1024 * 1024;

/** Makes a function that writes lines to stdout, so that a reader that pauses neither stops the plugins nor fills the memory. */
export function createOverflow(context: CliContext): (line: string) => void {
  const { stdout } = context.io;
  let waiting = 0;
  let leftOut = 0;
  return (line) => {
    if (waiting > (leftOut === 0 ? MOST_WAITING : MOST_WAITING / 2)) {
      if (leftOut++ === 0) say(context, "stdout is not read fast enough: what plugins write is left out until it is");
      return;
    }
    if (leftOut > 0) say(context, `${leftOut} lines of plugins were left out`);
    leftOut = 0;
    let queued = 0;
    const isWritten = stdout.write(line, () => waiting -= queued);
    if (isWritten === false) waiting += queued = line.length; // The length that streams give themselves is 0 on Bun.
  };
}
