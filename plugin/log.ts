/**
 * `ctx.log`: takes a record, writes it to stderr as one line of JSON, which the host reads back.
 * @module
 */
import process from "node:process";
import type { LogLevel } from "../protocol/plugin.ts";

/** Writes one record; a value that JSON cannot hold is written as text. */
export function writeLog(level: LogLevel, message: string, values: Readonly<Record<string, unknown>>): void {
  process.stderr.write(`${formatRecord({ ...values, level, message })}\n`);
}

function formatRecord(record: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(record, (_key, value) => typeof value === "bigint" ? String(value) : value);
  } catch {
    // A value refers to itself, or throws when it is read.
    return JSON.stringify({ level: record["level"], message: record["message"] });
  }
}
