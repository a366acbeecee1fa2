/**
 * The report of the logs example: what a person sees, for logs of an hour and of years, and for names that attackers chose.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReportRequest, Summary, Tally } from "../../examples/logs/messages.ts";
import { logReport } from "../../examples/logs/report.ts";
import { bytes, text } from "../support.ts";

const SUMMARY: Summary = {
  total: 4,
  first: "2025-03-14T02:35:10",
  last: "2025-03-14T04:00:00",
  addresses: [{ name: "2001:db8:1111:2222:3333:4444:5555:6666", count: 4 }],
  names: [{ name: "root", count: 3 }, { name: "pi", count: 1 }],
  hours: [{ name: "2025-03-14T02", count: 1 }, { name: "2025-03-14T04", count: 4 }],
};
const REQUEST: ReportRequest = {
  file: "auth.log",
  format: "sshd",
  lines: 1234,
  unread: 0,
  year: 2025,
  since: null,
  deleted: 0,
  summary: SUMMARY,
};

async function report(request: ReportRequest): Promise<string> {
  const answer = text(new Uint8Array(await logReport.commands["plugin.log.report"](bytes(JSON.stringify(request)))));
  const widest = Math.max(...answer.split("\n").map((line) => [...line].length));
  assert.equal(widest, 80);
  return answer;
}

/** Hours from a day on, one event in each. */
function hoursFrom(start: string, count: number, stepHours = 1): readonly Tally[] {
  const hour = (index: number) => new Date(Date.parse(start) + index * stepHours * 3_600_000).toISOString().slice(0, 13);
  return Array.from({ length: count }, (_, index) => ({ name: hour(index), count: 1 }));
}

test("log-report aligns its columns and shows hours without an event", async () => {
  assert.equal(
    await report(REQUEST),
    `Failed logins over SSH                                                  auth.log
2025-03-14 02:35:10 to 2025-03-14 04:00:00, 1,234 lines, year taken as 2025
${"─".repeat(80)}

4 failed attempts, 1 address, 2 user names

Top addresses
  2001:db8:1111:2222:3333:4444:5555:6666  4 100 %  ${"█".repeat(29)}

Top user names
  root  3  75 %  ${"█".repeat(63)}
  pi    1  25 %  ${"█".repeat(21)}

Per hour
  2025-03-14 02:00  1  ${"█".repeat(14)}▎
  2025-03-14 03:00  0
  2025-03-14 04:00  4  ${"█".repeat(57)}
`,
  );
});

test("log-report counts by day, then by month, where hours are too many", async () => {
  const titleOf = async (hours: readonly Tally[]) =>
    /^Per \w+$/m.exec(await report({ ...REQUEST, summary: { ...SUMMARY, total: hours.length, hours } }))?.[0];
  assert.equal(await titleOf(hoursFrom("2025-02-27T00:00:00Z", 48)), "Per hour");
  assert.equal(await titleOf(hoursFrom("2025-02-27T00:00:00Z", 49)), "Per day");
  assert.equal(await titleOf(hoursFrom("2025-02-27T00:00:00Z", 2, 47 * 24)), "Per day");
  assert.equal(await titleOf(hoursFrom("2025-02-27T00:00:00Z", 2, 48 * 24)), "Per month");
});

test("log-report lists ten of many and says how many there are", async () => {
  const names = Array.from({ length: 1500 }, (_, index) => ({ name: `user${index}`, count: 1 }));
  const answer = await report({ ...REQUEST, summary: { ...SUMMARY, total: 1500, names } });
  assert.match(answer, /^Top 10 of 1,500 user names$/m);
  assert.equal(answer.match(/^ {2}user\d+ /gm)?.length, 10);
  assert.match(answer, /^ {2}user0 {2}1 {2}<1 %/m);
});

test("log-report lets no control character of a name reach the terminal", async () => {
  const names = ["\x1b[2J", "a\nb", "\u202egnp", " blank", "", "x".repeat(100)].map((name) => ({ name, count: 1 }));
  const answer = await report({ ...REQUEST, file: "\x07.log", summary: { ...SUMMARY, total: 6, names } });
  assert.doesNotMatch(answer, /[^\P{C}\n]/u);
  for (const shown of ["\\u{7}.log", "\\u{1b}[2J", "a\\u{a}b", "\\u{202e}gnp", '" blank"', '""', "xx…"]) {
    assert.ok(answer.includes(shown), shown);
  }
});

test("log-report says what was left out", async () => {
  const answer = await report({ ...REQUEST, since: "2025-03-14T02:00:00", deleted: 36, unread: 1 });
  assert.match(answer, /^Without 36 before 2025-03-14 02:00:00$/m);
  assert.match(answer, /^Not counted: 1 line in another form$/m);
});

test("log-report refuses what is no request", () => {
  for (const payload of ["", "{}", JSON.stringify({ ...REQUEST, summary: { ...SUMMARY, total: "4" } })]) {
    assert.throws(() => logReport.commands["plugin.log.report"](bytes(payload)), { code: "log.bad_request" }, payload);
  }
});
