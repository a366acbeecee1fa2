/**
 * Row A18, commands used wrongly: one clear error on stderr, nothing on stdout, exit code 1, or 2 for wrong usage; nothing half written.
 * @module
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RUNTIME, typescriptPlugin, withFolder } from "../support.ts";
import { cli, type CliRun, withListener, writeConfig } from "./cli.ts";

const workbench = typescriptPlugin("tests/fixtures/workbench.ts");

/** The code of the one error that was told. */
function errorOf({ code, stdout, stderr }: CliRun): readonly [exitCode: number | null, code: string | undefined] {
  assert.equal(stdout, "");
  assert.equal(stderr.match(/error\[/g)?.length, 1, stderr);
  assert.doesNotMatch(stderr, /^\s+at /m, "a stack is for --debug");
  return [code, /^error\[([\w.]+)\]: \S/m.exec(stderr)?.[1]];
}

/** What each command needs to be complete. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  list: [],
  check: [],
  ping: ["a"],
  exec: ["a", "test.echo", "hi"],
  run: [],
  conform: ["a"],
  register: ["a"],
  unregister: ["a"],
};

for (const [command, args] of Object.entries(COMMANDS)) {
  test(`A18: ${command} without its configuration names the path and the rule that chose it`, async () => {
    await withFolder(async (folder) => {
      const missing = join(folder, "none.toml");
      const run = await cli([command, ...args, "--config", missing], { cwd: folder });
      assert.deepEqual(errorOf(run), [1, "config.not_found"]);
      assert.match(run.stderr, /none\.toml.*\n {2}hint: The place was chosen by --config\n/);
      const byVariable = await cli([command, ...args], { cwd: folder, env: { GOPLUGIN_DIR: missing } });
      assert.match(byVariable.stderr, /hint: The place was chosen by the environment variable GOPLUGIN_DIR/);
      assert.deepEqual(await readdir(folder), []);
    });
  });
}

for (const [command, args] of Object.entries(COMMANDS).filter(([name]) => name !== "check" && name !== "register")) {
  test(`A18: ${command} with broken TOML shows the place, and leaves the file as it was`, async () => {
    await withFolder(async (folder) => {
      const config = join(folder, "config.toml");
      await writeFile(config, '[plugins.a]\nexec = "x\n');
      const run = await cli([command, ...args, "--config", config]);
      assert.deepEqual(errorOf(run), [1, "config.invalid"]);
      assert.match(run.stderr, /is not valid TOML at line 2, column \d+.*\n[^]*\^/);
      assert.equal(await readFile(config, "utf8"), '[plugins.a]\nexec = "x\n');
      assert.deepEqual(await readdir(folder), ["config.toml"]);
    });
  });
}

test("A18: check gives broken TOML as its finding, and exits with 1", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "config.toml"), '[plugins.a]\nexec = "x\n');
    const { code, stdout, stderr } = await cli(["check"], { env: { GOPLUGIN_DIR: folder } });
    assert.deepEqual([code, stderr], [1, ""]);
    assert.match(stdout, /^error\[config\.invalid\]: .* line 2, column/);
    assert.match(stdout, /: 0 plugins, 1 error, 0 warnings\n$/);
  });
});

for (const command of ["list", "check", "ping", "exec", "run", "conform"]) {
  test(`A18: ${command} for a host that is not there lists those that are`, async () => {
    await withFolder(async (folder) => {
      const config = await writeConfig(folder, { a: workbench });
      const run = await cli([command, ...COMMANDS[command] ?? [], "--config", config, "--host", "nobody"]);
      assert.deepEqual(errorOf(run), [1, "discover.unknown_host"]);
      assert.match(run.stderr, /it has: test/);
    });
  });
}

for (const [command, args] of [["ping", []], ["exec", ["test.echo"]], ["run", []], ["conform", []], ["unregister", []]] as const) {
  test(`A18: ${command} of a plugin that is not there lists those that are, and starts nothing`, async () => {
    await withFolder(async (folder) => {
      const config = await writeConfig(folder, { a: workbench });
      const run = await cli([command, "nobody", ...args, "--config", config]);
      assert.deepEqual(errorOf(run), [1, "host.unknown_plugin"]);
      assert.match(run.stderr, /it has: a\n/);
      assert.deepEqual(await readdir(folder), ["config.toml"]);
    });
  });
  test(`A18: ${command} where there is no plugin says so`, async () => {
    await withFolder(async (folder) => {
      const config = await writeConfig(folder, {});
      const run = await cli([command, "a", ...args, "--config", config]);
      assert.deepEqual(errorOf(run), [1, "host.unknown_plugin"]);
    });
  });
}

for (const [command, args] of [["ping", []], ["exec", ["test.echo"]], ["run", []], ["conform", []]] as const) {
  test(`A18: ${command} of a plugin whose file is missing says which`, async () => {
    await withFolder(async (folder) => {
      const config = await writeConfig(folder, { a: { exec: RUNTIME, exec_file: "gone.ts" } });
      const run = await cli([command, "a", ...args, "--config", config]);
      const lines = run.stderr.split("\n").filter((line) => /^error\[/.test(line));
      assert.deepEqual([run.code, run.stdout], [1, ""]);
      assert.ok(lines.length >= 1 && lines.every((line) => /verify\.missing_file.*gone\.ts/.test(line)), run.stderr);
    });
  });
}

for (const [command, args] of [["ping", ["a"]], ["exec", ["a", "test.echo"]], ["run", ["a"]], ["run", []], ["conform", ["a"]]] as const) {
  test(`A18: ${command} ${args.join(" ")} of a plugin whose port is taken says so and ends`, async () => {
    await withFolder(async (folder) => {
      await withListener(async (port) => {
        const config = await writeConfig(folder, { a: { ...workbench, comm_port: port } });
        const run = await cli([command, ...args, "--config", config]);
        assert.deepEqual(errorOf(run), [1, "ready.port_taken"]);
        assert.match(run.stderr, new RegExp(`port ${port} .*\\n  hint: `));
      });
    });
  });
}

test("A18: list and check answer although a port is taken, since they start nothing", async () => {
  await withFolder(async (folder) => {
    await withListener(async (port) => {
      const config = await writeConfig(folder, { a: { ...workbench, comm_port: port } });
      assert.equal((await cli(["list", "--config", config])).code, 0);
      assert.equal((await cli(["check", "--config", config])).code, 0);
    });
  });
});

test("A18: list and run of a host without plugins say so", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, {});
    const listed = await cli(["list", "--config", config]);
    assert.deepEqual([listed.code, listed.stdout], [0, ""]);
    assert.match(listed.stderr, /^Host "test" has no plugin: /);
    assert.equal((await cli(["list", "--json", "--config", config])).stdout, "[]\n");
    assert.deepEqual(errorOf(await cli(["run", "--config", config])), [1, "host.unknown_plugin"]);
  });
});

test("A18: with several hosts --host must choose one; with none there is nothing to choose", async () => {
  await withFolder(async (folder) => {
    const config = join(folder, "config.toml");
    await writeFile(config, "[hosts.one]\n[hosts.two]\n");
    const run = await cli(["list", "--config", config]);
    assert.deepEqual(errorOf(run), [2, "cli.usage"]);
    assert.match(run.stderr, /has 2 hosts: one, two\n {2}hint: Choose one: --host one/);
    assert.equal((await cli(["list", "--config", config, "--host", "two"])).code, 0);
    await writeFile(config, "");
    assert.deepEqual(errorOf(await cli(["list", "--config", config])), [1, "discover.unknown_host"]);
  });
});

for (
  const args of [
    [],
    ["frobnicate"],
    ["list", "--frob"],
    ["list", "extra"],
    ["list", "--config"],
    ["ping"],
    ["ping", "a", "--at", "http://127.0.0.1:1"],
    ["ping", "a", "--type", "rest"],
    ["ping", "--at", "127.0.0.1:80"],
    ["exec"],
    ["exec", "a"],
    ["exec", "a", "b", "c", "d"],
    ["exec", "a", "b", "c", "--hex", "00"],
    ["exec", "a", "b", "--hex", "0"],
    ["exec", "a", "b", "--as", "xml"],
    ["exec", "a", ""],
    ["exec", "a", "polyplug.shutdown"],
    ["exec", "--at", "http://127.0.0.1:1"],
    ["exec", "--at", "http://127.0.0.1:1", "polyplug.info"],
    ["exec", "a", "b", "--token-file", "x"],
    ["conform"],
    ["conform", "a", "--at", "http://127.0.0.1:1"],
    ["conform", "a", "--level", "most"],
    ["checksum"],
    ["register"],
    ["unregister"],
    ["unregister", "a", "b"],
  ]
) {
  test(`A18: "polyplug ${args.join(" ")}" is wrong usage`, async () => {
    assert.deepEqual(errorOf(await cli(args)), [2, "cli.usage"]);
  });
}

test("A18: exec with a payload file that is missing starts nothing and says so", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: workbench });
    const run = await cli(["exec", "a", "test.echo", "--file", "gone", "--config", config]);
    assert.deepEqual(errorOf(run), [1, "cli.not_readable"]);
  });
});

test("A18: --debug adds the stack, and --json gives the error as one line of JSON", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: workbench });
    const debug = await cli(["exec", "a", "test.nothing", "--config", config, "--debug"]);
    assert.match(debug.stderr, /^ {4}at /m);
    const json = await cli(["exec", "a", "test.nothing", "--config", config, "--json"]);
    assert.deepEqual([json.code, json.stdout], [1, ""]);
    const { error } = JSON.parse(json.stderr);
    assert.deepEqual([error.code, error.origin, error.plugin], ["exec.unknown_command", "plugin", "a"]);
  });
});

test("A18: a folder in the place of a configuration, and a folder for a file, are said in one line", async () => {
  await withFolder(async (folder) => {
    await mkdir(join(folder, "sub"));
    assert.deepEqual(errorOf(await cli(["list", "--config", folder])), [1, "config.not_found"]);
    assert.deepEqual(errorOf(await cli(["checksum", join(folder, "sub")])), [1, "verify.missing_file"]);
  });
});
