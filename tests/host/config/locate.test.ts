/**
 * Row A1: where the configuration is looked for, and that a place which is named but missing is the end of the search.
 * @module
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, mkdir, readdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { locateConfig } from "../../../host/config/locate.ts";
import { openHost } from "../../../host/mod.ts";
import { pathOf, RUNTIME, withFolder } from "../../support.ts";

/** A configuration that tells which file it is, by the name of its only host. */
async function writeMarked(path: string, host: string): Promise<string> {
  await writeFile(path, `[hosts.${host}]\nplugins = []\n`);
  return path;
}

/** Sets `GOPLUGIN_DIR` for as long as `use` runs. */
async function withGopluginDir<T>(value: string | undefined, use: () => Promise<T>): Promise<T> {
  const before = process.env["GOPLUGIN_DIR"];
  const set = (to: string | undefined) => {
    if (to === undefined) delete process.env["GOPLUGIN_DIR"];
    else process.env["GOPLUGIN_DIR"] = to;
  };
  set(value);
  try {
    return await use();
  } finally {
    set(before);
  }
}

/** Locates in a process of its own, with another home folder. */
async function locateAtHome(home: string, gopluginDir?: string): Promise<Record<string, string>> {
  const env: Record<string, string | undefined> = { ...process.env, HOME: home, GOPLUGIN_DIR: gopluginDir };
  if (gopluginDir === undefined) delete env["GOPLUGIN_DIR"];
  // A cache of its own, since Deno would make one in the new home.
  if (RUNTIME === "deno") env["DENO_DIR"] = join(home, "..", "deno");
  const args = [...(RUNTIME === "deno" ? ["run", "-A", "--no-config"] : []), pathOf("tests/fixtures/locate.ts")];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout);
}

/** A folder with a home in it, whose default configuration has the host `home`. */
async function withHome(use: (home: string, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const home = join(folder, "home");
    await mkdir(join(home, ".goplugin"), { recursive: true });
    await writeMarked(join(home, ".goplugin", "config.toml"), "home");
    await use(home, folder);
  });
}

test("A1: openHost() takes config, as path and as URL, before GOPLUGIN_DIR", async () => {
  await withFolder(async (folder) => {
    const named = await writeMarked(join(folder, "named config.toml"), "named");
    const environment = await writeMarked(join(folder, "environment.toml"), "environment");
    await withGopluginDir(environment, async () => {
      for (const config of [named, relative(process.cwd(), named), pathToFileURL(named)]) {
        const host = await openHost("named", { config });
        assert.equal(host.name, "named");
        await host.close();
      }
    });
  });
});

test("A1: openHost() takes GOPLUGIN_DIR as a file", async () => {
  await withFolder(async (folder) => {
    const file = await writeMarked(join(folder, "plugins.toml"), "environment");
    await withGopluginDir(file, async () => {
      await (await openHost("environment")).close();
      assert.deepEqual(await locateConfig(undefined), { path: file, folder, content: "[hosts.environment]\nplugins = []\n" });
    });
  });
});

test("A1: openHost() takes GOPLUGIN_DIR as a folder that holds config.toml", async () => {
  await withFolder(async (folder) => {
    await writeMarked(join(folder, "config.toml"), "environment");
    for (const value of [folder, `${folder}/`, relative(process.cwd(), folder)]) {
      await withGopluginDir(value, async () => {
        await (await openHost("environment")).close();
        assert.equal((await locateConfig(undefined)).path, join(folder, "config.toml"));
      });
    }
  });
});

test("A1: locateConfig() takes ~/.goplugin/config.toml when GOPLUGIN_DIR is not set, or empty", async () => {
  await withHome(async (home) => {
    const expected = { path: join(home, ".goplugin", "config.toml"), content: "[hosts.home]\nplugins = []\n" };
    for (const gopluginDir of [undefined, ""]) {
      assert.deepEqual(await locateAtHome(home, gopluginDir), { ...expected, folder: join(home, ".goplugin") });
    }
  });
});

test("A1: locateConfig() takes GOPLUGIN_DIR before the home folder", async () => {
  await withHome(async (home, folder) => {
    const file = await writeMarked(join(folder, "environment.toml"), "environment");
    assert.equal((await locateAtHome(home, file))["path"], file);
  });
});

test("A1: a missing config is config.not_found with path and rule, though GOPLUGIN_DIR names one", async () => {
  await withFolder(async (folder) => {
    const environment = await writeMarked(join(folder, "environment.toml"), "environment");
    const missing = join(folder, "missing.toml");
    await withGopluginDir(environment, async () => {
      for (const config of [missing, pathToFileURL(missing), folder]) {
        const error = await openHost("environment", { config }).then(() => assert.fail("It opened"), (thrown) => thrown);
        assert.equal(error.code, "config.not_found");
        assert.ok(error.message.includes(config === folder ? `"${folder}"` : `"${missing}"`), error.message);
        assert.match(error.hint, /application/);
      }
    });
  });
});

test("A1: a missing GOPLUGIN_DIR is config.not_found with path and rule, though the home folder has one", async () => {
  await withHome(async (home, folder) => {
    await mkdir(join(folder, "empty"));
    const cases = [["missing.toml", "missing.toml"], ["missing", "missing"], ["empty", "empty/config.toml"]] as const;
    for (const [value, path] of cases) {
      const { code, message, hint } = await locateAtHome(home, join(folder, value));
      assert.equal(code, "config.not_found");
      assert.ok(message?.includes(`"${join(folder, path)}"`), message);
      assert.match(hint ?? "", /GOPLUGIN_DIR/);
    }
  });
});

test("A1: a missing default is config.not_found with path and rule, and no file is written", async () => {
  await withFolder(async (folder) => {
    const home = join(folder, "home");
    await mkdir(home);
    const { code, message, hint } = await locateAtHome(home);
    assert.equal(code, "config.not_found");
    assert.ok(message?.includes(`"${join(home, ".goplugin", "config.toml")}"`), message);
    assert.match(hint ?? "", /default, since GOPLUGIN_DIR is not set/);
    await assert.rejects(access(join(home, ".goplugin")));
    assert.ok(!(await readdir(home)).includes("config.toml"));
  });
});

test("A1: an object as config takes relative paths from the working folder, whatever GOPLUGIN_DIR says", async () => {
  await withGopluginDir("/nowhere", async () => {
    const content = { hosts: { object: { plugins: [] } } };
    assert.deepEqual(await locateConfig(content), { path: undefined, folder: process.cwd(), content });
    await (await openHost("object", { config: content })).close();
  });
});
