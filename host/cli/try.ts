/**
 * `polyplug try`: takes the command that starts a plugin under development, gives what it gets right and wrong, then a prompt.
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { sendingProblem } from "../../protocol/reserved.ts";
import { COMM_TYPES, DEFAULT_ECHO } from "../conform/conform.ts";
import { visible, visibleBytes } from "../visible.ts";
import { dialectFrom } from "./at.ts";
import { wireFrom } from "./conform.ts";
import { type CliContext, EXIT, say, tellError, usageError } from "./context.ts";
import { inputLines } from "./input_lines.ts";
import { Trial } from "./trial.ts";
import { watchFiles } from "./watch_files.ts";

/** The options of `try`. */
export interface TryOptions {
  /** The wire; default `rest`. */
  readonly type?: string;
  /** How the plugin writes payloads on gRPC and Connect; default: as it says, else `seed`. */
  readonly dialect?: string;
  /** A command that gives back its payload. */
  readonly echo?: string;
}

/** Starts the plugin, and starts it again when a file of its command changes, until `quit`, the end of stdin or Ctrl-C. */
export async function tryPlugin(context: CliContext, command: readonly string[], options: TryOptions): Promise<number> {
  const { echo = DEFAULT_ECHO, type, dialect } = options;
  if (command[0] === undefined || command[0] === "") {
    throw usageError("try needs the command that starts the plugin", "For example: polyplug try -- deno run -A plugin.ts");
  }
  if (context.options.json === true) throw usageError("try has no --json", "polyplug conform --json and polyplug exec --json have it");
  if (context.options.config !== undefined) throw usageError("try reads no configuration, so --config says nothing to it");
  const wire = { commType: wireFrom(COMM_TYPES, type), ...(dialect === undefined ? {} : { dialect: dialectFrom(dialect) }) };
  const stateDir = await mkdtemp(join(tmpdir(), "polyplug-try-"));
  try {
    const trial = new Trial(context, { command, echo, stateDir, ...wire });
    const watch = await watchFiles(
      command,
      (path) => void trial.restart(`${visible(basename(path))} was saved`).then(() => showPrompt(context)),
      {
        onProblem: (error) => tellError(context, error),
      },
    );
    try {
      void trial.restart();
      await takeCommands(context, trial);
    } finally {
      watch.close();
      if (context.interrupt.signal.aborted) say(context, "Stopping; Ctrl-C again ends everything at once");
      await trial.close();
    }
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
  return EXIT.done; // When it was interrupted, main says so.
}

async function takeCommands(context: CliContext, trial: Trial): Promise<void> {
  const { signal } = context.interrupt;
  const lines = inputLines(context.io.stdin, signal);
  await trial.settled();
  if (context.io.stdout.isTTY === true && !signal.aborted) say(context, HELP);
  showPrompt(context);
  for await (const line of lines) {
    await trial.settled();
    if (signal.aborted || line.trim() === "quit") return;
    await obey(context, trial, line.trim());
    showPrompt(context);
  }
  await trial.settled();
}

function showPrompt({ io, interrupt }: CliContext): void {
  if (io.stdout.isTTY === true && !interrupt.signal.aborted) io.stdout.write("> ");
}

const HELP = [
  "COMMAND [PAYLOAD]  send a command; the rest of the line is the payload",
  "ping               ask whether it answers",
  "conform            check it again and show all of the report",
  "restart            start it again",
  "quit               stop it and end",
].join("\n");

/** Does what a line says; whatever goes wrong is told, and the next line is taken. */
async function obey(context: CliContext, trial: Trial, line: string): Promise<void> {
  const { io, interrupt: { signal } } = context;
  const [, command = "", payload = ""] = /^(\S*)\s*([^]*)$/.exec(line) ?? [];
  try {
    if (command === "") return;
    else if (line === "help") say(context, HELP);
    else if (line === "restart") await trial.restart();
    else if (line === "conform") await trial.report();
    else if (line === "ping") {
      await trial.handle().ping({ signal });
      io.stdout.write("pong\n");
    } else {
      requireSendable(command);
      const answer = await trial.handle().exec(command, new TextEncoder().encode(payload), { signal });
      io.stdout.write(`${visibleBytes(answer).replace(/\n$/, "")}\n`);
    }
  } catch (error) {
    if (!signal.aborted) tellError(context, error);
  }
}

function requireSendable(command: string): void {
  const problem = sendingProblem(command);
  if (problem !== undefined) throw usageError(problem);
}
