/**
 * Row B3 at the command line: `conform` gives the report of host/conform/, and its exit code says whether all is well.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { languageSkip } from "../languages.ts";
import { withFaulty } from "../conformance/rpc_served.ts";
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

for (const type of ["grpc", "connect"]) {
  test(`B3: conform checks a plugin over its own comm_type and in its own dialect: ${type}`, async () => {
    await withFolder(async (folder) => {
      const plugins = Object.fromEntries(["seed", "goplugin-1"].map((dialect) => {
        const plugin = typescriptPlugin("tests/fixtures/workbench.ts", ["--dialect", dialect]);
        return [dialect, { ...plugin, comm_type: type, dialect }];
      }));
      const config = await writeConfig(folder, plugins);
      for (const name of Object.keys(plugins)) {
        const { code, stdout, stderr } = await cli(["conform", name, "--level", "full", "--echo", "test.echo", "--config", config]);
        assert.deepEqual([code, stderr], [0, ""], stdout);
        assert.match(stdout, new RegExp(`^http://127\\.0\\.0\\.1:\\d+ over ${type}, level "full"$`, "m"));
        assert.match(stdout, /^ok +7 +shutdown /m);
        // Only the seed's dialect has hex that could be bad.
        assert.equal(/^ok +4 +bad\.hex /m.test(stdout), name === "seed");
      }
    });
  });

  test(`B3: conform --at --type ${type} checks a program that runs, and says in which dialect it is when that was not asked`, async () => {
    await withFaulty({ commType: type === "grpc" ? "grpc" : "connect", dialect: "goplugin-1", token: undefined }, async ({ address }) => {
      const right = await cli(["conform", "--at", address, "--type", type, "--dialect", "goplugin-1", "--json"]);
      const { commType, level, failed } = JSON.parse(right.stdout);
      assert.deepEqual([right.code, commType, level, failed], [0, type, "core", 0]);
      const wrong = await cli(["conform", "--at", address, "--type", type]);
      assert.equal(wrong.code, 1);
      assert.match(wrong.stdout, /^FAIL +4 +dialect [^]*to do [^]*check\s+it with --dialect goplugin-1/m);
      assert.match(wrong.stdout, /, 1 failed, /);
    });
  });
}

test("B3: conform over a wire that the program does not speak fails ping alone, and names the other wires", async () => {
  await withFaulty({ commType: "connect", token: undefined }, async ({ address }) => {
    for (const type of ["grpc", "rest"]) {
      const { code, stdout } = await cli(["conform", "--at", address, "--type", type]);
      assert.equal(code, 1);
      assert.match(stdout, /^FAIL +[34] +ping [^]*to do [^]*with\s+that\s+--type/m);
      assert.match(stdout, /^0 passed, 1 failed, /m);
    }
  });
  const unknown = await cli(["conform", "--at", "http://127.0.0.1:9", "--type", "nano"]);
  assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
  assert.match(unknown.stderr, /^error\[cli\.usage\]: --type is one of rest, grpc, connect, not "nano"\n/);
});
