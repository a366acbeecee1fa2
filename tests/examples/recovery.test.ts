/**
 * The recovery example: it counts on while its plugin is killed, and finds a counter out that does not.
 * @module
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { histogram, percentile } from "../../examples/recovery/histogram.ts";
import { configOf, RUNTIME, typescriptPlugin, withFolder } from "../support.ts";
import { runProgram } from "./program.ts";

const MAIN = "examples/recovery/main.ts";

test("examples/recovery: no number is missing and none comes twice, however often the plugin is killed", async () => {
  const run = await runProgram(MAIN, ["10"]);
  assert.deepEqual([run.code, run.stderr], [0, ""]);
  assert.match(run.stdout, /^Counted from [\d,]+ to [\d,]+ in [\d.]+ s; the plugin was killed 10 times\.$/m);
  assert.match(run.stdout, /^ +[\d.]+ to [\d.]+ ms +\d+ █/m);
  assert.match(run.stdout, /^Checked: each call counted one further, none was lost and none counted twice\.$/m);
  assert.ok(run.stdout.split("\n").every((line) => [...line].length <= 80), run.stdout);
});

test("examples/recovery: a counter that leaves a number out is found out", async () => {
  await withFolder(async (folder) => {
    const name = `counter-${RUNTIME}`;
    const { settings, plugins } = configOf({ [name]: typescriptPlugin("tests/examples/lying_counter.ts") }, join(folder, "state"));
    const tables = { settings, [`plugins.${name}`]: (plugins as Record<string, object>)[name], "hosts.main": { plugins: [name] } };
    const lines = Object.entries(tables).flatMap(([table, keys]) => [
      `[${table}]`,
      ...Object.entries(keys ?? {}).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
    ]);
    await writeFile(join(folder, "config.toml"), lines.join("\n"));
    const run = await runProgram(MAIN, ["1", join(folder, "config.toml")]);
    assert.deepEqual([run.code, run.stderr], [1, "recovery: the counter said 7 where 6 was due\n"]);
    assert.doesNotMatch(run.stdout, /Checked/);
  });
});

test("examples/recovery: wrong usage is one line", async () => {
  const run = await runProgram(MAIN, ["many"]);
  assert.deepEqual(run, { code: 2, stdout: "", stderr: 'recovery: how many kills must be a whole number from 1, not "many"\n' });
});

test("examples/recovery: the plot has a line for each range between the first and the last, and fits 80 columns", () => {
  const lines = histogram([0.1, 0.3, 0.3, 3, ...Array<number>(100_000).fill(0.7), 5000]);
  assert.equal(lines.length, 13);
  assert.deepEqual(lines.map((line) => Number(/ms(?: and more)? +([\d,]+)/.exec(line)?.[1]?.replaceAll(",", ""))), [
    ...[1, 2, 100_000, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
  ]);
  assert.equal(Math.max(...lines.map((line) => [...line].length)), 80);
  assert.deepEqual([percentile([3, 1, 2], 50), percentile([3, 1, 2], 100), percentile([], 50)], [2, 3, 0]);
});
