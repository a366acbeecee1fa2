/**
 * Row B7, the commands: a plugin's folder becomes a plugin of the configuration, what it asks for is shown and not granted, and all of it can be undone.
 * @module
 */
import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "smol-toml";
import { sumsOf } from "../host/plugin_files.ts";
import { pathOf, RUNTIME, withFolder } from "../support.ts";
import { cli, type CliRun } from "./cli.ts";

const CONFIG = `# my plugins
[hosts.main]   # the one
plugins = [
  # none yet
]

[hosts.other]
plugins = []
`;

const MANIFEST = `[plugin]
name = "plain"
author = "Ann"
exec = "${RUNTIME}"
exec_args = [${RUNTIME === "deno" ? '"run", "-A", ' : ""}"plugin.ts"]
exec_file = "plugin.ts"
`;

interface Place {
  readonly folder: string;
  readonly config: string;
  readonly plugin: string;
  run(...args: readonly string[]): Promise<CliRun>;
  configText(): Promise<string>;
}

/** A configuration, and beside it a folder with a plugin. */
async function withPlace(manifest: string, use: (place: Place) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const [config, plugin] = [join(folder, "config.toml"), join(folder, "plugins", "plain")];
    await mkdir(plugin, { recursive: true });
    await writeFile(config, CONFIG);
    await writeFile(join(plugin, "goplugin.toml"), manifest);
    await copyFile(pathOf("tests/fixtures/plain.ts"), join(plugin, "plugin.ts"));
    const run = (...args: readonly string[]) => cli([...args, "--config", config]);
    await use({ folder, config, plugin, run, configText: () => readFile(config, "utf8") });
  });
}

function pluginsOf(text: string): Record<string, Record<string, unknown>> {
  return structuredClone(parse(text)["plugins"] ?? {}) as Record<string, Record<string, unknown>>;
}

test("B7: register adds a plugin that runs then, with the sum of its file and its folder as cwd; unregister restores every byte", async () => {
  await withPlace(`${MANIFEST}hosts = ["main", "absent"]\n`, async ({ folder, config, plugin, run, configText }) => {
    const registered = await run("register", plugin, "--grant");
    const { sha256 } = sumsOf(await readFile(join(plugin, "plugin.ts")));
    assert.equal(registered.code, 0);
    assert.equal(registered.stdout, `Registered "plain" in ${config}\nsha256 = "${sha256}"\nGranted:\n  hosts = [ "main" ]\n`);
    assert.equal(registered.stderr, "It asks for hosts that the configuration does not have: absent\n");
    const text = await configText();
    assert.deepEqual(pluginsOf(text)["plain"], {
      author: "Ann",
      exec: RUNTIME,
      exec_args: [...(RUNTIME === "deno" ? ["run", "-A"] : []), "plugin.ts"],
      exec_file: "plugins/plain/plugin.ts",
      cwd: "plugins/plain",
      sha256,
    });
    assert.ok(text.startsWith(CONFIG.replace("  # none yet\n", '  # none yet\n  "plain",\n')));
    assert.deepEqual(await run("exec", "plain", "any", "hi", "--host", "main"), { code: 0, stdout: "hi", stderr: "" });
    assert.match((await run("check")).stdout, /: 1 plugin, 0 errors, 0 warnings\n$/);
    assert.deepEqual(await run("unregister", "plain"), { code: 0, stdout: `Unregistered "plain" from ${config}\n`, stderr: "" });
    assert.equal(await configText(), CONFIG);
    assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith("config")), ["config.toml"]);
  });
});

const ASKS = `hosts = ["main"]
env_inherit = ["AWS_SECRET"]
config = "env://DB_PASSWORD"
[plugin.env]
MODE = "fast"
KEY = "env://API_KEY"
[plugin.grants]
services = ["kv.*"]
`;

test("B7: what a plugin asks for is printed and not granted", async () => {
  await withPlace(MANIFEST + ASKS, async ({ plugin, run, configText }) => {
    const { code, stdout, stderr } = await run("register", plugin);
    assert.equal(code, 0);
    const asked = stdout.slice(stdout.indexOf("It asks for what was not granted; --grant writes it:\n"));
    for (const request of ["hosts", "env_inherit", "AWS_SECRET", "env://DB_PASSWORD", 'KEY = "env://API_KEY"', "services", "kv.*"]) {
      assert.ok(asked.includes(request), `${request} is missing in ${asked}`);
    }
    assert.match(stderr, /No host uses it yet/);
    const text = await configText();
    const { env, grants, env_inherit, config } = pluginsOf(text)["plain"] ?? {};
    assert.deepEqual([env, grants, env_inherit, config], [{ MODE: "fast" }, undefined, undefined, undefined]);
    assert.ok(text.startsWith(CONFIG));
  });
});

test("B7: --grant writes what it asks for, and --json tells both", async () => {
  await withPlace(MANIFEST + ASKS, async ({ plugin, run, configText }) => {
    const { granted, requests, hosts } = JSON.parse((await run("register", plugin, "--grant", "--json")).stdout);
    assert.deepEqual([requests, hosts, granted.env_inherit], [{}, ["main"], ["AWS_SECRET"]]);
    const { env, grants, env_inherit, config } = pluginsOf(await configText())["plain"] ?? {};
    assert.deepEqual([env, grants, env_inherit, config], [
      { MODE: "fast", KEY: "env://API_KEY" },
      { services: ["kv.*"] },
      ["AWS_SECRET"],
      "env://DB_PASSWORD",
    ]);
  });
});

