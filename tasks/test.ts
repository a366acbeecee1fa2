/**
 * `deno task test`: takes the test files of the project, runs each on Deno, Bun and Node, and gives one sum as the last line.
 *
 *     deno task test [--runtime deno|bun|node] [--jobs N] [part of a file name ...]
 *
 * Three files at a time unless `--jobs` says otherwise, since files wait more than they work. Those that measure time come after them, two
 * at a time; those that load every core come last, each alone.
 * Exits with 1 when anything is wrong; test_report.ts says what counts as wrong.
 * @module
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { findRuntimes, type Runtimes } from "./runtimes.ts";
import { type FileResult, killRunningFiles, runTestFile, type RuntimeName, runtimeNames } from "./test_file.ts";
import { formatCounts, printFile, printReport } from "./test_report.ts";

const minute = 60_000;
const limits = process.env.POLYPLUG_LONG
  ? { testMs: 60 * minute, fileMs: 90 * minute, runtimeMs: 240 * minute }
  : { testMs: 3 * minute, fileMs: 5 * minute, runtimeMs: 20 * minute };

let isEnding = false;

process.exitCode = await main() ? 0 : 1;

async function main(): Promise<boolean> {
  process.chdir(join(import.meta.dirname!, ".."));
  const { names, jobs, filters } = readArguments();
  const files = findTestFiles(filters);
  if (files.length === 0) {
    console.error(`No test file matches: ${filters.join(" ") || "tests/**/*.test.ts"}`);
    console.log(formatCounts({ passed: 0, failed: 1, skipped: 0 }));
    return false;
  }
  const runtimes = await findRuntimes();
  endOnSignal();
  const results: FileResult[] = [];
  // Node alone compiles anew whatever it starts, which is half of what a start takes it.
  const compiled = process.env.NODE_COMPILE_CACHE = mkdtempSync(join(tmpdir(), "polyplug-test-"));
  try {
    for (const name of names) results.push(...await runFiles(files, name, runtimes, jobs));
  } finally {
    rmSync(compiled, { recursive: true, force: true });
  }
  return printReport(results, names) && !isEnding;
}

function readArguments(): { names: readonly RuntimeName[]; jobs: number; filters: readonly string[] } {
  const { values, positionals: filters } = parseArgs({
    allowPositionals: true,
    options: { runtime: { type: "string" }, jobs: { type: "string", default: "3" } },
  });
  const names = values.runtime ? runtimeNames.filter((name) => name === values.runtime) : runtimeNames;
  if (names.length === 0) throw new Error(`Unknown runtime "${values.runtime}": use one of ${runtimeNames.join(", ")}`);
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs must be a whole number from 1: "${values.jobs}"`);
  return { names, jobs, filters };
}

function findTestFiles(filters: readonly string[]): string[] {
  return globSync(["tests/**/*.test.ts", "examples/**/*.test.ts"])
    .filter((file) => !file.includes("node_modules"))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
}

async function runFiles(files: readonly string[], runtime: RuntimeName, runtimes: Runtimes, jobs: number): Promise<FileResult[]> {
  const endsAt = performance.now() + limits.runtimeMs;
  const results: FileResult[] = [];
  const runAll = async (waiting: Iterator<string>) => {
    for (let next = waiting.next(); next.done !== true && !isEnding; next = waiting.next()) {
      const fileMs = Math.min(limits.fileMs, endsAt - performance.now());
      const result = fileMs > 0 ? await runTestFile(next.value, runtime, runtimes, { ...limits, fileMs }) : notRun(next.value, runtime);
      printFile(result);
      results.push(result);
    }
  };
  const atOnce: Readonly<Record<Company, number>> = { any: jobs, one: Math.min(2, jobs), none: 1 };
  for (const [company, count] of Object.entries(atOnce)) {
    const waiting = files.filter((file) => companyOf(file) === company).values();
    await Promise.all(Array.from({ length: count }, () => runAll(waiting)));
  }
  return results;
}

/** Beside how many others a file may run. */
type Company = "any" | "one" | "none";

/** Bounds in time hold while there is a core for each file: beside one other that mostly waits too, or beside none. */
function companyOf(file: string): Company {
  const text = readFileSync(file, "utf8");
  if (text.includes(" * Runs alone: ")) return "none";
  return text.includes("measureLagMs") ? "one" : "any";
}

function notRun(file: string, runtime: RuntimeName): FileResult {
  const fault = `it was not run: the ${limits.runtimeMs / minute} minutes for one runtime were over`;
  return { file, runtime, cases: [], fault, output: "", durationMs: 0 };
}

/** What was found so far is still reported, and the temporary folders are removed. */
function endOnSignal(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      isEnding = true;
      killRunningFiles();
    });
  }
}
