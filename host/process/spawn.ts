/**
 * Stage 4, spawn: takes a program and its arguments, gives a `RunningProcess` in a process group of its own.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import process from "node:process";
import type { Channel } from "../../protocol/endpoint.ts";
import type { PluginError } from "../../protocol/errors.ts";
import { createChannel } from "../../protocol/stdio/channel.ts";
import { setImmediate } from "node:timers";
import { createLineSplitter } from "../logs/lines.ts";
import { gateArgs, NOT_RUN, OPEN, passesGate } from "./gate.ts";
import type { Guardian } from "./guardian.ts";
import { gateError, spawnError } from "./spawn_error.ts";
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
  /** Whether stdin and stdout carry calls, so that stdout is no log. */
  readonly isChannel?: boolean;
  /** Gets every line of both pipes, or of stderr alone, from the first on. */
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
  /** Ends the group when the host cannot. */
  readonly guardian: Guardian;
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
  /** Why the program could not be run, when that has shown after the start only. */
  readonly failure: PluginError | undefined;
  /** What it wrote, for messages. */
  readonly tail: Tail;
  /** Its stdin and stdout, where these carry calls. */
  readonly channel: Channel | undefined;
  /** Ends its stdin, which asks a plugin of ours to stop. */
  closeStdin(): void;
  /** Sends a signal to the whole group; a group that is gone is not an error. */
  signalGroup(signal: "SIGTERM" | "SIGKILL"): void;
  /** Nobody of the group is left. */
  unguard(): void;
}

/** How long the pipes are read on after the exit: what a process wrote last explains why it ended, but a grandchild may hold the pipe open. */
const LAST_WORDS_MS = 100;

/**
 * Starts a program.
 * @throws {PluginError} "spawn.not_found", "spawn.not_executable", unless that shows at its end only, as `failure`.
 */
export async function spawnProcess(options: SpawnOptions): Promise<RunningProcess> {
  const { guardian } = options;
  const tail = createTail();
  const gated = guardian.start() && passesGate(options.env);
  let child: ChildProcess;
  try {
    child = startChild(options, gated);
  } catch (error) {
    // Some failures come as an event and others are thrown, on each runtime other ones: too long a list of arguments, a file of a wrong format.
    throw await spawnError(error, options);
  }
  let wasRun = true;
  const flush = readLines(child, options.isChannel === true ? ["stderr"] : ["stdout", "stderr"], (stream, line) => {
    if (gated && line === NOT_RUN) wasRun = false;
    else {
      tail.add(stream, line);
      options.onLine(stream, line);
    }
  });
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
  // Before anything is awaited: what the program says first must not be lost.
  const channel = options.isChannel === true ? channelOf(child) : undefined;
  await spawned(child, options);
  const pid = child.pid ?? 0;
  // The kernel has the guardian's line when `add` resolves, and keeps it for the guardian even if this process is killed before the next one:
  // by then the program waits at the gate, and its stdin ends with this process. So either nothing runs, or the guardian knows the group.
  await guardian.add(`group ${pid}`);
  if (gated) child.stdin?.write(OPEN);
  return {
    pid,
    exited: ended.promise,
    get alive() {
      return alive;
    },
    get exit() {
      return exit;
    },
    get failure() {
      return wasRun || exit === undefined ? undefined : gateError(options, exit.code, exit.stderr);
    },
    tail,
    channel,
    closeStdin: () => child.stdin?.end(),
    signalGroup: (signal) => signalGroup(pid, signal),
    unguard: () => guardian.remove(`group ${pid}`),
  };
}

/** A shell that reads lines. */
export interface Shell {
  /** Resolves when it has ended. */
  readonly exited: Promise<void>;
  /** Hands a line to the kernel, which keeps it for the shell whatever becomes of this process; `false` when the shell has ended. */
  write(line: string): Promise<boolean>;
  /** Ends its input. */
  end(): void;
}

/** Starts a shell in a process group of its own, which does not keep the application alive; `undefined` where there is none. */
export function startShell(script: string, name: string): Shell | undefined {
  let child: ChildProcess;
  try {
    // The folders where a system has its own programs come first; some, such as NixOS, have them elsewhere.
    const env = { PATH: `/usr/bin:/bin:${process.env["PATH"] ?? ""}` };
    child = spawn(SHELL, ["-c", script, name], { cwd: "/", env, stdio: ["pipe", "ignore", "ignore"], detached: true });
  } catch {
    return undefined;
  }
  child.on("error", () => {});
  const { pid, stdin } = child;
  if (pid === undefined || stdin === null) return undefined;
  stdin.on("error", () => {}); // Each write tells by itself.
  const unwritten = new Set<(isWritten: boolean) => void>();
  let hasEnded = false;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  void exited.then(() => {
    hasEnded = true;
    for (const settle of unwritten) settle(false);
  });
  child.unref();
  if (stdin instanceof Socket) stdin.unref();
  return {
    exited,
    write: (line) =>
      new Promise((resolve) => {
        if (hasEnded) return resolve(false);
        const settle = (isWritten: boolean) => {
          unwritten.delete(settle);
          resolve(isWritten);
        };
        unwritten.add(settle);
        stdin.write(`${line}\n`, (error) => settle(error == null));
      }),
    end: () => stdin.end(),
  };
}

const SHELL = "/bin/sh";

function startChild({ program, args, cwd, env }: SpawnOptions, gated: boolean): ChildProcess {
  return spawn(gated ? SHELL : program, gated ? gateArgs(program, args) : [...args], {
    cwd,
    env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true, // A group of its own, so that grandchildren can be ended with it.
  });
}

/** Reads its pipes; the function that it gives takes a last line without an ending for one, since a pipe that a grandchild holds never ends. */
function readLines(child: ChildProcess, streams: readonly ("stdout" | "stderr")[], onLine: SpawnOptions["onLine"]): () => void {
  const flushes = streams.map((stream) => {
    const lines = createLineSplitter((line) => onLine(stream, line));
    const pipe = child[stream];
    pipe?.on("data", (chunk: Uint8Array) => {
      lines.push(chunk);
      // Else a plugin that writes faster than its lines are taken would keep the application from everything else.
      pipe.pause();
      setImmediate(() => pipe.resume());
    });
    pipe?.on("end", () => lines.end());
    pipe?.on("error", () => lines.end());
    return () => lines.end();
  });
  return () => flushes.forEach((flush) => flush());
}

function channelOf({ stdin, stdout }: ChildProcess): Channel | undefined {
  if (stdin === null || stdout === null) return undefined;
  return createChannel({ input: stdout, output: stdin, later: setImmediate, close: () => void stdin.end() });
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
  if (failed !== undefined) throw await spawnError(failed, options);
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
