/**
 * Takes rows of cells, gives aligned lines; on a terminal a cell may be cut so that a line fits.
 * @module
 */

/** Aligns the cells; `shrink` is the column whose middle is cut when a line would be wider than `width`. */
export function formatTable(
  rows: readonly (readonly string[])[],
  { shrink, width }: { shrink: number; width: number | undefined },
): string[] {
  const widths = widthsOf(rows);
  const total = widths.reduce((sum, each) => sum + each, 0) + 2 * (widths.length - 1);
  const over = width === undefined ? 0 : total - width;
  const room = Math.max(LEAST_WIDTH, (widths[shrink] ?? 0) - Math.max(0, over));
  const fitted = rows.map((row) => row.map((cell, column) => column === shrink ? cutMiddle(cell, room) : cell));
  const fittedWidths = widthsOf(fitted);
  return fitted.map((row) => row.map((cell, column) => cell.padEnd(fittedWidths[column] ?? 0)).join("  ").trimEnd());
}

const LEAST_WIDTH = 12;

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
}

function cutMiddle(text: string, room: number): string {
  if (text.length <= room) return text;
  const head = Math.floor((room - 1) / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (room - 1 - head))}`;
}
