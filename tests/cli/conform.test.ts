/**
 * Rows B3 and B12 at the command line: `conform` gives the report of host/conform/, and its exit code says whether all is well.
 * @module
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { languageSkip } from "../languages.ts";
import { withFaulty } from "../conformance/rpc_served.ts";
import { withFaultySocket } from "../conformance/socket_served.ts";
import { pythonPlugin, typescriptPlugin, withFolder } from "../support.ts";
import { cli, withListener, writeConfig } from "./cli.ts";

const python = { skip: languageSkip("python") };
/** Small, so that the checks of the limit are quick; the first test has the default. */
const small = { max_payload: 1024 * 1024 };

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
        return [dialect, { ...plugin, ...small, comm_type: type, dialect }];
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
  assert.match(unknown.stderr, /^error\[cli\.usage\]: --type is one of rest, grpc, connect, socket, not "nano"\n/);
});

test("B12: conform checks a plugin over its comm_type and over the framed socket that it offers, in one report", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: { ...typescriptPlugin("tests/fixtures/workbench.ts"), ...small } });
    const args = ["conform", "a", "--level", "full", "--echo", "test.echo", "--config", config];
    const { code, stdout, stderr } = await cli(args);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    const titles = [...stdout.matchAll(/^(?:http|unix):\S+(?:\n\S*)? over (\w+), level "full"$/gm)].map(([, wire]) => wire);
    assert.deepEqual(titles, ["rest", "socket"], stdout);
    assert.equal(stdout.match(/^ok +7 +shutdown /gm)?.length, 2, "each on a process of its own");
    assert.equal(stdout.match(/^\d+ passed, 0 failed/gm)?.length, 2);
    const json = JSON.parse((await cli([...args, "--json"])).stdout);
    assert.deepEqual([json.commType, json.failed, json.socket.commType, json.socket.failed], ["rest", 0, "socket", 0]);
    assert.match(json.socket.address, /^unix:\//);
  });
});

test("B12: conform says nothing of the framed socket where there is none, or the configuration does not want it", python, async () => {
  await withFolder(async (folder) => {
    const own = { ...typescriptPlugin("tests/fixtures/workbench.ts"), socket: false };
    const config = await writeConfig(folder, { own, plain: pythonPlugin("examples/hello/hello.py") });
    for (const [name, echo] of [["own", "test.echo"], ["plain", "hello.echo"]] as const) {
      const { code, stdout } = await cli(["conform", name, "--echo", echo, "--config", config]);
      assert.equal(code, 0, stdout);
      assert.doesNotMatch(stdout, /socket/);
      assert.equal(stdout.match(/^\d+ passed/gm)?.length, 1);
    }
  });
});

test("B12: conform checks a plugin that answers on the framed socket alone, and says so", python, async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: pythonPlugin("examples/socket/plugin.py") });
    const { code, stdout, stderr } = await cli(["conform", "a", "--config", config]);
    assert.deepEqual([code, stderr], [0, "It answers on the framed socket alone, which other hosts than polyplug do not know\n"]);
    assert.match(stdout, /over socket, level "core"$/m);
    assert.match(stdout, /^\d\d passed, 0 failed, 0 not checked\nIt conforms to level "core"\.\n$/m);
  });
});

test("B12: conform --at --type socket checks a socket that listens, with its token, and exits with 1 for a fault", async () => {
  const token = "0123456789abcdef".repeat(4);
  for (const [fault, exit] of [["", 0], ["frames.one_read", 1]] as const) {
    await withFaultySocket({ fault, token }, async ({ address }) => {
      await withFolder(async (folder) => {
        const file = join(folder, "token");
        await writeFile(file, token);
        const { code, stdout } = await cli(["conform", "--at", address, "--type", "socket", "--token-file", file]);
        assert.equal(code, exit, stdout);
        assert.match(stdout, /over socket, level "core"$/m);
        assert.equal(/^FAIL +10 +frames\.split [^]*to do +Keep what has come/m.test(stdout), exit === 1, stdout);
      });
      const without = await cli(["conform", "--at", address, "--type", "socket"]);
      assert.equal(without.code, 1);
      assert.match(without.stdout, /^FAIL +10 +exec [^]*--token-file FILE/m);
    });
  }
});

test("D15: conform checks a plugin over stdio, and --at cannot be stdio", python, async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: { ...pythonPlugin("examples/stdio/plugin.py"), comm_type: "stdio" } });
    const { code, stdout, stderr } = await cli(["conform", "a", "--config", config]);
    assert.deepEqual([code, stderr], [0, ""], stdout);
    assert.match(stdout, /over stdio, level "core"$/m);
    assert.match(stdout, /^ok +7 +stdin\.end /m);
    const called = await cli(["exec", "a", "hello.echo", "over pipes", "--config", config]);
    assert.deepEqual([called.code, called.stdout], [0, "over pipes"]);
  });
  for (const words of [["conform"], ["ping"], ["exec", "hello.echo"]]) {
    const { code, stderr } = await cli([...words, "--at", "http://127.0.0.1:9", "--type", "stdio"]);
    assert.equal(code, 2);
    assert.match(stderr, /^error\[cli\.usage\]: --at cannot be used with --type stdio\n {2}hint: .*its pipes/);
  }
});

test('B12: comm_type = "socket" is an error that says what to write, for conform too', async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: { ...typescriptPlugin("tests/fixtures/workbench.ts"), comm_type: "socket" } });
    for (const command of [["conform", "a"], ["exec", "a", "test.echo"]]) {
      const { code, stderr } = await cli([...command, "--config", config]);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^error\[caller\.unknown_comm_type\]: .*there are: rest, grpc, connect, stdio\n {2}hint: Write what everyone else speaks/,
      );
    }
  });
});
