/**
 * Row C16: what one line of a plugin stands for.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LineOrigin, parseLogLine } from "../../../host/logs/parse.ts";
import type { PluginLog } from "../../../host/mod.ts";

type Level = PluginLog["level"];

const origin: LineOrigin = { plugin: "db", stream: "stderr" };

/** Level, message and values beside the stream. */
function parsed(line: string): readonly [Level, string, Record<string, unknown>] {
  const { level, message, values: { stream, ...values }, plugin, time } = parseLogLine(line, origin);
  assert.deepEqual([plugin, stream, time instanceof Date], ["db", "stderr", true]);
  return [level, message, values];
}

const understood: readonly [what: string, line: string, level: Level, message: string, values?: Record<string, unknown>][] = [
  ["winston", '{"level":"warn","message":"nearly full","free":3}', "warn", "nearly full", { free: 3 }],
  [
    "pino",
    '{"level":50,"time":1700000000000,"pid":7,"hostname":"h","msg":"lost"}',
    "error",
    "lost",
    { time: 1700000000000, pid: 7, hostname: "h" },
  ],
  ["slog's JSON", '{"time":"2024-05-01T10:00:00Z","level":"WARN","msg":"x"}', "warn", "x", { time: "2024-05-01T10:00:00Z" }],
  ["slog's own levels", '{"level":"DEBUG-4","msg":"x"}', "debug", "x"],
  ["zap", '{"level":"dpanic","ts":1.5,"caller":"a.go:1","msg":"x"}', "error", "x", { ts: 1.5, caller: "a.go:1" }],
  ["zerolog", '{"level":"info","message":"x"}', "info", "x"],
  [
    "hclog's JSON",
    '{"@level":"trace","@message":"x","@module":"db.pool","@timestamp":"2024-05-01T10:00:00.000000Z","level":7}',
    "debug",
    "x",
    { "@module": "db.pool", "@timestamp": "2024-05-01T10:00:00.000000Z", level: 7 },
  ],
  ["hclog's names before the others", '{"message":"b","@message":"a","level":"warn","@level":"error"}', "error", "a", {
    message: "b",
    level: "warn",
  }],
  ["nested values", '{"level":"info","msg":"x","a":{"b":[1,{"c":null}]}}', "info", "x", { a: { b: [1, { c: null }] } }],
  ["JSON with spaces around it", ' \t{"level":"warn","msg":"x"} ', "warn", "x"],
  ["JSON with a message of several lines", '{"level":"warn","msg":"a\\nb"}', "warn", "a\nb"],
  ["JSON with an empty message", '{"level":"warn","msg":""}', "warn", ""],
  ["JSON without a level", '{"msg":"x","free":3}', "info", "x", { free: 3 }],
  ["JSON with a level of its own", '{"level":"loud","msg":"x"}', "info", "x", { level: "loud" }],
  ["a level that is a number of syslog", '{"level":3,"msg":"x"}', "info", "x", { level: 3 }],
  ["a level that is no level", '{"level":{},"msg":"x"}', "info", "x", { level: {} }],
  ["the first message that is text", '{"message":{"a":1},"msg":"x"}', "info", "x", { message: { a: 1 } }],
  ["a prefix", "[WARN] x", "warn", "x"],
  ["a prefix and two spaces", "[WARN]  x", "warn", "x"],
  ["a prefix in small letters", "[error]: x", "error", "x"],
  ["a prefix alone", "[INFO]", "info", ""],
  ["hclog's text", "2024-05-01T10:00:00.123+0200 [WARN]  db.pool: lost: attempt=3", "warn", "db.pool: lost: attempt=3", {
    timestamp: "2024-05-01T10:00:00.123+0200",
  }],
  ["Go's log", "2009/11/10 23:00:00.123456 [ERROR] x", "error", "x", { timestamp: "2009/11/10 23:00:00.123456" }],
  ["slog's default", "2009/11/10 23:00:00 WARN x free=3", "warn", "x free=3", { timestamp: "2009/11/10 23:00:00" }],
  ["slog's text", 'time=2024-05-01T10:00:00.000Z level=ERROR msg="x y"', "error", 'time=2024-05-01T10:00:00.000Z level=ERROR msg="x y"'],
  ["logrus", 'time="2024-05-01T10:00:00Z" level=warning msg=x', "warn", 'time="2024-05-01T10:00:00Z" level=warning msg=x'],
  ["Rust's tracing", "2024-05-01T10:00:00.000000Z DEBUG app::db: x", "debug", "app::db: x", { timestamp: "2024-05-01T10:00:00.000000Z" }],
  ["Python's logging", "WARNING:app.db:x: y", "warn", "x: y", { logger: "app.db" }],
  ["Python's logging, the worst", "CRITICAL:root:x", "error", "x", { logger: "root" }],
  ["a usual format of Python", "2024-05-01 10:00:00,123 ERROR x", "error", "x", { timestamp: "2024-05-01 10:00:00,123" }],
  ["uvicorn", "INFO:     Started server process [7]", "info", "Started server process [7]"],
  ["Java's logging", "SEVERE: x", "error", "x"],
];

