/**
 * Row C16: how `polyplug run` shows records: one line each, coloured by level on a terminal, and no more of them than stdout takes.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { CliContext, CliIo, CliOutput, GlobalOptions } from "../../../host/cli/context.ts";
import { formatLog } from "../../../host/cli/log_line.ts";
import { createScreen } from "../../../host/cli/screen.ts";
import type { PluginLog } from "../../../host/mod.ts";

const pipe: CliOutput = { write: () => true };
const terminal: CliOutput = { write: () => true, isTTY: true };

/** Runs `use` as on a terminal that shows colours. */
function inColor<T>(use: () => T): T {
  const { NO_COLOR, TERM } = process.env;
  delete process.env["NO_COLOR"];
  process.env["TERM"] = "xterm";
  try {
    return use();
  } finally {
    for (const [name, value] of Object.entries({ NO_COLOR, TERM })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

function record(level: PluginLog["level"], message: string, values: Record<string, unknown> = {}): PluginLog {
  return { time: new Date(0), plugin: "db", level, message, values: { ...values, stream: "stderr" } };
}

const shown: readonly [what: string, record: PluginLog, inPipe: string, onTerminal: string][] = [
  ["plain output as it is", record("info", "ready"), "ready", "ready"],
  ["a warning", record("warn", "low"), "warn: low", "\x1b[33mwarn: low\x1b[0m"],
  ["an error", record("error", "lost"), "error: lost", "\x1b[31merror: lost\x1b[0m"],
  ["a debug message", record("debug", "hm"), "debug: hm", "\x1b[2mdebug: hm\x1b[0m"],
  [
    "values",
    record("warn", "low", { free: 3, path: "/var/x", by: "the disk", of: { a: [1] }, none: null, empty: "" }),
    'warn: low free=3 path=/var/x by="the disk" of={"a":[1]} none=null empty=""',
    '\x1b[33mwarn: low\x1b[0m \x1b[2mfree=3 path=/var/x by="the disk" of={"a":[1]} none=null empty=""\x1b[0m',
  ],
  [
    "control characters, written out",
    record("info", "a\x1b[2Jb\nc\rd", { "k\x1b": "v\x1b[31m", "a b": "x\ny" }),
    'a\\x1b[2Jb\\nc\\rd k\\x1b=v\\x1b[31m "a b"="x\\ny"',
    'a\\x1b[2Jb\\nc\\rd \x1b[2mk\\x1b=v\\x1b[31m "a b"="x\\ny"\x1b[0m',
  ],
];

for (const [what, given, inPipe, onTerminal] of shown) {
  test(`C16: run shows ${what}`, () => {
    assert.equal(formatLog(pipe, given), inPipe);
    assert.equal(inColor(() => formatLog(terminal, given)), onTerminal);
  });
}

/** A screen on outputs that keep what they get; stdout says that it is full when `full()` does. */
function createTestScreen(options: GlobalOptions, full: () => boolean = () => false) {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const waiting: (() => void)[] = [];
  const io: CliIo = {
    stdin: (async function* () {})(),
    stdout: {
      write: (chunk, onWritten = () => {}) => {
        stdout.push(String(chunk));
        waiting.push(onWritten);
        return !full();
      },
    },
    stderr: { write: (chunk) => stderr.push(String(chunk)) },
  };
  const interrupt = { signal: new AbortController().signal, onKill: () => {}, onHangup: () => {} };
  const context: CliContext = { io, options, interrupt };
  return {
    screen: createScreen(context, { afterExit: "" }),
    stdout,
    stderr,
    read: () => waiting.splice(0).forEach((onWritten) => onWritten()),
  };
}

test("C16: run shows one record on one line behind its plugin's name", () => {
  const { screen, stdout } = createTestScreen({});
  screen.align(["db", "longer"]);
  screen.log(record("warn", "low\nlower", { free: 3 }));
  assert.deepEqual(stdout, ["db     | warn: low\\nlower free=3\n"]);
});

test("C16: run --json keeps what a plugin names apart from what the host says", () => {
  const { screen, stdout } = createTestScreen({ json: true });
  screen.log(record("warn", "low", { plugin: "other", level: "none", time: 7, code: "verify.mismatch" }));
  screen.log(record("info", "plain"));
  const time = "1970-01-01T00:00:00.000Z";
  assert.deepEqual(stdout.map((line) => JSON.parse(line)), [
    {
      time,
      plugin: "db",
      level: "warn",
      message: "low",
      stream: "stderr",
      values: { plugin: "other", level: "none", time: 7, code: "verify.mismatch" },
    },
    { time, plugin: "db", level: "info", message: "plain", stream: "stderr" },
  ]);
});

test("C16: run leaves lines out while nobody reads stdout, says so, and goes on when somebody does", () => {
  let isFull = true;
  const { screen, stdout, stderr, read } = createTestScreen({}, () => isFull);
  const line = record("info", "x".repeat(1024 * 1024));
  for (let count = 0; count < 100; count++) screen.log(line);
  assert.ok(stdout.length >= 16 && stdout.length <= 18, `${stdout.length} MiB wait`);
  assert.deepEqual(stderr, ["stdout is not read fast enough: what plugins write is left out until it is\n"]);
  const written = stdout.length;
  read();
  isFull = false;
  screen.log(record("info", "next"));
  assert.match(stdout.at(-1) ?? "", /next/);
  assert.deepEqual([stdout.length, stderr.slice(1)], [written + 1, [`${100 - written} lines of plugins were left out\n`]]);
});

test("C16: run leaves nothing out where stdout takes all, or says nothing of it", () => {
  for (const answer of [true, undefined]) {
    let lines = 0;
    const io: CliIo = { stdin: (async function* () {})(), stdout: { write: () => (lines++, answer) }, stderr: { write: assert.fail } };
    const interrupt = { signal: new AbortController().signal, onKill: () => {}, onHangup: () => {} };
    const context: CliContext = { io, options: {}, interrupt };
    const screen = createScreen(context, { afterExit: "" });
    for (let count = 0; count < 100; count++) screen.log(record("info", "x".repeat(1024 * 1024)));
    assert.equal(lines, 100);
  }
});
