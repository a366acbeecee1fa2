/**
 * Takes the path of a log, gives what it is and its lines in batches.
 * @module
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { LogFormat } from "./messages.ts";

/** A batch is what one read gives, cut at the last newline: small enough that memory stays bounded and the progress bar moves. */
const BATCH_BYTES = 32 * 1024;
const LONGEST_LINE_BYTES = 1024 * 1024;
const NEWLINE = 10;

/** Something is wrong with the log; told in one line. */
export class LogError extends Error {}

/** A log that was looked at. */
export interface LogFile {
  readonly path: string;
  readonly bytes: number;
  readonly format: LogFormat;
  /** The year of the file's last change. */
  readonly modifiedYear: number;
}

/**
 * Looks at a log and recognises its format by the first lines.
 * @throws {LogError} when it cannot be read, is empty, or has lines of neither format.
 */
export async function inspectLog(path: string): Promise<LogFile> {
  try {
    await using file = await open(path);
    const stat = await file.stat();
    if (!stat.isFile()) throw new LogError(`"${path}" is not a file`);
    const { buffer, bytesRead } = await file.read(new Uint8Array(BATCH_BYTES), 0, BATCH_BYTES, 0);
    const start = new TextDecoder().decode(buffer.subarray(0, bytesRead));
    if (start.trim() === "") throw new LogError(`The log "${path}" is empty`);
    return { path, bytes: stat.size, format: recognise(path, start), modifiedYear: stat.mtime.getFullYear() };
  } catch (error) {
    throw error instanceof LogError ? error : new LogError(`Cannot read the log "${path}": ${reasonOf(error)}`);
  }
}

/** An auth log holds other programs' lines as well; one line of sshd is enough. */
function recognise(path: string, start: string): LogFormat {
  if (/^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ sshd(-session)?\[/m.test(start)) return "sshd";
  if (/^\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\S* \d{4}\] \[/m.test(start)) return "apache";
  throw new LogError(
    `The log "${path}" is of an unknown format; known are the lines of sshd ("Mar 14 02:35:10 host sshd[…") and Apache's error log`,
  );
}

function reasonOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "it is a folder";
  return error instanceof Error ? error.message : String(error);
}

/**
 * Reads whole lines as they stand in the file, a batch at a time.
 * @throws {LogError} when the file cannot be read to its end, or has a line too long to be one.
 */
export async function* readBatches(path: string): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0);
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: BATCH_BYTES }) as AsyncIterable<Uint8Array>) {
      const bytes = join(rest, chunk);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      if (end > 0) yield bytes.subarray(0, end);
      rest = bytes.slice(end);
      if (rest.length > LONGEST_LINE_BYTES) throw new LogError(`The log "${path}" has a line of more than ${LONGEST_LINE_BYTES} bytes`);
    }
  } catch (error) {
    throw error instanceof LogError ? error : new LogError(`Cannot read the log "${path}": ${reasonOf(error)}`);
  }
  if (rest.length > 0) yield rest;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