for (const [what, line, level, message, values = {}] of understood) {
  test(`C16: ${what} is understood`, () => assert.deepEqual(parsed(line), [level, message, values]));
}

const numbers: readonly [number, Level][] = [[10, "debug"], [20, "debug"], [30, "info"], [35, "info"], [40, "warn"], [50, "error"], [
  60,
  "error",
]];

const names: readonly [Level, string][] = [
  ["debug", "trace debug"],
  ["info", "info"],
  ["warn", "warn warning"],
  ["error", "error fatal panic critical"],
];

test("C16: levels are known in any case, and pino's by number", () => {
  for (const [level, known] of names) {
    for (const name of known.split(" ").flatMap((each) => [each, each.toUpperCase(), each[0]?.toUpperCase() + each.slice(1)])) {
      assert.deepEqual(parsed(JSON.stringify({ level: name, message: "x" })), [level, "x", {}]);
    }
  }
  for (const [number, level] of numbers) assert.deepEqual(parsed(`{"level":${number},"msg":"x"}`), [level, "x", {}]);
});

const plain: readonly [what: string, line: string][] = [
  ["an empty line", ""],
  ["prose", "warn the others before you leave"],
  ["prose that begins in capitals", "ERROR is what it printed"],
  ["prose with a colon", "Error: connect ECONNREFUSED"],
  ["a small level with a colon", "warning: unused variable"],
  ["a level in the middle", "it printed [WARN] x"],
  ["another word in brackets", "[worker] ready"],
  ["a level with more in its brackets", "[WARN 7] x"],
  ["a level that goes on", "[WARN]x"],
  ["a time and a word", "2024-05-01 10:00:00 Information desk opens"],
  ["a list", "level=warn msg=x"],
  ["a message that is a number", '{"@message":1}'],
  ["a message that is none", '{"level":"error","message":null,"msg":["x"]}'],
  ["no message", '{"level":"error","event":"x"}'],
  ["an empty object", "{}"],
  ["an array", '[{"level":"error","message":"x"}]'],
  ["a text", '"[WARN] x"'],
  ["JSON with something behind it", '{"level":"error","message":"x"} x'],
  ["JSON that was cut", `{"level":"error","message":"${"x".repeat(100)}…`],
  ["JSON that is too deep", `{"level":"error","message":"x","a":${"[".repeat(33)}${"]".repeat(33)}}`],
  ["JSON that is much too deep", `{"level":"error","message":"x","a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`],
  ["what JavaScript's objects have by themselves", '{"toString":"x","constructor":"y"}'],
];

for (const [what, line] of plain) {
  test(`C16: the line as it is, at level info: ${what}`, () => assert.deepEqual(parsed(line), ["info", line, {}]));
}

test("C16: __proto__ in a line changes no object, however it is written and merged", () => {
  for (const name of ["__proto__", "\\u005f_proto__", "__pro\\u0074o__"]) {
    const { values } = parseLogLine(`{"msg":"x","${name}":{"evil":1},"a":{"${name}":{"evil":1}}}`, origin);
    const merged: Record<string, unknown> = Object.assign({}, values, values["a"]);
    assert.deepEqual([merged["evil"], Object.keys(merged)], [undefined, ["a", "stream"]]);
    assert.equal(Reflect.get({}, "evil"), undefined);
  }
});

test("C16: the stream and the plugin are those of the pipe, whatever the line says", () => {
  const line = '{"level":"info","msg":"x","stream":"elsewhere","plugin":"other"}';
  const { plugin, values } = parseLogLine(line, { plugin: "db", stream: "stdout" });
  assert.deepEqual([plugin, values], ["db", { stream: "stdout", plugin: "other" }]);
});

test("C16: any line gives one record with a known level and a text", () => {
  const lines = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.dictionary(fc.constantFrom("@message", "@level", "level", "msg", "message", "x"), fc.jsonValue()).map((value) =>
      JSON.stringify(value)
    ),
    fc.tuple(fc.constantFrom("[WARN]", "2024-05-01T10:00:00Z", "WARNING:", "time=1 level="), fc.string()).map((parts) => parts.join(" ")),
  );
  fc.assert(
    fc.property(lines, (line) => {
      const { level, message, values } = parseLogLine(line, origin);
      assert.ok(["debug", "info", "warn", "error"].includes(level));
      assert.equal(typeof message, "string");
      assert.equal(values["stream"], "stderr");
      JSON.stringify(values);
    }),
    { numRuns: 300 },
  );
});
