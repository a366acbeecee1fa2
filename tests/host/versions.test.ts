/**
 * Row B11: the version of the application's own API, and that of the contract between host and plugin.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text as readAll } from "node:stream/consumers";
import process from "node:process";
import { test } from "node:test";
import { openExecutor, openHost, type OpenHostOptions } from "../../host/mod.ts";
import { languageSkip } from "../languages.ts";
import { assertNoneLeft, configOf, pythonPlugin, typescriptPlugin, withFolder, withHost } from "../support.ts";
import { startError } from "./process/observe.ts";

const workbench = typescriptPlugin("tests/fixtures/workbench.ts");
const skip = languageSkip("python");

/** Opens a host of plugins with these ranges, and tells which may run. */
async function sort(ranges: Record<string, string | undefined>, options: Omit<OpenHostOptions, "config">) {
  const plugins = Object.entries(ranges).map(([name, api]) => [name, api === undefined ? workbench : { ...workbench, api }]);
  return await withHost(Object.fromEntries(plugins), (host) => {
    const accepted = host.plugins.map(({ name }) => name);
    return Promise.resolve({ accepted, rejected: host.rejected });
  }, options);
}

test("B11: a plugin whose api range lacks the application's version is rejected with both named, the others work", async () => {
  await withHost({ old: { ...workbench, api: "^1.4.0" }, right: { ...workbench, api: ">=2.1 <3" }, any: workbench }, async (host) => {
    assert.deepEqual([...host.rejected.keys()], ["old"]);
    const { code, message, plugin, hint } = host.rejected.get("old") ?? {};
    assert.deepEqual([code, plugin], ["discover.incompatible_api", "old"]);
    assert.equal(message, 'Plugin "old" works with version ^1.4.0 of the application\'s API, host "test" has 2.3.0');
    assert.match(hint ?? "", /Install a version of the plugin that works with 2\.3\.0/);
    assert.throws(() => host.get("old"), { code: "discover.incompatible_api" });
    await assert.rejects(host.start("old"), { code: "discover.incompatible_api" });
    await host.startAll();
    assert.deepEqual(host.plugins.map(({ name, state }) => [name, state.kind]), [["right", "ready"], ["any", "ready"]]);
  }, { api: "2.3.0" });
});

test("B11: ranges are npm's", async () => {
  const right = { a: "2.3.0", b: "2", c: "2.x", d: "^2.0.0", e: "~2.3", f: "*", g: "1 - 3", h: "^1 || ^2", i: ">2.2.9 <=2.3" };
  const wrong = { j: "2.3.1", k: "3", l: "~2.2", m: "^0.2.3", n: "^1 || ^3", o: "<2.3.0", p: "^2.3.0-rc.1 <2.3" };
  const { accepted, rejected } = await sort({ ...right, ...wrong }, { api: "2.3.0" });
  assert.deepEqual(accepted, Object.keys(right));
  assert.deepEqual([...rejected.keys()], Object.keys(wrong));
});

test("B11: a pre-release of the application fits only a range that names one of the same version", async () => {
  const { accepted } = await sort({ a: "^3", b: ">=3.0.0-rc.1", c: "^3.0.0-0", d: ">=3.1.0-rc.1" }, { api: "3.0.0-rc.2" });
  assert.deepEqual(accepted, ["b", "c"]);
});

test("B11: without a version of the application nothing is checked", async () => {
  const { accepted, rejected } = await sort({ a: "^1", b: "^99", c: undefined }, {});
  assert.deepEqual([accepted, rejected.size], [["a", "b", "c"], 0]);
});

