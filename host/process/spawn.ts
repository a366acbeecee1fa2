/**
 * Stage 4, spawn: takes a program and its arguments, gives a `RunningProcess` in a process group of its own.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import process from "node:process";
import { messageOf, PluginError } from "../../protocol/errors.ts";
import { createLineSplitter } from "../logs/lines.ts";
import { createTail, type Tail } from "./tail.ts";

/** How a process ended. */
export interface PluginExit {
  /** Its exit code; `null` when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it. */
  readonly signal: string | null;
  /** When the host saw it. */
  readonly at: Date;
  /** The last lines it wrote to stderr. */
  readonly stderr: string;
}

/** What to start. */
export interface SpawnOptions {
  readonly plugin: string;
  /** The program, absolute. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Gets every line of both pipes, from the first on. */
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
}

/** A started process, alive or not. */
export interface RunningProcess {
  /** Its id, and that of its process group. */
  readonly pid: number;
  /** Resolves when it has ended; never rejects. */
  readonly exited: Promise<PluginExit>;
  /** Whether its exit has not been seen yet. */
  readonly alive: boolean;
  /** How it ended, once it has. */
  readonly exit: PluginExit | undefined;
  /** What it wrote, for messages. */
  readonly tail: Tail;
  /** Ends its stdin, which asks a plugin of ours to stop. */
  closeStdin(): void;
  /** Sends a signal to the whole group; a group that is gone is not an error. */
  signalGroup(signal: "SIGTERM" | "SIGKILL"): void;
}

/** How long the pipes are read on after the exit: what a process wrote last explains why it ended, but a grandchild may hold the pipe open. */
const LAST_WORDS_MS = 100;

/**
 * Starts a program.
 * @throws {PluginError} "spawn.not_found", "spawn.not_executable".
 */
export async function spawnProcess(options: SpawnOptions): Promise<RunningProcess> {
  const tail = createTail();
  let child: ChildProcess;
  try {
    child = startChild(options);
  } catch (error) {
    // Some failures come as an event and others are thrown, on each runtime other ones: too long a list of arguments, a file of a wrong format.
    throw await explain(error, options);
  }
  const flush = readLines(child, tail, options.onLine);
  // A plugin that closes its stdin is not an error of ours.
  child.stdin?.on("error", () => {});
  const ended = Promise.withResolvers<PluginExit>();
  let exit: PluginExit | undefined;
  let alive = true;
  child.once("exit", (code, signal) => {
    alive = false;
    lastWords(child).then(() => {
      flush();
      exit = { code, signal, at: new Date(), stderr: tail.stderr() };
      ended.resolve(exit);
    });
  });
  await spawned(child, options);
  const pid = child.pid ?? 0;
  return {
    pid,
    exited: ended.promise,
    get alive() {
      return alive;
    },
    get exit() {
      return exit;
    },
    tail,
    closeStdin: () => child.stdin?.end(),
    signalGroup: (signal) => signalGroup(pid, signal),
  };
}

function startChild({ program, args, cwd, env }: SpawnOptions): ChildProcess {
  return spawn(program, [...args], {
    cwd,
    env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true, // A group of its own, so that grandchildren can be ended with it.
  });
}

/** Reads both pipes; the function that it gives takes a last line without an ending for one, since a pipe that a grandchild holds never ends. */
function readLines(child: ChildProcess, tail: Tail, onLine: SpawnOptions["onLine"]): () => void {
  const flushes = (["stdout", "stderr"] as const).map((stream) => {
    const lines = createLineSplitter((line) => {
      tail.add(stream, line);
      onLine(stream, line);
    });
    child[stream]?.on("data", (chunk: Uint8Array) => lines.push(chunk));
    child[stream]?.on("end", () => lines.end());
    child[stream]?.on("error", () => lines.end());
    return () => lines.end();
  });
  return () => flushes.forEach((flush) => flush());
}

/** Waits until the pipes have ended, for a short while; then lets go of them, so that a grandchild does not keep the application alive. */
async function lastWords(child: ChildProcess): Promise<void> {
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null && !pipe.readableEnded && !pipe.destroyed);
  const ends = pipes.map((pipe) => new Promise((resolve) => pipe?.once("close", resolve).once("end", resolve)));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => timer = setTimeout(resolve, LAST_WORDS_MS));
  await Promise.race([Promise.all(ends), late]);
  clearTimeout(timer);
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
}

/** Resolves once the program runs. A missing file gives `error` and no `exit`. */
async function spawned(child: ChildProcess, options: SpawnOptions): Promise<void> {
  const failed = await new Promise<Error | undefined>((resolve) => {
    child.once("spawn", () => resolve(undefined));
    child.once("error", resolve);
  });
  if (failed !== undefined) throw await explain(failed, options);
}

async function explain(error: unknown, { plugin, program, cwd }: SpawnOptions): Promise<PluginError> {
  const code = (error as NodeJS.ErrnoException).code;
  const start = `Cannot start plugin "${plugin}"`;
  const folder = await stat(cwd).catch(() => undefined);
  if (folder?.isDirectory() !== true) {
    return new PluginError("spawn.not_found", `${start}: its working folder "${cwd}" does not exist`, {
      plugin,
      hint: "Correct cwd",
      cause: error,
    });
  }
  if (code === "ENOENT") {
    const hint = `The file is missing, or the interpreter that its first line names is`;
    return new PluginError("spawn.not_found", `${start}: "${program}" cannot be run`, { plugin, hint, cause: error });
  }
  const hint = `Check its permissions, and that it is a program for ${process.platform} on ${process.arch}`;
  return new PluginError("spawn.not_executable", `${start}: "${program}" cannot be run: ${messageOf(error)}`, {
    plugin,
    hint,
    cause: error,
  });
}

/** `child.kill` reaches one process, and on Deno only once; `process.kill` with a negative pid reaches the group every time. */
function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // macOS answers EPERM for a group in which only zombies are left.
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}
