/**
 * Takes what the plugins found and what was counted without them, gives the differences.
 * @module
 */
import type { Count } from "./count.ts";
import type { Summary, Tally } from "./messages.ts";

/** What the plugins found. */
export interface Found {
  readonly lines: number;
  readonly older: number;
  readonly summary: Summary;
}

/** One line for each figure that differs; none when all agree. */
export function findDifferences(found: Found, count: Count): string[] {
  const { summary } = found;
  return [
    ...differ("lines", found.lines, count.lines),
    ...differ("left out", found.older, count.older),
    ...differ("total", summary.total, count.total),
    ...differInTallies("address", summary.addresses, count.addresses),
    ...differInTallies("name", summary.names, count.names),
    ...differInTallies("hour", summary.hours, count.hours),
  ];
}

function differInTallies(what: string, tallies: readonly Tally[], counted: ReadonlyMap<string, number>): string[] {
  const found = new Map(tallies.map(({ name, count }) => [name, count]));
  const keys = new Set([...found.keys(), ...counted.keys()]);
  return [...keys].flatMap((key) => differ(`${what} ${JSON.stringify(key)}`, found.get(key) ?? 0, counted.get(key) ?? 0));
}

function differ(what: string, found: number, counted: number): string[] {
  return found === counted ? [] : [`${what}: ${found} by the plugins, ${counted} without`];
}
