/**
 * The plugin log-filter in TypeScript: takes a batch of raw log lines, gives the events in them, answer for answer as `filter.py` does.
 * @module
 */
import { type Bytes, definePlugin, PluginError, serve } from "@polyplug/core/plugin";
import * as v from "valibot";
import type { BatchHead, Filtered, LogEvent } from "./messages.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH = `(${MONTHS.join("|")})`;
const CLOCK = "([0-9]{2}:[0-9]{2}:[0-9]{2})";

// "Mar 14 02:35:10 gate01 sshd[18260]: Failed password for invalid user pi from 198.51.100.23 port 40112 ssh2"
const SYSLOG = new RegExp(`^${MONTH} ([ 0-9][0-9]) ${CLOCK} [^ ]+ (.*)`, "s");
// The name is what the other side sent, and may hold " from " itself: the address is behind the last one.
const FAILED = new RegExp(
  String.raw`^sshd(?:-session)?\[[0-9]+\]: (?:message repeated ([0-9]{1,6}) times: \[ )?` +
    String.raw`Failed [^ ]+ for (?:invalid user )?(.*) from ([^ ]+) port [0-9]+`,
  "s",
);
// "[Fri Mar 14 02:35:10 2025] [error] [client 192.0.2.7] File does not exist: …", since 2.4 with fractions, "[module:level]" and a pid.
const APACHE = new RegExp(
  String.raw`^\[[A-Z][a-z]{2} ${MONTH} ([ 0-9][0-9]) ${CLOCK}(?:[.][0-9]+)? ([0-9]{4})\] ` +
    String.raw`\[(?:[a-z0-9_]+:)?([a-z0-9]+)\](?: \[pid [^\]]*\])?(?: \[client ([^\] ]+)\])?`,
);
const PORT = /^([0-9.]+):[0-9]+$/;

/** An event, `undefined` for a line that is none, or `false` for a line of another format. */
type Reading = LogEvent | undefined | false;

function sshdEvent(line: string, year: string): Reading {
  const head = SYSLOG.exec(line);
  if (head === null) return false;
  const [, month = "", day = "", clock = "", message = ""] = head;
  const failed = FAILED.exec(message);
  if (failed === null) return undefined;
  const [, repeated = "1", name = "", address = ""] = failed;
  return { time: timeText(year, month, day, clock), address, name, count: Number(repeated) };
}

function apacheEvent(line: string): Reading {
  const entry = APACHE.exec(line);
  if (entry === null) return false;
  const [, month = "", day = "", clock = "", year = "", name = "", client = ""] = entry;
  return { time: timeText(year, month, day, clock), address: client.replace(PORT, "$1"), name, count: 1 };
}

/** The log's own local time in a form that sorts as text. */
function timeText(year: string, month: string, day: string, clock: string): string {
  return `${year}-${String(MONTHS.indexOf(month) + 1).padStart(2, "0")}-${day.replace(" ", "0")}T${clock}`;
}

const EVENT_OF = { sshd: sshdEvent, apache: apacheEvent };

const headSchema: v.GenericSchema<BatchHead> = v.object({ format: v.picklist(["sshd", "apache"]), year: v.pipe(v.number(), v.integer()) });

function filterBatch(payload: Bytes): Uint8Array {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload);
  const [head = "", ...rest] = text.split("\n");
  const { format, year } = parseHead(head);
  const lines = rest.map((line) => line.endsWith("\r") ? line.slice(0, -1) : line).filter((line) => line !== "");
  const eventOf = EVENT_OF[format];
  const found = lines.map((line) => eventOf(line, String(year).padStart(4, "0")));
  const answer: Filtered = {
    lines: found.length,
    unread: found.filter((reading) => reading === false).length,
    events: found.filter((reading) => typeof reading === "object"),
  };
  return new TextEncoder().encode(JSON.stringify(answer));
}

function parseHead(text: string): BatchHead {
  try {
    return v.parse(headSchema, JSON.parse(text));
  } catch (error) {
    throw new PluginError("log.bad_batch", `The first line is not JSON with a format and a year: ${String(error)}`);
  }
}

/** The same name and command as the Python plugin's, so that a host can use either. */
export const logFilter = definePlugin({ name: "log-filter", version: "1.0.0", commands: { "plugin.log.filter": filterBatch } });

if (import.meta.main) await serve(logFilter);
