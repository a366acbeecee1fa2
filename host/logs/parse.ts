/**
 * Takes a line that a plugin wrote, gives the `PluginLog` that it stands for: JSON as loggers write it, a level in front, or plain text.
 *
 * What is not clearly a logger's form stays as it is, at level `info`, on both streams: Go's and Python's loggers write all levels to
 * stderr, so that the stream says nothing about how much a line matters.
 * @module
 */
import type { PluginLog } from "./record.ts";

/** Whose line it is. */
export interface LineOrigin {
  readonly plugin: string;
  readonly stream: "stdout" | "stderr";
}

type Parsed = Pick<PluginLog, "level" | "message" | "values">;

/** Gives the record of one line; every line has one. */
export function parseLogLine(line: string, { plugin, stream }: LineOrigin): PluginLog {
  const { level, message, values } = fromJson(line) ?? fromText(line) ?? { level: "info", message: line, values: {} };
  return { time: new Date(), plugin, level, message, values: { ...values, stream } };
}

const LEVELS: ReadonlyMap<string, PluginLog["level"]> = new Map([
  ...["trace", "debug", "verbose", "fine"].map((name) => [name, "debug"] as const),
  ...["info", "notice"].map((name) => [name, "info"] as const),
  ...["warn", "warning"].map((name) => [name, "warn"] as const),
  ...["error", "err", "severe", "fatal", "panic", "dpanic", "critical", "crit", "alert", "emerg"].map((name) => [name, "error"] as const),
]);

/** hclog's; winston's and zerolog's; pino's, slog's and zap's. */
const MESSAGE_KEYS = ["@message", "message", "msg"] as const;
const LEVEL_KEYS = ["@level", "level"] as const;

/** Deeper values come from no logger, and what handles them by recursion would overflow. */
const MOST_NESTING = 32;

/** `undefined` unless it is a JSON object with a text for a message; members that were not understood are among the values. */
function fromJson(line: string): Parsed | undefined {
  if (!/^\s*\{/.test(line)) return undefined;
  const members = parseObject(line);
  const messageKey = MESSAGE_KEYS.find((key) => typeof members?.[key] === "string");
  if (members === undefined || messageKey === undefined) return undefined;
  const levelKey = LEVEL_KEYS.find((key) => levelFrom(members[key]) !== undefined);
  const values = Object.entries(members).filter(([key]) => key !== messageKey && key !== levelKey);
  return {
    level: levelKey === undefined ? "info" : levelFrom(members[levelKey]) ?? "info",
    message: String(members[messageKey]),
    values: Object.fromEntries(values),
  };
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    // Names with a meaning in JavaScript could change objects into which an application merges the values.
    const value: unknown = /__proto__|\\u00/.test(line) ? JSON.parse(line, withoutPrototype) : JSON.parse(line);
    return isNested(value, MOST_NESTING) ? undefined : { ...(value as object) };
  } catch {
    return undefined; // Cut off, or no JSON in the first place.
  }
}

function withoutPrototype(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}

function isNested(value: unknown, most: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return most === 0 || Object.values(value).some((each) => isNested(each, most - 1));
}

/** A name in any case, slog's `WARN+2` among them, or pino's number. */
function levelFrom(value: unknown): PluginLog["level"] | undefined {
  if (typeof value === "string") return LEVELS.get(value.toLowerCase().replace(/[+-]\d+$/, ""));
  if (typeof value !== "number" || value < 10 || value > 60) return undefined;
  return value < 30 ? "debug" : value < 40 ? "info" : value < 50 ? "warn" : "error";
}

const NAMES = [...LEVELS.keys()].join("|");
const TIME = String.raw`\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?`;

/** Levels without brackets count in capitals alone, so that prose which begins with such a word is none. */
const FORMS: readonly RegExp[] = [
  // hclog, Go's log with a level in the text: `2024-05-01T10:00:00.000Z [WARN]  name: text`, `[WARN] text`
  new RegExp(String.raw`^(?:(?<timestamp>${TIME})\s+)?\[(?<level>${NAMES})\](?::|(?=\s|$))\s*(?<message>.*)$`, "is"),
  // Rust's tracing, slog's default, Spring: `2024-05-01T10:00:00.000000Z  WARN text`
  new RegExp(String.raw`^(?<timestamp>${TIME})\s+(?<level>${NAMES.toUpperCase()})(?::|(?=\s|$))\s*(?<message>.*)$`, "s"),
  // Python's logging: `WARNING:name:text`
  /^(?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?<logger>[^\s:]+):(?<message>.*)$/s,
  // Java's logging, uvicorn: `WARNING: text`
  new RegExp(String.raw`^(?<level>${NAMES.toUpperCase()}):\s+(?<message>.*)$`, "s"),
  // slog's text, logrus: `time=… level=WARN msg=…`; the line stays whole.
  new RegExp(String.raw`^time=(?:"[^"]*"|\S+) level=(?<level>(?:${NAMES})(?:[+-]\d+)?)(?=\s)`, "i"),
];

/** `undefined` when no level stands in front; the time and the logger's name that may stand there too are values. */
function fromText(line: string): Parsed | undefined {
  for (const form of FORMS) {
    const groups: Readonly<Record<string, string | undefined>> = form.exec(line)?.groups ?? {};
    const { level, message = line, ...values } = groups;
    const known = levelFrom(level);
    if (known !== undefined) return { level: known, message, values: withoutAbsent(values) };
  }
  return undefined;
}

function withoutAbsent(groups: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(groups).flatMap(([key, value]) => value === undefined ? [] : [[key, value]]));
}
