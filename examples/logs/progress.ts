/**
 * Takes how far a job is, draws a bar on a terminal; draws nothing where stderr is none.
 * @module
 */
import process from "node:process";

/** A progress bar on stderr. */
export interface Progress {
  /** Shows how much is done, 0 to 1, and a word about it. */
  show(share: number, note: string): void;
  /** Removes the bar. */
  clear(): void;
}

const CLEAR_LINE = "\r\x1b[2K";

/** Opens a bar with a label before it. */
export function createProgress(label: string): Progress {
  const { stderr } = process;
  if (!stderr.isTTY) return { show: () => {}, clear: () => {} };
  return {
    show(share, note) {
      const end = ` ${String(Math.floor(share * 100)).padStart(3)} %  ${note}`;
      // One column stays free: some terminals wrap when the last is written.
      const width = Math.max(10, Math.min(40, (stderr.columns || 80) - label.length - end.length - 2));
      const filled = Math.round(share * width);
      stderr.write(`${CLEAR_LINE}${label} ${"█".repeat(filled)}${"░".repeat(width - filled)}${end}`);
    },
    clear: () => void stderr.write(CLEAR_LINE),
  };
}
