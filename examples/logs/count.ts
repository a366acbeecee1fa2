/**
 * Takes a log, gives the same sums as the plugins do, counted in the plainest way: to check them. Shares no code with them.
 * @module
 */
import { createReadStream } from "node:fs";
import type { LogFormat } from "./messages.ts";

/** What was counted. */
export interface Count {
  lines: number;
  total: number;
  /** Events that were left out, since they are older than `since`. */
  older: number;
  readonly addresses: Map<string, number>;
  readonly names: Map<string, number>;
  readonly hours: Map<string, number>;
}

/** What to count, and how. */
export interface CountOptions {
  readonly format: LogFormat;
  readonly year: number;
  readonly since: string | undefined;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Counts a log without any plugin. */
export async function countLog(path: string, { format, year, since = "" }: CountOptions): Promise<Count> {
  const count: Count = { lines: 0, total: 0, older: 0, addresses: new Map(), names: new Map(), hours: new Map() };
  for await (const line of linesOf(path)) {
    if (line === "") continue;
    count.lines++;
    const found = format === "sshd" ? sshdFinding(line, year) : apacheFinding(line);
    if (found === undefined) continue;
    if (found.time < since) {
      count.older += found.times;
      continue;
    }
    count.total += found.times;
    add(count.hours, found.time.slice(0, 13), found.times);
    add(count.names, found.name, found.times);
    if (found.address !== "") add(count.addresses, found.address, found.times);
  }
  return count;
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let rest = "";
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  rest += decoder.decode();
  yield rest.endsWith("\r") ? rest.slice(0, -1) : rest;
}

interface Finding {
  readonly time: string;
  readonly name: string;
  readonly address: string;
  readonly times: number;
}

/** "Mar 14 02:35:10 gate01 sshd[18260]: message repeated 2 times: [ Failed password for invalid user pi from 198.51.100.23 port 1 ssh2]" */
function sshdFinding(line: string, year: number): Finding | undefined {
  if (!MONTHS.includes(line.slice(0, 3)) || line[6] !== " " || line[15] !== " ") return undefined;
  const colon = line.indexOf("]: ");
  const program = line.slice(16, colon).split(" ")[1] ?? "";
  if (!program.startsWith("sshd[") && !program.startsWith("sshd-session[")) return undefined;
  let message = line.slice(colon + 3);
  let times = 1;
  if (message.startsWith("message repeated ")) {
    times = Number(message.split(" ")[2]);
    message = message.slice(message.indexOf("[ ") + 2);
  }
  const from = message.lastIndexOf(" from ");
  if (!message.startsWith("Failed ") || from < 0) return undefined;
  const user = message.slice(message.indexOf(" for ") + 5, from);
  const name = `${user} `.startsWith("invalid user ") ? user.slice("invalid user ".length) : user;
  return { time: isoTime(year, line.slice(0, 15)), name, address: message.slice(from + 6).split(" ")[0] ?? "", times };
}

/** "[Fri Mar 14 02:35:10 2025] [error] [client 192.0.2.7] File does not exist: …" */
function apacheFinding(line: string): Finding | undefined {
  if (!line.startsWith("[")) return undefined;
  const [date = "", ...fields] = line.slice(1).split("] ");
  if (!MONTHS.includes(date.slice(4, 7))) return undefined;
  const level = fields[0]?.split(":").at(-1)?.slice(fields[0].includes(":") ? 0 : 1) ?? "";
  const client = fields.slice(1, 3).find((field) => field.startsWith("[client "))?.slice("[client ".length) ?? "";
  // With a port behind an IPv4 address; an IPv6 address has more than one colon.
  const address = client.split(":").length === 2 ? client.slice(0, client.indexOf(":")) : client;
  return { time: isoTime(Number(date.slice(-4)), date.slice(4, 19)), name: level, address, times: 1 };
}

/** "Mar  4 02:35:10" as "2025-03-04T02:35:10". */
function isoTime(year: number, stamp: string): string {
  const month = MONTHS.indexOf(stamp.slice(0, 3)) + 1;
  const day = Number(stamp.slice(4, 6));
  return `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}T${stamp.slice(7)}`;
}

function add(sums: Map<string, number>, key: string, times: number): void {
  sums.set(key, (sums.get(key) ?? 0) + times);
}
