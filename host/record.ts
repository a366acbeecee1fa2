/**
 * The record of calls: takes a `Caller`, gives one that also writes each call with its answer into a file, a line of JSON each.
 *
 *     {"command":"hello.greet","payload":"416e6e","answer":"48656c6c6f"}
 *     {"command":"hello.fail","payload":"","error":{"code":"exec.failed","origin":"plugin","message":"on purpose"}}
 *
 * Payloads and answers are hex.
 * @module
 */
import { appendFile, open } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import type { Bytes, Caller } from "../protocol/caller.ts";
import { isPluginError, messageOf, PluginError } from "../protocol/errors.ts";
import { decodeHex, encodeHex } from "../protocol/hex.ts";
import { sendingProblem } from "../protocol/reserved.ts";

/** What is recorded is nobody else's. */
const MODE = 0o600;

/** A call and what came of it. */
export interface RecordedCall {
  /** Where it stands in the file, from 1. */
  readonly line: number;
  readonly command: string;
  readonly payload: Bytes;
  readonly outcome: Outcome;
}

/** An answer, or an error; `origin` is who found it. */
export type Outcome =
  | { readonly kind: "answer"; readonly bytes: Bytes }
  | { readonly kind: "error"; readonly code: string; readonly origin: "host" | "plugin"; readonly message: string };

/** The outcome of a call that failed. */
export function outcomeFromError({ code, origin, message }: PluginError): Outcome & { readonly kind: "error" } {
  return { kind: "error", code, origin, message };
}

/**
 * A caller that writes each `exec` with its answer or error at the end of a file, which is made when there is none. Its lines stand in
 * the order in which the calls ended. A call ends when its line has been written: so nothing is to be closed, nothing is lost, and no more
 * waits in memory than the calls that are open. Streams pass through and are not recorded. The file holds what was sent and answered, whatever that is, and is its owner's alone.
 *
 * @example
 * ```ts
 * import { openHost, recorded } from "@polyplug/core/host";
 *
 * await using host = await openHost("main", { config: "config.toml" });
 * const hello = recorded(host.get("hello"), "calls.jsonl");
 * await hello.exec("hello.echo", new TextEncoder().encode("hi"));
 * await host.reload("hello", { replay: "calls.jsonl" });
 * ```
 *
 * @throws {PluginError} from its calls "host.not_recorded" when the file cannot be written: before the first one is sent, or after a call.
 */
export function recorded(caller: Caller, file: string | URL): Caller {
  const path = pathFrom(file);
  const record = createRecord(path);
  return {
    ping: (options) => caller.ping(options),
    exec: async (command, payload, options) => {
      await record.open(command);
      try {
        const bytes = await caller.exec(command, payload, options);
        await record.add(command, payload, { kind: "answer", bytes });
        return bytes;
      } catch (error) {
        if (isPluginError(error) && error.code !== NOT_RECORDED) await record.add(command, payload, outcomeFromError(error));
        throw error;
      }
    },
    stream: (command, payload, options) => caller.stream(command, payload, options),
  };
}

const NOT_RECORDED = "host.not_recorded";

interface CallRecord {
  /** Makes sure, once, that the file can be written. */
  open(command: string): Promise<void>;
  /** Resolves when the call's line is in the file. */
  add(command: string, payload: Uint8Array | undefined, outcome: Outcome): Promise<void>;
}

function createRecord(path: string): CallRecord {
  const write = createWriter(path);
  const guarded = async (what: string, act: () => Promise<void>) => {
    try {
      await act();
    } catch (error) {
      const hint = "Correct the path given to recorded(), or make room and give the rights to write there";
      throw new PluginError(NOT_RECORDED, `${what}, since "${path}" cannot be written: ${messageOf(error)}`, { hint, cause: error });
    }
  };
  let isOpen = false;
  return {
    open: async (command) => {
      if (isOpen) return;
      await guarded(`The call "${command}" was not sent`, () => appendFile(path, "", { mode: MODE }));
      isOpen = true;
    },
    add: (command, payload, outcome) => {
      const line = lineFrom(command, payload, outcome);
      return guarded(`The call "${command}" has ended, but is not recorded`, () => write(line));
    },
  };
}

/** Writes lines in their order; those that come while others are written go together. */
function createWriter(path: string): (line: string) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let next: { readonly lines: string[]; readonly written: Promise<void> } | undefined;
  return (line) => {
    if (next === undefined) {
      const lines: string[] = [];
      const written = last.then(() => {
        next = undefined;
        return appendLines(path, lines);
      });
      last = written.catch(() => {});
      next = { lines, written };
    }
    next.lines.push(line);
    return next.written;
  };
}

async function appendLines(path: string, lines: readonly string[]): Promise<void> {
  const file = await open(path, "a", MODE);
  try {
    for (const line of lines) await file.appendFile(line);
  } finally {
    await file.close();
  }
}

function lineFrom(command: string, payload: Uint8Array | undefined, outcome: Outcome): string {
  const sent = { command, payload: payload === undefined ? "" : encodeHex(payload) };
  if (outcome.kind === "answer") return `${JSON.stringify({ ...sent, answer: encodeHex(outcome.bytes) })}\n`;
  const { kind: _, ...error } = outcome;
  return `${JSON.stringify({ ...sent, error })}\n`;
}

const hex = v.pipe(v.string(), v.transform(decodeHex), v.custom<Bytes>((bytes) => bytes !== undefined));
const LINE = v.object({
  command: v.pipe(v.string(), v.check((command) => sendingProblem(command) === undefined)),
  payload: hex,
  answer: v.optional(hex),
  error: v.optional(v.object({ code: v.string(), origin: v.picklist(["host", "plugin"]), message: v.string() })),
});

/**
 * Reads a record, one call in memory at a time.
 * @throws {PluginError} "host.bad_record" when it cannot be read, or a line is no recorded call.
 */
export async function* readRecord(given: string | URL): AsyncGenerator<RecordedCall, void, void> {
  const path = pathFrom(given);
  let line = 0;
  for await (const text of linesOf(path)) {
    line += 1;
    yield { line, ...callFrom(text, `"${path}", line ${line}`) };
  }
}

async function* linesOf(path: string): AsyncGenerator<string, void, void> {
  const file = await open(path).catch((error) => {
    throw new PluginError("host.bad_record", `Cannot read the record "${path}": ${messageOf(error)}`, { cause: error });
  });
  try {
    yield* file.readLines();
  } finally {
    await file.close();
  }
}

function callFrom(text: string, where: string): Omit<RecordedCall, "line"> {
  const { output, success } = v.safeParse(LINE, valueFrom(text));
  if (!success || (output.answer === undefined) === (output.error === undefined)) {
    const hint = "A record is what recorded() writes: a line of JSON for each call";
    throw new PluginError("host.bad_record", `Cannot replay ${where}: it is no recorded call`, { hint });
  }
  const { command, payload, answer, error } = output;
  const outcome: Outcome = answer !== undefined
    ? { kind: "answer", bytes: answer }
    : { kind: "error", ...error ?? { code: "", origin: "host", message: "" } };
  return { command, payload, outcome };
}

function valueFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pathFrom(file: string | URL): string {
  return resolve(file instanceof URL ? fileURLToPath(file) : file);
}
