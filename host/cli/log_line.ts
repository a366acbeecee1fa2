/**
 * Takes what a plugin logged, gives it as one line for a person: level, message, values; coloured by level on a terminal.
 * @module
 */
import type { PluginLog } from "../logs/record.ts";
import { visible } from "../visible.ts";
import { type CliOutput, paint } from "./context.ts";

/** Faint, none, yellow, red. */
const COLORS = { debug: 2, info: undefined, warn: 33, error: 31 } as const;

/** The line after the plugin's name; plain output stands as it is, and what is no `info` says so in a pipe as well. */
export function formatLog(output: CliOutput, { level, message, values }: Pick<PluginLog, "level" | "message" | "values">): string {
  const text = visible(message);
  const color = COLORS[level];
  const rest = formatValues(values);
  return (color === undefined ? text : paint(output, color, `${level}: ${text}`)) + (rest === "" ? "" : ` ${paint(output, 2, rest)}`);
}

/** Values as `key=value`, what is no plain word as JSON; which pipe the line came from is left out. */
export function formatValues({ stream: _, ...values }: PluginLog["values"]): string {
  return Object.entries(values).map(([key, value]) => visible(`${word(key)}=${word(value)}`)).join(" ");
}

function word(value: unknown): string {
  return typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value) ?? String(value);
}
