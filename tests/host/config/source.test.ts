/**
 * Row C8: where a plugin's config comes from, read anew at each start.
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { parseConfig } from "../../../host/config/parse.ts";
import { readPluginConfig } from "../../../host/config/source.ts";
import { discoverPlugins, type PluginSpec } from "../../../host/discover.ts";
import { openHost } from "../../../host/mod.ts";
import { configOf, text, typescriptPlugin, withFolder } from "../../support.ts";

const lively = typescriptPlugin("tests/fixtures/lively.ts");

/** The spec of a plugin whose table has these lines, in a configuration in that folder. */
function specWith(lines: string, folder = "/nowhere"): PluginSpec {
  const content = `[plugins.it]\nexec = "./it"\n${lines}\n[hosts.test]\nplugins = ["it"]\n`;
  const [spec] = discoverPlugins(parseConfig({ path: join(folder, "config.toml"), folder, content }), "test");
  assert.ok(spec !== undefined);
  return spec;
}

async function configWith(lines: string, folder?: string): Promise<string> {
  return text(await readPluginConfig(specWith(lines, folder)));
}

/** Sets an environment variable for as long as `use` runs. */
async function withVariable(value: string, use: (name: string) => Promise<void>): Promise<void> {
  const name = "TEST_PLUGIN_CONFIG";
  process.env[name] = value;
  try {
    await use(name);
  } finally {
    delete process.env[name];
  }
}

test("C8: without config there are no bytes", async () => {
  assert.equal(await configWith(""), "");
});

test("C8: a table becomes JSON, dates and all", async () => {
  assert.equal(await configWith("config = {}"), "{}");
  const lines = '[plugins.it.config]\nlang = "es"\nlist = [1, 2.5]\nday = 1979-05-27\n[plugins.it.config.deep]\n"__proto__" = true';
  assert.equal(await configWith(lines), '{"lang":"es","list":[1,2.5],"day":"1979-05-27","deep":{"__proto__":true}}');
});

test("C8: a text is its UTF-8, whatever it looks like otherwise", async () => {
  for (const value of ["", "hello", "Grüße 🙂", "https://example.org", "env:/X", "FILE://x", "a file://b"]) {
    assert.equal(await configWith(`config = ${JSON.stringify(value)}`), value);
  }
});

test("C8: file:// gives a file's bytes, its path absolute or from the configuration's folder", async () => {
  await withFolder(async (folder) => {
    const content = new Uint8Array([0, 255, 254, 10, 128]);
    await writeFile(join(folder, "b c.bin"), content);
    for (const path of ["b c.bin", "./b c.bin", join(folder, "b c.bin")]) {
      assert.deepEqual(await readPluginConfig(specWith(`config = ${JSON.stringify(`file://${path}`)}`, folder)), content);
    }
  });
});

test("C8: a file that cannot be read is config.invalid with its path", async () => {
  await withFolder(async (folder) => {
    for (const [path, why] of [["gone.json", "ENOENT"], [".", "EISDIR"]] as const) {
      await assert.rejects(readPluginConfig(specWith(`config = "file://${path}"`, folder)), {
        code: "config.invalid",
        plugin: "it",
        message: new RegExp(`^plugins\\.it\\.config refers to the file "${join(folder, path).replace(/\/$/, "")}": ${why}`),
      });
    }
  });
});

test("C8: env:// gives a variable's value, an empty one too", async () => {
  for (const value of ["secret ü", ""]) {
    await withVariable(value, async (name) => assert.equal(await configWith(`config = "env://${name}"`), value));
  }
});

test("C8: env://…?type=file gives the bytes of the file that the variable names", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "it.json"), '{"a":1}');
    for (const value of ["it.json", join(folder, "it.json")]) {
      await withVariable(value, async (name) => assert.equal(await configWith(`config = "env://${name}?type=file"`, folder), '{"a":1}'));
    }
    await withVariable("gone.json", async (name) => {
      await assert.rejects(configWith(`config = "env://${name}?type=file"`, folder), { code: "config.invalid", message: /gone\.json/ });
    });
  });
});

test("C8: a variable that is not set is config.invalid with its name, and what to do", async () => {
  for (const source of ["TEST_NOT_SET", "TEST_NOT_SET?type=file", "__proto__", "constructor", "toString?type=file", ""]) {
    const name = source.replace("?type=file", "");
    await assert.rejects(configWith(`config = "env://${source}"`), {
      code: "config.invalid",
      message: `plugins.it.config refers to the environment variable "${name}", which is not set`,
      hint: new RegExp(`Set ${name}`),
    });
  }
});

test("C8: an object of the application's own that JSON has no form for is config.invalid", async () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  for (const config of [loop, { count: 1n }]) {
    const spec = { ...specWith(""), config };
    await assert.rejects(readPluginConfig(spec), { code: "config.invalid", message: /^plugins\.it\.config cannot be written as JSON: / });
  }
});

test("C8: the source is read at each start: a variable and a file that have changed", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "it.json");
    await writeFile(path, "first");
    await withVariable("one", async (name) => {
      const plugins = { file: { ...lively, config: `file://${path}` }, variable: { ...lively, config: `env://${name}` } };
      const host = await openHost("test", { config: configOf(plugins, join(folder, "state")) });
      const seen = async () =>
        await Promise.all(["file", "variable"].map(async (plugin) => text(await host.get(plugin).exec("lively.config"))));
      assert.deepEqual(await seen(), ["first", "one"]);
      await writeFile(path, "second");
      process.env[name] = "two";
      assert.deepEqual(await seen(), ["first", "one"]);
      for (const { pid } of host.plugins) process.kill(pid ?? 0, "SIGKILL");
      await Promise.all(host.plugins.map(({ name: plugin }) => restarted(host.get(plugin).states())));
      assert.deepEqual(await seen(), ["second", "two"]);
      await host.close();
    });
  });
});

async function restarted(states: AsyncIterable<{ readonly kind: string; readonly launch?: number }>): Promise<void> {
  for await (const { kind, launch } of states) if (kind === "ready" && launch === 2) return;
}

test("C8: a plugin whose source is missing does not start, and the error names the variable", async () => {
  await withFolder(async (folder) => {
    const host = await openHost("test", { config: configOf({ it: { ...lively, config: "env://TEST_NOT_SET" } }, join(folder, "state")) });
    await assert.rejects(host.start("it"), { code: "config.invalid", message: /"TEST_NOT_SET", which is not set/ });
    await host.close();
  });
});

test("C8: a pipe that nobody writes to is given up at the start limit", async () => {
  await withFolder(async (folder) => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const plugin = { ...lively, config: `file://${pipe}`, start_timeout: 2 };
    const host = await openHost("test", { config: configOf({ it: plugin }, join(folder, "state")) });
    await assert.rejects(host.start("it"), { code: "ready.timeout" });
    await host.close();
    // Else the read that was given up would wait for ever, and the runtime for it.
    await writeFile(pipe, "");
  });
});
