/**
 * The log filter in Python and its twin in TypeScript: the same answers, on logs as they are and on logs that were damaged.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Host, openHost } from "../../host/mod.ts";
import type { BatchHead, Filtered } from "../../examples/logs/messages.ts";
import { languageSkip } from "../languages.ts";
import { bytes, pathOf, ROOT, text } from "../support.ts";

const skip = languageSkip("python");
const SAMPLE = pathOf("examples/logs/sample.log");
const REAL = ["OpenSSH_2k.log", "Apache_2k.log"].map((name) => join(ROOT, "..", "shared", "data", name)).filter((path) => existsSync(path));

const APACHE = `[Fri Mar 14 02:35:10 2025] [error] [client 192.0.2.7] File does not exist: /srv/www/favicon.ico
[Fri Mar 14 02:35:11.123456 2025] [core:error] [pid 311:tid 139] [client 192.0.2.7:51022] AH00126: Invalid URI in request
[Fri Mar 14 02:35:12.000001 2025] [mpm_event:notice] [pid 311:tid 139] AH00489: Apache/2.4.58 configured
[Fri Mar  4 02:35:12 2025] [warn] [client 2001:db8::7] odd
PHP Warning: a line that goes on
`;

async function openLogs(): Promise<Host> {
  return await openHost("logs", { config: pathOf("examples/logs/config.toml") });
}

/** Asks both filters and fails when their answers differ. */
async function askBoth(host: Host, head: BatchHead, lines: Uint8Array): Promise<Filtered> {
  const start = bytes(`${JSON.stringify(head)}\n`);
  const payload = new Uint8Array([...start, ...lines]);
  const calls = ["log-filter", "log-filter-ts"].map((name) => host.get(name).exec("plugin.log.filter", payload));
  const [python, typescript] = (await Promise.all(calls)).map((answer) => JSON.parse(text(answer)) as Filtered);
  assert.deepEqual(python, typescript);
  assert.ok(python);
  return python;
}

test("log-filter and its twin find the same events in whole logs", { skip }, async () => {
  await using host = await openLogs();
  for (const path of [SAMPLE, ...REAL]) {
    const format = path.includes("Apache") ? "apache" : "sshd";
    const { lines, unread, events } = await askBoth(host, { format, year: 2025 }, await readFile(path));
    assert.ok(lines > 100 && events.length > 50, `${path}: ${lines} lines, ${events.length} events`);
    assert.equal(unread, 0);
  }
});

test("log-filter and its twin read the forms of Apache's error log", { skip }, async () => {
  await using host = await openLogs();
  assert.deepEqual(await askBoth(host, { format: "apache", year: 1999 }, bytes(APACHE)), {
    lines: 5,
    unread: 1,
    events: [
      { time: "2025-03-14T02:35:10", address: "192.0.2.7", name: "error", count: 1 },
      { time: "2025-03-14T02:35:11", address: "192.0.2.7", name: "error", count: 1 },
      { time: "2025-03-14T02:35:12", address: "", name: "notice", count: 1 },
      { time: "2025-03-04T02:35:12", address: "2001:db8::7", name: "warn", count: 1 },
    ],
  });
});

test("log-filter and its twin are not deceived by a user name that looks like an address", { skip }, async () => {
  await using host = await openLogs();
  const line = "Mar  4 02:35:10 gate01 sshd-session[7]: message repeated 3 times: [ Failed password for invalid user ";
  const lines = bytes(`${line}root from 192.0.2.1 port 22 ssh2 from 198.51.100.9 port 5 ssh2]\n${line} from 198.51.100.9 port 5 ssh2]`);
  const { events } = await askBoth(host, { format: "sshd", year: 2024 }, lines);
  const common = { time: "2024-03-04T02:35:10", address: "198.51.100.9", count: 3 };
  assert.deepEqual(events, [{ ...common, name: "root from 192.0.2.1 port 22 ssh2" }, { ...common, name: "" }]);
});

test("log-filter and its twin agree on damaged lines", { skip }, async () => {
  await using host = await openLogs();
  const random = createRandom(20250314);
  const sources: readonly (readonly [BatchHead, Uint8Array])[] = [
    [{ format: "sshd", year: 2025 }, await readFile(SAMPLE)],
    [{ format: "apache", year: 2025 }, bytes(APACHE.repeat(20))],
  ];
  let unread = 0;
  for (const [head, source] of sources) {
    for (let round = 0; round < 20; round++) unread += (await askBoth(host, head, damage(source, random))).unread;
  }
  assert.ok(unread > 100, `only ${unread} lines were damaged in their heads`);
});

test("log-filter and its twin refuse a batch without a head", { skip }, async () => {
  await using host = await openLogs();
  for (const name of ["log-filter", "log-filter-ts"]) {
    for (const head of ["", "x", "null", "{}", '{"format":"nginx","year":2025}', '{"format":"sshd","year":"2025"}', '{"format":"sshd"}']) {
      const call = host.get(name).exec("plugin.log.filter", bytes(`${head}\nMar 14 02:35:10 gate01 sshd[1]: x\n`));
      await assert.rejects(call, { code: "log.bad_batch", origin: "plugin" }, `${name}: ${head}`);
    }
  }
});

/** Bytes that parsers stumble over: ends of lines that are none, digits and blanks of other scripts, halves of characters. */
const AWKWARD = ["\r", "\0", "\n", " ", "[", "]", ":", "9", "\u2028", "\u0085", "\u00a0", "٣", "\ufeff", "\x1c"].map((piece) =>
  bytes(piece)
);

/** Puts awkward and random bytes into about every second line. */
function damage(source: Uint8Array, random: () => number): Uint8Array {
  const damaged = [...source];
  for (let hit = 0; hit < source.length / 200; hit++) {
    const at = Math.floor(random() * damaged.length);
    const piece = AWKWARD[Math.floor(random() * AWKWARD.length * 2)] ?? [Math.floor(random() * 256)];
    damaged.splice(at, Math.floor(random() * 3), ...piece);
  }
  return new Uint8Array(damaged);
}

/** The same numbers from 0 to 1 on every run, so that a failure comes again. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x80000000;
}
