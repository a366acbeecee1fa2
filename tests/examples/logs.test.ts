/**
 * Row A19: the logs example on whole logs: what three plugins find is what is counted without them.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { findDifferences } from "../../examples/logs/compare.ts";
import { countLog } from "../../examples/logs/count.ts";
import { languageSkip } from "../languages.ts";
import { pathOf, ROOT, typescriptPlugin, withFolder } from "../support.ts";
import { runProgram } from "./program.ts";

const MAIN = "examples/logs/main.ts";
const SAMPLE = pathOf("examples/logs/sample.log");
const filters = [
  { filter: "log-filter", skip: languageSkip("python") },
  { filter: "log-filter-ts", skip: false },
];

/** The logs, with figures that `grep` and `awk` gave. */
const logs = [
  { name: "sample.log", path: SAMPLE, title: "102 failed attempts, 9 addresses, 22 user names", row: /^ {2}root +56 +55 % +█+/m },
];
const realLogs = join(ROOT, "..", "shared", "data");
if (existsSync(realLogs)) {
  logs.push(
    {
      name: "OpenSSH_2k.log",
      path: join(realLogs, "OpenSSH_2k.log"),
      title: "532 failed attempts, 24 addresses, 63 user names",
      row: /^ {2}183\.62\.140\.253 +286 +54 % +█+/m,
    },
    {
      name: "Apache_2k.log",
      path: join(realLogs, "Apache_2k.log"),
      title: "2,000 entries, 32 addresses, 2 levels",
      row: /^ {2}error +595 +30 % +█+/m,
    },
  );
}

for (const { name, path, title, row } of logs) {
  for (const { filter, skip } of filters) {
    test(`A19: the totals of ${name} by ${filter} equal the count made without plugins`, { skip }, async () => {
      const run = await runProgram(MAIN, ["--log", path, "--year", "2025", "--filter", filter]);
      assert.deepEqual([run.code, run.stderr], [0, ""]);
      assert.ok(run.stdout.includes(`\n${title}\n`), run.stdout);
      assert.match(run.stdout, row);
      assert.match(run.stdout, /^Checked: a count made without plugins agrees \(total \d+, /m);
      const report = run.stdout.slice(0, run.stdout.indexOf("\nChecked: "));
      assert.equal(Math.max(...report.split("\n").map((line) => [...line].length)), 80);
    });
  }
}

test("A19: a CRLF log without a newline at its end gives the same report", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "sample.log");
    await writeFile(path, (await readFile(SAMPLE, "utf8")).trimEnd().replaceAll("\n", "\r\n"));
    const flags = ["--year", "2025", "--filter", "log-filter-ts"];
    const [plain, crlf] = await Promise.all([runProgram(MAIN, flags), runProgram(MAIN, ["--log", path, ...flags])]);
    assert.deepEqual(crlf, plain);
    assert.equal(plain.code, 0);
  });
});

test("A19: what is older than --since is deleted by the store and left out of the count", async () => {
  const run = await runProgram(MAIN, ["--year", "2025", "--since", "2025-03-14T02:00:00", "--filter", "log-filter-ts"]);
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stdout, /^Without 36 before 2025-03-14 02:00:00$/m);
  assert.match(run.stdout, /^66 failed attempts, /m);
});

test("A19: a filter that loses events is found out", async () => {
  await withFolder(async (folder) => {
    const plugins = {
      "log-filter": typescriptPlugin("tests/examples/lying_filter.ts"),
      "log-store": typescriptPlugin("examples/logs/store.ts", [], "bun"),
      "log-report": typescriptPlugin("examples/logs/report.ts"),
    };
    const config = join(folder, "config.toml");
    await writeFile(config, tomlOf(plugins));
    const run = await runProgram(MAIN, ["--config", config, "--year", "2025"]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /^logs: the plugins and a count without them differ: total: \d+ by the plugins, 102 without; [^\n]*\n$/);
    assert.doesNotMatch(run.stdout, /agrees/);
  });
});

test("A19: the count without plugins says what differs", async () => {
  const count = await countLog(SAMPLE, { format: "sshd", year: 2025, since: undefined });
  assert.deepEqual([count.lines, count.total, count.names.get("root"), count.hours.get("2025-03-14T06")], [283, 102, 56, 28]);
  const tallies = (sums: ReadonlyMap<string, number>) => [...sums].map(([name, count]) => ({ name, count }));
  const summary = { total: 102, first: null, last: null, addresses: tallies(count.addresses), names: tallies(count.names) };
  const found = { lines: 283, older: 0, summary: { ...summary, hours: tallies(count.hours) } };
  assert.deepEqual(findDifferences(found, count), []);
  const wrong = { ...found, lines: 282, summary: { ...found.summary, addresses: [{ name: "192.0.2.146", count: 8 }] } };
  const differences = findDifferences(wrong, count);
  assert.equal(differences[0], "lines: 282 by the plugins, 283 without");
  assert.ok(differences.includes('address "192.0.2.146": 8 by the plugins, 9 without'), differences.join("; "));
  assert.equal(differences.length, 1 + count.addresses.size);
});

function tomlOf(plugins: Record<string, Record<string, unknown>>): string {
  const tables = Object.entries(plugins).map(([name, plugin]) =>
    [`[plugins.${name}]`, ...Object.entries(plugin).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)].join("\n")
  );
  return ["[settings]\nallow_unverified = true", ...tables, `[hosts.logs]\nplugins = ${JSON.stringify(Object.keys(plugins))}`].join("\n\n");
}
