/**
 * The plugin log-report: takes the sums over a log, gives a text of 80 columns that a person can read.
 * @module
 */
import { type Bytes, definePlugin, PluginError, serve } from "@polyplug/core/plugin";
import * as v from "valibot";
import type { LogFormat, ReportRequest, Tally } from "./messages.ts";

const WIDTH = 80;
const TOP = 10;
const MOST_ROWS = 48;
const LONGEST_LABEL = 39; // An IPv6 address written out.
const EIGHTHS = " ▏▎▍▌▋▊▉";

/** What the events of each format are called. */
interface Words {
  readonly title: string;
  readonly event: string;
  readonly events: string;
  readonly name: string;
}

const WORDS: Readonly<Record<LogFormat, Words>> = {
  sshd: { title: "Failed logins over SSH", event: "failed attempt", events: "failed attempts", name: "user name" },
  apache: { title: "Apache error log", event: "entry", events: "entries", name: "level" },
};

const tally = v.object({ name: v.string(), count: v.number() });
const requestSchema: v.GenericSchema<ReportRequest> = v.object({
  file: v.string(),
  format: v.picklist(["sshd", "apache"]),
  lines: v.number(),
  unread: v.number(),
  year: v.nullable(v.number()),
  since: v.nullable(v.string()),
  deleted: v.number(),
  summary: v.object({
    total: v.number(),
    first: v.nullable(v.string()),
    last: v.nullable(v.string()),
    addresses: v.array(tally),
    names: v.array(tally),
    hours: v.array(tally),
  }),
});

function report(request: ReportRequest): string {
  const { addresses, names, total, hours } = request.summary;
  const { event, events, name } = WORDS[request.format];
  const totals = [amount(total, event, events), amount(addresses.length, "address", "addresses"), amount(names.length, name)].join(", ");
  const sections = [...section("addresses", addresses, total), ...section(`${name}s`, names, total), ...timeline(hours)];
  return [...title(request), "", totals, ...sections, ""].join("\n");
}

function title({ file, format, lines, unread, year, since, deleted, summary }: ReportRequest): string[] {
  const left = WORDS[format].title;
  const name = clip(printable(file), WIDTH - left.length - 2);
  const span = summary.first === null ? [] : [`${readable(summary.first)} to ${readable(summary.last ?? "")}`];
  const assumed = year === null ? [] : [`year taken as ${year}`];
  const notes = [
    [...span, amount(lines, "line"), ...assumed].join(", "),
    ...since === null ? [] : [`Without ${number(deleted)} before ${readable(since)}`],
    ...unread === 0 ? [] : [`Not counted: ${amount(unread, "line")} in another form`],
  ];
  return [left + name.padStart(WIDTH - left.length), ...notes, "─".repeat(WIDTH)];
}

/** The most frequent ones, each with its share. */
function section(title: string, tallies: readonly Tally[], total: number): string[] {
  if (tallies.length === 0) return [];
  const shown = tallies.slice(0, TOP);
  const heading = tallies.length > TOP ? `Top ${TOP} of ${number(tallies.length)} ${title}` : `Top ${title}`;
  const rows = shown.map(({ name, count }) => ({ label: nameText(name), count, note: share(count, total).padStart(6) }));
  return ["", heading, ...bars(rows)];
}

/** A bar an hour, or a day or a month where hours are too many; hours and days without an event too. */
function timeline(hours: readonly Tally[]): string[] {
  const scales = [
    { title: "Per hour", length: 13, stepMs: 3_600_000 },
    { title: "Per day", length: 10, stepMs: 86_400_000 },
    { title: "Per month", length: 7, stepMs: 0 },
  ];
  for (const { title, length, stepMs } of scales) {
    const counts = new Map<string, number>(gapless(hours, length, stepMs).map((key) => [key, 0]));
    for (const { name, count } of hours) counts.set(name.slice(0, length), (counts.get(name.slice(0, length)) ?? 0) + count);
    if (counts.size > MOST_ROWS && stepMs > 0) continue;
    const rows = [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([key, count]) => ({ label: hourText(key), count, note: "" }));
    return ["", title, ...bars(rows)];
  }
  return [];
}

/** Every hour or day from the first to the last, at most one more than are shown; none for months, whose lengths differ. */
function gapless(hours: readonly Tally[], length: number, stepMs: number): string[] {
  const [first, last] = [hours.at(0), hours.at(-1)].map((tally) => Date.parse(`${tally?.name}:00:00Z`));
  const keys: string[] = [];
  if (stepMs === 0 || first === undefined || last === undefined) return keys;
  for (let at = first; at <= last && keys.length <= MOST_ROWS; at += stepMs) keys.push(new Date(at).toISOString().slice(0, length));
  return keys;
}

interface Row {
  readonly label: string;
  readonly count: number;
  readonly note: string;
}

function bars(rows: readonly Row[]): string[] {
  const labelWidth = Math.max(...rows.map(({ label }) => [...label].length));
  const countWidth = Math.max(...rows.map(({ count }) => number(count).length));
  const most = Math.max(...rows.map(({ count }) => count));
  return rows.map(({ label, count, note }) => {
    const start = `  ${label}${" ".repeat(labelWidth - [...label].length)}  ${number(count).padStart(countWidth)}${note}  `;
    return (start + bar(count / most, WIDTH - start.length)).trimEnd();
  });
}

/** A bar in eighths of a column; what is not zero shows. */
function bar(length: number, width: number): string {
  const eighths = length === 0 ? 0 : Math.max(1, Math.round(length * width * 8));
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function share(count: number, total: number): string {
  const percent = Math.round((100 * count) / total);
  return percent === 0 && count > 0 ? "<1 %" : `${percent} %`;
}

function amount(value: number, one: string, many: string = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** `2025-03-14T02:35:10` as `2025-03-14 02:35:10`. */
function readable(time: string): string {
  return time.replace("T", " ");
}

function hourText(key: string): string {
  return key.length === 13 ? `${readable(key)}:00` : key;
}

/** A name as the log has it, in quotes when one could not see where it begins or ends. */
function nameText(name: string): string {
  const text = printable(name);
  return clip(text.trim() === text && text !== "" ? text : `"${text}"`, LONGEST_LABEL);
}

/** Names are what attackers sent: nothing of them may reach the terminal as a control sequence. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function clip(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

function reportBytes(payload: Bytes): Uint8Array {
  return new TextEncoder().encode(report(parse(payload)));
}

function parse(payload: Bytes): ReportRequest {
  try {
    return v.parse(requestSchema, JSON.parse(new TextDecoder().decode(payload)));
  } catch (error) {
    throw new PluginError("log.bad_request", `This is not a request for a report: ${String(error)}`);
  }
}

/** Writes the report. */
export const logReport = definePlugin({ name: "log-report", version: "1.0.0", commands: { "plugin.log.report": reportBytes } });

if (import.meta.main) await serve(logReport);
