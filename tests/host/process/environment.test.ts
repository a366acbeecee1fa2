/**
 * Row A5, environment: what of the host's own reaches a plugin, what the configuration adds, and what the contract says.
 * @module
 */
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openHost } from "../../../host/mod.ts";
import { languageSkip } from "../../languages.ts";
import { assertNoneLeft, configOf, pythonPlugin, text, typescriptPlugin, withFolder, withHost } from "../../support.ts";

const skip = languageSkip("python");
const plain = pythonPlugin("tests/fixtures/process/plain.py");
const environment = typescriptPlugin("tests/fixtures/process/environment.ts");
const SECRET = `secret-${crypto.randomUUID()}`;

type Environment = Record<string, string>;

/** The environment with which a process was started. */
async function environmentOf(pid: number | undefined): Promise<Environment> {
  const entries = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0").filter((entry) => entry !== "");
  return Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]));
}

/** Sets variables of this process for as long as `use` runs. */
async function withVariables(variables: Environment, use: () => Promise<void>): Promise<void> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    await use();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

test("A5: a secret in the host's environment is not in the plugin's, the allow-list is", async () => {
  const secrets = { AWS_SECRET_ACCESS_KEY: SECRET, DATABASE_URL: SECRET, POLYPLUG_SECRET: SECRET, HOME_SECRET: SECRET, LCSECRET: SECRET };
  const passed = {
    HOME: "/tmp",
    LANG: "C.UTF-8",
    LC_TIME: "de_DE.UTF-8",
    LC_PAPER: "de_DE.UTF-8",
    TZ: "Asia/Tokyo",
    TERM: "dumb",
    USER: "ann",
  };
  await withVariables({ ...secrets, ...passed }, async () => {
    await withHost({ environment }, async (host) => {
      await host.start("environment");
      const env = await environmentOf(host.plugins[0]?.pid);
      assert.ok(!JSON.stringify(env).includes(SECRET), JSON.stringify(Object.keys(env)));
      for (const [name, value] of Object.entries(passed)) assert.equal(env[name], value, name);
      assert.equal(env["PATH"], process.env["PATH"]);
      const allowed =
        /^(HOME|LOGNAME|PATH|SHELL|TERM|USER|LANG|LC_.*|TZ|TMPDIR|TEST_MARKER|POLYPLUG_(PROTOCOL|HOST|PLUGIN|COMM_TYPE|TOKEN|DATA_DIR|MAX_PAYLOAD))$/;
      assert.deepEqual(Object.keys(env).filter((name) => !allowed.test(name)), []);
    });
  });
});

test("A5: env, env_inherit and env://NAME add to the plugin's environment", { skip }, async () => {
  const plugin = {
    ...plain,
    env: { PLAIN: "a=b c", EMPTY: "", FROM_HOST: "env://TEST_SOURCE", TZ: "UTC", POLYPLUG_HOST: "forged", POLYPLUG_TOKEN: "forged" },
    env_inherit: ["TEST_INHERITED", "TEST_ABSENT"],
  };
  await withVariables({ TEST_SOURCE: "taken from the host", TEST_INHERITED: "inherited", TZ: "Asia/Tokyo" }, async () => {
    await withHost({ plugin }, async (host) => {
      await host.start("plugin");
      const env = await environmentOf(host.plugins[0]?.pid);
      assert.equal(env["PLAIN"], "a=b c");
      assert.equal(env["EMPTY"], "");
      assert.equal(env["FROM_HOST"], "taken from the host");
      assert.equal(env["TEST_INHERITED"], "inherited");
      assert.equal(env["TZ"], "UTC", "env wins over what is inherited");
      assert.ok(!("TEST_ABSENT" in env) && !("TEST_SOURCE" in env));
      assert.equal(env["POLYPLUG_HOST"], "test", "the contract's variables cannot be overridden");
      assert.match(env["POLYPLUG_TOKEN"] ?? "", /^[0-9a-f]{64}$/);
    });
  });
});

