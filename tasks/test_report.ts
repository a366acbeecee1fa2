/**
 * Takes the results of test files, prints them for people, and decides whether all is well.
 *
 * Wrong is: a failed test; a file with a fault of its own; a file with more tests on one runtime than on another; with
 * `POLYPLUG_REQUIRE_ALL`, a test skipped for a missing language. Each counts as one failure in the sum.
 * @module
 */
import process from "node:process";
import { missingLanguage } from "../tests/languages.ts";
import type { FileResult, RuntimeName } from "./test_file.ts";

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Skip {
  readonly file: string;
  readonly title: string;
  readonly reason: string;
  readonly runtimes: readonly RuntimeName[];
}

/** One line for a file that has ended, and all that it wrote when it failed. */
export function printFile(result: FileResult): void {
  const counts = countFile(result);
  const verdict = counts.failed ? "FAIL" : "ok  ";
  console.log(`${verdict} ${result.runtime.padEnd(4)} ${result.file}  ${formatCounts(counts)}  ${formatSeconds(result.durationMs)}`);
  if (counts.failed) console.log(result.output.trimEnd().replaceAll(/^/gm, "     | "));
}

/** The skips, the failures, a line for each runtime, and the sum as the last line; true when nothing is wrong. */
export function printReport(results: readonly FileResult[], names: readonly RuntimeName[]): boolean {
  const skips = findSkips(results);
  const wrong = [...results.flatMap(findFailures), ...findUnevenFiles(results), ...findForbiddenSkips(skips)];
  printList("Skipped", skips.map(({ file, title, reason, runtimes }) => `${file}: ${title} (${runtimes.join(", ")}) ${reason}`));
  printList("Failed", wrong);
  printMatrix(results);
  console.log();
  for (const name of names) printRuntime(name, results.filter((result) => result.runtime === name));
  console.log(formatCounts({ ...sumCounts(results), failed: wrong.length }));
  return wrong.length === 0;
}

/** Host runtime × plugin runtime × wire, from the tests whose titles name all three. */
function printMatrix(results: readonly FileResult[]): void {
  const cells = results.flatMap(({ cases }) => cases).flatMap(({ title, outcome }) => {
    const [, host = "", plugin = "", wire = ""] = /^B2: (\w+) host, (\w+) plugin, (\w+)$/.exec(title) ?? [];
    return host === "" ? [] : [{ host, plugin, wire, outcome }];
  });
  if (cells.length === 0) return;
  const wires = [...new Set(cells.map(({ wire }) => wire))];
  const rows = Map.groupBy(cells, ({ host, plugin }) => `${host.padEnd(4)} host, ${plugin.padEnd(4)} plugin`);
  const marks = { passed: "ok", failed: "FAIL", skipped: "skip" };
  const lines = [...rows].map(([row, inRow]) => {
    const found = wires.map((wire) => inRow.find((cell) => cell.wire === wire));
    return `${row}  ${found.map((cell) => (cell === undefined ? "-" : marks[cell.outcome]).padEnd(8)).join("")}`;
  });
  const passed = cells.filter(({ outcome }) => outcome === "passed").length;
  printList(`Matrix, ${passed} of ${cells.length} cells`, [`${"".padEnd(24)}${wires.map((wire) => wire.padEnd(8)).join("")}`, ...lines]);
}

/** The sum as every run of tests prints it last. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function printList(heading: string, lines: readonly string[]): void {
  if (lines.length) console.log(`\n${[`${heading}:`, ...lines].join("\n  ")}`);
}

function printRuntime(name: RuntimeName, results: readonly FileResult[]): void {
  const durationMs = results.reduce((sum, result) => sum + result.durationMs, 0);
  console.log(`${name.padEnd(4)}  ${formatCounts(sumCounts(results))} in ${results.length} files, ${formatSeconds(durationMs)}`);
}

function findFailures({ runtime, file, cases, fault }: FileResult): string[] {
  const failed = cases.filter((each) => each.outcome === "failed").map(({ title, message }) => `${title}: ${shorten(message)}`);
  return [...failed, ...(fault ? [fault] : [])].map((what) => `${runtime} ${file}: ${what}`);
}

/** Deno passes a file that throws after it has registered a test; the tests that it lacks show it. */
function findUnevenFiles(results: readonly FileResult[]): string[] {
  const byFile = Map.groupBy(results.filter((result) => !result.fault), (result) => result.file);
  return [...byFile]
    .filter(([, runs]) => new Set(runs.map((run) => run.cases.length)).size > 1)
    .map(([file, runs]) =>
      `${file}: not the same tests everywhere: ${runs.map((run) => `${run.cases.length} on ${run.runtime}`).join(", ")}`
    );
}

function findForbiddenSkips(skips: readonly Skip[]): string[] {
  if (!process.env.POLYPLUG_REQUIRE_ALL) return [];
  return skips
    .filter(({ reason }) => reason.startsWith(missingLanguage))
    .map(({ file, title, reason }) => `${file}: ${title}: skipped (${reason}), but POLYPLUG_REQUIRE_ALL is set`);
}

/** Each skipped test once. The reason is from Node, whose report alone has reasons. */
function findSkips(results: readonly FileResult[]): Skip[] {
  const skipped = results.flatMap(({ file, runtime, cases }) =>
    cases.filter((each) => each.outcome === "skipped").map(({ title, message }) => ({ file, title, runtime, message }))
  );
  return [...Map.groupBy(skipped, ({ file, title }) => `${file}: ${title}`).values()].map((same) => ({
    file: same[0]!.file,
    title: same[0]!.title,
    reason: same.find(({ runtime }) => runtime === "node")?.message ?? "",
    runtimes: same.map(({ runtime }) => runtime),
  }));
}

function countFile({ cases, fault }: FileResult): Counts {
  const counts = { passed: 0, failed: fault ? 1 : 0, skipped: 0 };
  for (const { outcome } of cases) counts[outcome]++;
  return counts;
}

function sumCounts(results: readonly FileResult[]): Counts {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of results.map(countFile)) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}

function shorten(message: string): string {
  return message.replaceAll(/\s+/g, " ").trim().slice(0, 300);
}

function formatSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
