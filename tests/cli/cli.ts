/**
 * Runs the command line as a person does: a child on the runtime that runs this test, its answer, what it says beside, its exit code.
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createServer } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { stringify } from "smol-toml";
import { pathOf, RUNTIME } from "../support.ts";

/** What became of one command. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams;
  readonly pid: number;
  /** Resolves when it has said this, so often on one stream, with all that it has said on both. */
  said(text: string, times?: number): Promise<string>;
  readonly done: Promise<CliRun>;
}

/** Options of `startCli`. */
export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Written to stdin, which is closed then; without it stdin is closed at once. */
  readonly input?: string | Uint8Array;
  /** Whether stdin stays open. */
  readonly open?: boolean;
}

/** The command and its arguments that run a TypeScript file of the repository here. */
export function programArgs(file: string, args: readonly string[]): string[] {
  return [...(RUNTIME === "deno" ? ["run", "-A", "-q", "--no-check", `--config=${pathOf("deno.json")}`] : []), pathOf(file), ...args];
}

/** Starts `polyplug` with these arguments. */
export function startCli(args: readonly string[], { cwd, env = {}, input = "", open = false }: CliOptions = {}): RunningCli {
  const child = spawn(process.execPath, programArgs("host/cli/main.ts", args), {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, GOPLUGIN_DIR: "", NO_COLOR: "1", ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const waiting: { readonly isSaid: () => boolean; readonly resolve: () => void }[] = [];
  let [stdout, stderr] = ["", ""];
  const look = () => waiting.filter(({ isSaid }) => isSaid()).forEach(({ resolve }) => resolve());
  child.stdout.setEncoding("latin1").on("data", (chunk: string) => (stdout += chunk, look()));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk, look()));
  child.stdin.on("error", () => {}); // A command that needs no input may end before it is written.
  if (!open) child.stdin.end(input);
  const done = new Promise<CliRun>((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve({ code, stdout, stderr }));
  });
  const said = async (text: string, times = 1): Promise<string> => {
    const isSaid = () => [stdout, stderr].some((output) => output.split(text).length > times);
    const found = new Promise<void>((resolve) => waiting.push({ isSaid, resolve }));
    look();
    const ended = done.then((run) => {
      if (!isSaid()) throw new Error(`It ended without "${text}": ${JSON.stringify(run)}`);
    });
    await Promise.race([found, ended]);
    return stdout + stderr;
  };
  return { child, pid: child.pid ?? 0, said, done };
}

/** Runs `polyplug` to its end. Its stdout is given byte for byte, each as one character. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  return await startCli(args, options).done;
}

/** Writes a configuration in which the host `test` may use these plugins without checksums, and gives its path. */
export async function writeConfig(folder: string, plugins: Record<string, Record<string, unknown>>): Promise<string> {
  const path = join(folder, "config.toml");
  const settings = { allow_unverified: true };
  await writeFile(path, stringify({ settings, plugins, hosts: { test: { plugins: Object.keys(plugins) } } }));
  return path;
}

/** Listens on a port, says nothing, and hands the port to `use`. */
export async function withListener<T>(use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer((socket) => socket.on("error", () => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  try {
    return await use(typeof address === "object" && address !== null ? address.port : 0);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
