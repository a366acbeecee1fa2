/**
 * Takes a program of the repository and its arguments, runs it on the runtime that runs this test, gives what it said and its exit code.
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { pathOf, RUNTIME } from "../support.ts";

/** What became of a program. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; `env` adds to this process's environment. */
export async function runProgram(file: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Run> {
  const command = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), pathOf(file), ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1", ...env } });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => stdout += chunk);
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => stderr += chunk);
  const code = await new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  return { code, stdout, stderr };
}