test("B11: the key api is known and has an effect; a range that is none is a finding with its path", async () => {
  await withFolder(async (folder) => {
    const messages: string[] = [];
    const config = configOf({ a: { ...workbench, api: "^2" } }, folder);
    const host = await openHost("test", { config, onLog: ({ message }) => messages.push(message) });
    await host.close();
    assert.deepEqual(messages.filter((message) => message.includes("api")), []);
    const wrong = configOf({ a: { ...workbench, api: "two" }, b: { ...workbench, api: "^2 && ^3" }, c: { ...workbench, api: "" } }, folder);
    await assert.rejects(openHost("test", { config: wrong }), {
      code: "config.invalid",
      message: [
        "The configuration has 3 errors:",
        '  plugins.a.api must be a semver range such as "^2.1.0", not "two"',
        '  plugins.b.api must be a semver range such as "^2.1.0", not "^2 && ^3"',
        '  plugins.c.api must not be empty, not ""',
      ].join("\n"),
    });
  });
});

test("B11: openHost() and openExecutor() refuse a version that is none, before they look for a configuration", async () => {
  for (const api of ["", "2", "2.3", "^2.3.0", "latest", "2.3.0.1", 2 as unknown as string]) {
    const error = { name: "TypeError", message: `api must be a semver version such as "2.3.0", not ${JSON.stringify(api)}` };
    await assert.rejects(openHost("test", { api, config: "/nowhere" }), error);
    await assert.rejects(openExecutor({ hosts: ["test"], api, config: "/nowhere" }), error);
  }
});

test("B11: openExecutor() checks the ranges for each of its hosts", async () => {
  await withFolder(async (folder) => {
    const { plugins, settings } = configOf({ a: { ...workbench, api: "^1" }, b: { ...workbench, api: "^2" } }, folder);
    const config = { plugins, settings, hosts: { one: { plugins: ["a"] }, two: { plugins: ["b"] } } };
    const executor = await openExecutor({ config, hosts: ["one", "two"], api: "2.0.0" });
    try {
      assert.equal(executor.fromHost("one").rejected.get("a")?.code, "discover.incompatible_api");
      assert.equal(executor.fromHost("two").rejected.size, 0);
    } finally {
      await executor.close();
    }
  });
});

for (const how of ["exits", "stays", "header"]) {
  test(`B11: a plugin that speaks version 7 of the contract alone (${how}) is ready.protocol naming both`, { skip }, async () => {
    await withHost({ plugin: pythonPlugin("tests/fixtures/speaks_seven.py", [how]) }, async (host, marker) => {
      const error = await startError(host, "plugin");
      assert.equal(error.code, "ready.protocol", error.message);
      assert.equal(error.message, 'Plugin "plugin" speaks version 7 of the contract, this host version 1');
      assert.match(error.hint ?? "", /Install a version of the plugin, or of the host, that shares one/);
      await assertNoneLeft(marker);
    });
  });
}

/** Runs a plugin of ours as a host that speaks these versions does, and gives its first line of stdout and its exit code. */
async function runUnder(versions: string) {
  const { exec, exec_args } = workbench as { exec: string; exec_args: readonly string[] };
  const env = { ...process.env, POLYPLUG_PROTOCOL: versions };
  const child = spawn(exec, [...exec_args, "--port", "0"], { env, stdio: ["pipe", "pipe", "inherit"], timeout: 30_000 });
  const exited = once(child, "exit");
  const output = readAll(child.stdout);
  child.stdout.once("data", () => child.stdin.end());
  const [code] = await exited;
  return { line: JSON.parse((await output).split("\n")[0] ?? ""), code };
}

test("B11: our plugin says its own version and exits when its host speaks others alone", async () => {
  assert.deepEqual(await runUnder("7"), { line: { polyplug: 1 }, code: 1 });
  assert.deepEqual(await runUnder("2,7,11"), { line: { polyplug: 1 }, code: 1 });
});

test("B11: our plugin serves a host that speaks its version among others", async () => {
  for (const versions of ["1", "1,7", "7, 1"]) {
    const { line, code } = await runUnder(versions);
    assert.deepEqual([line.polyplug, line.comm_type, code], [1, "rest", 0], versions);
  }
});
