/**
 * What every command gets: where it reads and writes, the global options, the signal of an interrupt; and how it says things.
 * @module
 */
import process from "node:process";
import { PluginError } from "../../protocol/errors.ts";
import { formatError } from "./failure.ts";
import { visibleJson } from "../visible.ts";

/** Somewhere to write. */
export interface CliOutput {
  /** Writes text as UTF-8, or bytes as they are; after `false` they wait in memory until `onWritten`. */
  write(chunk: string | Uint8Array, onWritten?: () => void): unknown;
  /** Whether a person sees it. */
  readonly isTTY?: boolean | undefined;
  /** How wide the terminal is. */
  readonly columns?: number | undefined;
}

/** Where a command reads and writes; the process's own by default. */
export interface CliIo {
  /** Read by `exec … -` alone. */
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Gets the answer and nothing else. */
  readonly stdout: CliOutput;
  /** Gets everything else. */
  readonly stderr: CliOutput;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly host?: string;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** How a person ends a command. */
export interface Interrupt {
  /** Fires at the first Ctrl-C, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** What is done at the second one; `undefined` takes it back. */
  onKill(kill: (() => void) | undefined): void;
  /** What SIGHUP does in place of ending the command, unless it says that the terminal was closed; `undefined` takes it back. */
  onHangup(reload: (() => void) | undefined): void;
}

/** What every command gets. */
export interface CliContext {
  readonly io: CliIo;
  readonly options: GlobalOptions;
  readonly interrupt: Interrupt;
}

/** Exit codes. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Wrong use of the command line: exit code 2. */
export function usageError(message: string, hint?: string): PluginError {
  return new PluginError("cli.usage", message, hint === undefined ? {} : { hint });
}

/** Writes the answer: lines of text, or one JSON value. */
export function answer({ io, options }: CliContext, value: unknown, lines: () => readonly string[]): void {
  const text = options.json === true ? [visibleJson(JSON.stringify(value, undefined, 2))] : lines();
  io.stdout.write(text.map((line) => `${line}\n`).join(""));
}

/** Says something that is not the answer. */
export function say({ io }: CliContext, line: string): void {
  io.stderr.write(`${line}\n`);
}

/** Tells a failure on stderr, as people and as programs read it. */
export function tellError({ io, options }: CliContext, error: unknown): void {
  const form = { json: options.json === true, debug: options.debug === true, color: hasColor(io.stderr) };
  io.stderr.write(`${formatError(error, form)}\n`);
}

/** Whether to write in colour: to a terminal, unless NO_COLOR says otherwise. */
export function hasColor(output: CliOutput): boolean {
  return output.isTTY === true && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
}

/** Text in one of the eight colours, 30 to 37, or bold (1), faint (2). */
export function paint(output: CliOutput, code: number, text: string): string {
  return hasColor(output) ? `\x1b[${code}m${text}\x1b[0m` : text;
}
