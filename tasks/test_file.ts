/**
 * Takes one test file and one runtime, runs the file in a process of its own, and gives what became of it.
 *
 * A process for each file on all three: what one file leaves behind cannot fail another, a file that hangs or kills its process
 * is known by name, and the limits are the same everywhere (Deno has none for a single test).
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseJunit, type TestCase } from "./junit.ts";
import type { Runtimes } from "./runtimes.ts";

/** The three runtimes, in the order in which they run the tests. */
export const runtimeNames = ["deno", "bun", "node"] as const;
/** One of them. */
export type RuntimeName = (typeof runtimeNames)[number];

/** What became of one file on one runtime. */
export interface FileResult {
  readonly file: string;
  readonly runtime: RuntimeName;
  readonly cases: readonly TestCase[];
  /** Why the file failed apart from its tests: it hung, crashed, threw, or has no tests. */
  readonly fault?: string;
  /** What it wrote to stdout and stderr. */
  readonly output: string;
  readonly durationMs: number;
}

/** How long things may take before they count as hung. */
export interface RunLimits {
  /** For one test, on Bun and Node; Deno knows no such limit. */
  readonly testMs: number;
  /** For the whole file, on all three. */
  readonly fileMs: number;
}

type Exit =
  | { readonly kind: "timed out"; readonly afterMs: number }
  | { readonly kind: "ended"; readonly ok: boolean; readonly how: string };

const running = new Set<ChildProcess>();

/** The command line of each runtime for one file, with its report going to `junit`. */
const commandLines: Record<RuntimeName, (file: string, junit: string, limits: RunLimits) => string[]> = {
  // Types are checked by `deno task check`; a lockfile that would change is an error, not a change.
  deno: (file, junit) => ["test", "-A", "--no-check", "--frozen", `--junit-path=${junit}`, file],
  bun: (file, junit, { testMs }) => ["test", `--timeout=${testMs}`, "--reporter=junit", `--reporter-outfile=${junit}`, `./${file}`],
  // Without --test: its runner is one process more, and counts a file without a report as one passed test.
  node: (file, junit, { testMs }) => [
    `--test-timeout=${testMs}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=junit",
    `--test-reporter-destination=${junit}`,
    file,
  ],
};

/** Runs one test file; never throws for what the file does. */
export async function runTestFile(file: string, runtime: RuntimeName, runtimes: Runtimes, limits: RunLimits): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), "polyplug-test-"));
  const junit = join(folder, "junit.xml");
  const outputFile = join(folder, "output.txt");
  const started = performance.now();
  try {
    const exit = await runBounded(runtimes[runtime], commandLines[runtime](file, junit, limits), outputFile, runtimes.path, limits.fileMs);
    const cases = parseJunit(readOrEmpty(junit));
    const fault = findFault(exit, cases);
    const durationMs = performance.now() - started;
    return { file, runtime, cases: cases ?? [], output: readOrEmpty(outputFile), durationMs, ...(fault && { fault }) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Ends the files that run now; for the moment when the test run itself is told to end. */
export function killRunningFiles(): void {
  for (const child of running) killGroup(child);
}

/** Output goes to a file, not a pipe: a pipe that a forgotten grandchild holds would keep the run from ending. */
async function runBounded(binary: string, args: string[], outputFile: string, path: string, timeoutMs: number): Promise<Exit> {
  const output = openSync(outputFile, "w");
  const env = { ...process.env, PATH: path, NO_COLOR: "1" };
  const child = spawn(binary, args, { detached: true, stdio: ["ignore", output, output], env });
  closeSync(output);
  running.add(child);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, timeoutMs);
  try {
    return await new Promise<Exit>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        if (timedOut) resolve({ kind: "timed out", afterMs: timeoutMs });
        else resolve({ kind: "ended", ok: code === 0, how: signal ? `signal ${signal}` : `exit code ${code}` });
      });
    });
  } finally {
    clearTimeout(timer);
    running.delete(child);
    killGroup(child);
  }
}

/** Exit codes and reports contradict each other on each runtime in another way, so both are asked. */
function findFault(exit: Exit, cases: readonly TestCase[] | undefined): string | undefined {
  if (exit.kind === "timed out") return `it was killed because it had not ended after ${Math.round(exit.afterMs / 1000)} s`;
  if (!cases?.length) return `it ended with ${exit.how} and no report: it has no tests, or ended before they were done`;
  if (!exit.ok && !cases.some((each) => each.outcome === "failed")) return `it ended with ${exit.how} although no test failed`;
  return undefined;
}

/** The child leads a group of its own, so this reaches what it started and left there, and nothing else. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the runtime ended before it made the file
  }
}