test("B7: a sum that the author states must be right, files included", async () => {
  const plain = await readFile(pathOf("tests/fixtures/plain.ts"));
  const { md5, sha256 } = sumsOf(plain);
  await withPlace(`${MANIFEST}md5 = "${md5.toUpperCase()}"\nsha256 = "${sha256}"\n`, async ({ plugin, run, configText }) => {
    assert.equal((await run("register", plugin)).code, 0);
    assert.deepEqual([pluginsOf(await configText())["plain"]?.["md5"]], [md5.toUpperCase()]);
  });
  for (const wrong of [`md5 = "${"0".repeat(32)}"`, `sha256 = "${"0".repeat(64)}"`]) {
    await withPlace(`${MANIFEST}${wrong}\n`, async ({ plugin, run, configText }) => {
      const { code, stdout, stderr } = await run("register", plugin);
      assert.deepEqual([code, stdout, await configText()], [1, "", CONFIG]);
      assert.match(stderr, /^error\[verify\.checksum_mismatch\]/);
    });
  }
  const list = sumsOf(`${sumsOf("data").sha256}  data.txt\n${sha256}  plugin.ts\n`).sha256;
  await withPlace(`${MANIFEST}files = ["*.txt"]\nsha256 = "${list}"\n`, async ({ plugin, run, configText }) => {
    await writeFile(join(plugin, "data.txt"), "data");
    assert.equal((await run("register", plugin, "--grant")).code, 0);
    assert.deepEqual(pluginsOf(await configText())["plain"]?.["files"], ["plugins/plain/*.txt"]);
    assert.match((await run("check")).stdout, /: 1 plugin, 0 errors, 0 warnings\n$/);
  });
});

/** Folders that cannot be registered: what is in goplugin.toml, and the error. */
const FAULTS: readonly (readonly [fault: string, manifest: string, code: string, message: RegExp])[] = [
  ["broken TOML", '[plugin]\nname = "x\n', "config.invalid", /goplugin\.toml" is not valid TOML at line 2/],
  ["no table", 'name = "x"\n', "config.invalid", /plugin must be a table/],
  ["no name", MANIFEST.replace(/name.*\n/, ""), "config.invalid", /plugin\.name is missing/],
  ["a wrong name", MANIFEST.replace('"plain"', '"../x"'), "config.invalid", /must be named with/],
  ["a wrong type", `${MANIFEST}comm_port = "x"\n`, "config.invalid", /plain\.comm_port must be an integer/],
  ["wrong hosts", `${MANIFEST}hosts = "main"\n`, "config.invalid", /hosts must be a list/],
  ["a missing file", MANIFEST.replace('file = "plugin.ts"', 'file = "none.ts"'), "verify.missing_file", /none\.ts/],
];

for (const [fault, manifest, code, message] of FAULTS) {
  test(`B7: register refuses a goplugin.toml with ${fault}, and writes nothing`, async () => {
    await withPlace(manifest, async ({ plugin, run, configText }) => {
      const result = await run("register", plugin, "--grant");
      assert.deepEqual([result.code, result.stdout, await configText()], [1, "", CONFIG]);
      assert.ok(result.stderr.includes(`error[${code}]: `), result.stderr);
      assert.match(result.stderr, message);
    });
  });
}

test("B7: register refuses a folder without goplugin.toml, and a name that is taken in other letters", async () => {
  await withPlace(MANIFEST, async ({ folder, plugin, run, configText }) => {
    const missing = await run("register", join(folder, "nowhere"));
    assert.deepEqual([missing.code, missing.stdout], [1, ""]);
    assert.match(missing.stderr, /^error\[config\.not_found\]: .*goplugin\.toml.*\n {2}hint: register takes the plugin's folder/);
    assert.equal((await run("register", plugin)).code, 0);
    const before = await configText();
    await writeFile(join(plugin, "goplugin.toml"), MANIFEST.replace('"plain"', '"Plain"'));
    const twice = await run("register", plugin);
    assert.deepEqual([twice.code, await configText()], [1, before]);
    assert.match(twice.stderr, /has a plugin "plain" already\n {2}hint: .*unregister plain/);
  });
});

test("B7: a mistyped key in goplugin.toml is told", async () => {
  await withPlace(`${MANIFEST}timeot = 3\n`, async ({ plugin, run }) => {
    assert.match(
      (await run("register", plugin)).stderr,
      /^warning\[config\.invalid\]: plugins\.plain\.timeot is not a known key.*"timeout"/,
    );
  });
});

test("B7: registers at the same time lose nothing", async () => {
  await withPlace(MANIFEST, async ({ folder, run, configText }) => {
    const names = ["p1", "p2", "p3", "p4"];
    for (const name of names) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "goplugin.toml"), `${MANIFEST.replace('"plain"', `"${name}"`)}hosts = ["main"]\n`);
      await writeFile(join(folder, name, "plugin.ts"), name);
    }
    const runs = await Promise.all(names.map((name) => run("register", join(folder, name), "--grant")));
    assert.deepEqual(runs.map(({ code }) => code), [0, 0, 0, 0]);
    assert.deepEqual(Object.keys(pluginsOf(await configText())).sort(), names);
    assert.deepEqual((await readdir(folder)).sort(), ["config.toml", ...names, "plugins"]);
    await Promise.all(names.map((name) => run("unregister", name)));
    assert.equal(await configText(), CONFIG);
  });
});

test("B7: what an author writes cannot reach the terminal", async () => {
  await withPlace(`${MANIFEST}env_inherit = ["\\u001b[2J\\u009b31m\\u202e"]\n`, async ({ plugin, run }) => {
    const { stdout, stderr } = await run("register", plugin);
    // deno-lint-ignore no-control-regex -- finding control characters is the purpose
    assert.doesNotMatch(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.match(stdout, /env_inherit = \[ "/);
  });
});
