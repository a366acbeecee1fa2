/**
 * Takes latencies in milliseconds, gives a plot of them in plain text, at most 80 columns wide.
 * @module
 */

const WIDTH = 80;
const EIGHTHS = " ▏▎▍▌▋▊▉";
const BOUNDS = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** One line for each range that has been met, each about twice as wide as the one before; a bar grows with the logarithm of its number. */
export function histogram(latencies: readonly number[]): string[] {
  const counts = new Map<number, number>();
  for (const ms of latencies) {
    const range = BOUNDS.findIndex((bound) => ms < bound);
    counts.set(range === -1 ? BOUNDS.length : range, (counts.get(range === -1 ? BOUNDS.length : range) ?? 0) + 1);
  }
  const [first, last] = [Math.min(...counts.keys()), Math.max(...counts.keys())];
  const ranges = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const most = Math.max(...counts.values());
  return ranges.map((range) => line(rangeLabel(range), counts.get(range) ?? 0, most));
}

/** The latency that so many percent of the calls had at most. */
export function percentile(latencies: readonly number[], percent: number): number {
  const sorted = latencies.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percent / 100))] ?? 0;
}

function line(label: string, count: number, most: number): string {
  const start = `  ${label.padStart(13)}  `;
  const end = count.toLocaleString("en").padStart(most.toLocaleString("en").length);
  const room = WIDTH - start.length - end.length - 1;
  const length = count === 0 ? 0 : room * Math.log1p(count) / Math.log1p(most);
  return `${start}${end} ${bar(length)}`.trimEnd();
}

function bar(length: number): string {
  const eighths = Math.round(length * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "").trim();
}

function rangeLabel(range: number): string {
  if (range === BOUNDS.length) return `${BOUNDS.at(-1)} ms and more`;
  return range === 0 ? `under ${BOUNDS[0]} ms` : `${BOUNDS[range - 1]} to ${BOUNDS[range]} ms`;
}
