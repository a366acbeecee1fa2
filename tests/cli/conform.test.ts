/**
 * Row B3 at the command line: `conform` gives the report of host/conform/, and its exit code says whether all is well.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { languageSkip } from "../languages.ts";
import { pythonPlugin, typescriptPlugin, withFolder } from "../support.ts";
import { cli, withListener, writeConfig } from "./cli.ts";

test("B3: conform starts a plugin, checks it with its token, and exits with 0 when all is well", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: typescriptPlugin("tests/fixtures/workbench.ts") });
    const { code, stdout, stderr } = await cli(["conform", "a", "--level", "full", "--echo", "test.echo", "--config", config]);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    assert.match(stdout, /\d+ passed, 0 failed/);
    assert.ok(Math.max(...stdout.split("\n").map((line) => line.length)) <= 80);
    const json = JSON.parse((await cli(["conform", "a", "--echo", "test.echo", "--json", "--config", config])).stdout);
    assert.deepEqual([json.level, json.failed], ["core", 0]);
  });
});

test("B3: conform exits with 1 when something is missing, and says what to do", { skip: languageSkip("python") }, async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: pythonPlugin("tests/fixtures/process/plain.py") });
    const { code, stdout } = await cli(["conform", "a", "--echo", "no.such.command.that.echoes", "--config", config]);
    assert.equal(code, 1, stdout);
    assert.match(stdout, /FAIL[^]*to do /);
  });
});

test("B3: conform --at where nobody answers is a miss", async () => {
  const port = await withListener((taken) => Promise.resolve(taken));
  const { code, stdout } = await cli(["conform", "--at", `http://127.0.0.1:${port}`]);
  assert.equal(code, 1);
  assert.match(stdout, /FAIL/);
});
