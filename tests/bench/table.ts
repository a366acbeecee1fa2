/**
 * Writes Markdown as `deno fmt` would: takes titles and rows, gives a table with texts to the left and figures to the right; breaks prose.
 * @module
 */

/** A column's title; figures stand at its right edge. */
export interface Column {
  readonly title: string;
  readonly isFigure?: boolean;
}

/** The table's lines, without a newline at the end. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, index) => Math.max(3, title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${columns.map(({ isFigure }, i) => (isFigure ? pad.left : pad.right)(cells[i] ?? "", widths[i] ?? 0)).join(" | ")} |`;
  const rule = columns.map(({ isFigure }, i) => isFigure ? `${"-".repeat((widths[i] ?? 1) - 1)}:` : "-".repeat(widths[i] ?? 0));
  return [line(columns.map(({ title }) => title)), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

const pad = {
  left: (text: string, width: number) => text.padStart(width),
  right: (text: string, width: number) => text.padEnd(width),
};

/** Prose in lines of at most 140 characters. */
export function paragraph(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1) ?? ""} ${word}`;
    if (lines.length > 0 && longer.length <= LINE) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join("\n");
}

const LINE = 140;

/** Microseconds, or milliseconds from 10,000 on. */
export function time(us: number): string {
  if (us >= 10_000) return `${(us / 1000).toFixed(us < 100_000 ? 1 : 0)} ms`;
  return `${us.toFixed(us < 100 ? 1 : 0)} µs`;
}

/** Calls in a second. */
export function rate(perSecond: number): string {
  return perSecond >= 10_000 ? `${(perSecond / 1000).toFixed(0)} k` : perSecond.toFixed(perSecond < 100 ? 1 : 0);
}