test("A5: env://NAME of a variable that is not set is config.invalid naming key and variable, and starts nothing", { skip }, async () => {
  await withHost({ plain: { ...plain, env: { KEY: "env://TEST_NOT_SET" } } }, async (host, marker) => {
    const message = /plugins\.plain\.env\.KEY.*"TEST_NOT_SET"/;
    await assert.rejects(host.start("plain"), { code: "config.invalid", message, plugin: "plain" });
    await assertNoneLeft(marker);
    assert.equal(host.get("plain").state.kind, "idle");
  });
});

test("A5: the POLYPLUG_ variables say what the contract says, the token new in each launch", { skip }, async () => {
  await withHost({ plain: { ...plain, max_payload: 4321 } }, async (host) => {
    await host.start("plain");
    const { POLYPLUG_TOKEN: first, POLYPLUG_DATA_DIR: folder, ...env } = await environmentOf(host.plugins[0]?.pid);
    const ours = Object.entries(env).filter(([name]) => name.startsWith("POLYPLUG_"));
    assert.deepEqual(Object.fromEntries(ours), {
      POLYPLUG_PROTOCOL: "1",
      POLYPLUG_HOST: "test",
      POLYPLUG_PLUGIN: "plain",
      POLYPLUG_COMM_TYPE: "rest",
      POLYPLUG_MAX_PAYLOAD: "4321",
    });
    await host.stop("plain");
    await host.start("plain");
    const again = await environmentOf(host.plugins[0]?.pid);
    assert.match(again["POLYPLUG_TOKEN"] ?? "", /^[0-9a-f]{64}$/);
    assert.notEqual(again["POLYPLUG_TOKEN"], first);
    assert.equal(again["POLYPLUG_DATA_DIR"], folder, "the data folder is kept between launches");
  });
});

test("A5: serve() removes the contract's variables from its environment and its children's, all but POLYPLUG_DATA_DIR", async () => {
  await withHost({ environment }, async (host) => {
    const ask = async (command: string): Promise<string[]> => {
      const env: Environment = JSON.parse(text(await host.get("environment").exec(command)));
      assert.equal(typeof env["TEST_MARKER"], "string");
      return Object.keys(env).filter((name) => name.startsWith("POLYPLUG_")).sort();
    };
    assert.equal((await ask("test.before")).length, 7);
    assert.deepEqual(await ask("test.after"), ["POLYPLUG_DATA_DIR"]);
    assert.deepEqual(await ask("test.child"), ["POLYPLUG_DATA_DIR"]);
  });
});

test("A5: POLYPLUG_DATA_DIR is a folder with mode 0700 whose content stays, even where it was open before", { skip }, async () => {
  await withFolder(async (folder) => {
    const config = configOf({ fresh: plain, old: plain }, folder);
    const old = join(folder, "data", "test", "old");
    await mkdir(old, { recursive: true });
    await chmod(old, 0o755);
    await writeFile(join(old, "kept"), "content");
    await using host = await openHost("test", { config });
    await host.startAll();
    for (const { name, pid } of host.plugins) {
      const dataDir = (await environmentOf(pid))["POLYPLUG_DATA_DIR"] ?? "";
      assert.equal(dataDir, join(folder, "data", "test", name));
      assert.equal((await stat(dataDir)).mode & 0o777, 0o700, name);
    }
    assert.equal(await readFile(join(old, "kept"), "utf8"), "content");
  });
});

test("A5: stdin of a plugin is an open pipe, and cwd is the configuration's folder unless it says otherwise", { skip }, async () => {
  await withFolder(async (folder) => {
    await withHost({ plain, moved: { ...plain, cwd: folder } }, async (host) => {
      await host.startAll();
      const [first, second] = host.plugins;
      for (const plugin of [first, second]) {
        assert.ok((await stat(`/proc/${plugin?.pid}/fd/0`)).isFIFO() || (await stat(`/proc/${plugin?.pid}/fd/0`)).isSocket());
      }
      assert.equal((await stat(`/proc/${first?.pid}/cwd`)).ino, (await stat(process.cwd())).ino);
      assert.equal((await stat(`/proc/${second?.pid}/cwd`)).ino, (await stat(folder)).ino);
    });
  });
});
