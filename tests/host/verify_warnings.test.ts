/**
 * Row A4: what an operator is told of, though the plugin runs.
 * @module
 */
import assert from "node:assert/strict";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { verifyPlugin } from "../../host/verify.ts";
import { withFolder } from "../support.ts";
import { ABC, copyPlain, echoes, openFiles, specOf, type Table, writeConfig, writeProgram } from "./plugin_files.ts";

/** The codes of the warnings of a plugin, sorted. */
async function warningsOf(folder: string, plugin: Table): Promise<readonly string[]> {
  return (await verifyPlugin(specOf(folder, plugin))).warnings.map(({ code }) => code).sort();
}

test("A4: verifyPlugin() warns of an md5 alone", async () => {
  await withFolder(async (folder) => {
    const plugin = await writeProgram(folder, "abc");
    assert.deepEqual(await warningsOf(folder, { ...plugin, md5: ABC.md5 }), ["verify.missing_checksum"]);
    assert.deepEqual(await warningsOf(folder, { ...plugin, sha256: ABC.sha256 }), []);
    assert.deepEqual(await warningsOf(folder, { ...plugin, ...ABC }), []);
  });
});

test("A4: verifyPlugin() warns when exec_file is neither exec nor an argument", async () => {
  await withFolder(async (folder) => {
    await mkdir(join(folder, "bin"));
    await mkdir(join(folder, "other"));
    for (const name of ["bin/run", "bin/main.py", "other/main.py"]) await writeFile(join(folder, name), "abc", { mode: 0o755 });
    const main = join(folder, "bin/main.py");
    const right: readonly Table[] = [
      { exec: "bin/run" },
      { exec: "./bin/../bin/run" },
      { exec: "bin/run", exec_file: "./bin/run" },
      { exec: "bin/run", exec_args: ["-u", "bin/main.py"], exec_file: "bin/main.py" },
      { exec: "bin/run", exec_args: [main], exec_file: "bin/main.py" },
      { exec: "bin/run", exec_args: ["main.py"], exec_file: "bin/main.py", cwd: "bin" },
    ];
    for (const plugin of right) assert.deepEqual(await warningsOf(folder, { ...plugin, ...ABC }), [], JSON.stringify(plugin));
    const wrong: readonly Table[] = [
      { exec: "bin/run", exec_file: "bin/main.py" },
      { exec: "bin/run", exec_args: ["--version"], exec_file: "bin/main.py" },
      { exec: "bin/run", exec_args: ["other/main.py"], exec_file: "bin/main.py" },
      { exec: "bin/run", exec_args: ["bin/main.py"], exec_file: "bin/main.py", cwd: "other" },
    ];
    for (const plugin of wrong) {
      assert.deepEqual(await warningsOf(folder, { ...plugin, ...ABC }), ["verify.missing_file"], JSON.stringify(plugin));
    }
  });
});

test("A4: a world-writable file, config or folder above them warns through onLog, and the plugin runs", async () => {
  await withFolder(async (folder) => {
    const plain = await copyPlain(folder, "plain");
    // A sticky bit means something on a folder alone.
    const cases = [
      ["plain/plugin.ts", 0o666, 0o644],
      ["plain/plugin.ts", 0o1666, 0o644],
      ["plain", 0o777, 0o755],
      ["config.toml", 0o646, 0o644],
      [".", 0o707, 0o700],
    ] as const;
    await writeConfig(folder, { plain });
    for (const [path, mode, safeMode] of cases) {
      const place = join(folder, path);
      await chmod(place, mode);
      const { host, records } = await openFiles(folder, { plain });
      try {
        const told = records.filter(({ values }) => values["code"] === "verify.unsafe_permissions");
        assert.deepEqual(told.map(({ level, plugin }) => [level, plugin]), [["warn", "plain"]], `${path} ${mode.toString(8)}`);
        assert.ok(told[0]?.message.includes(`"${place}"`), told[0]?.message);
        assert.equal(host.rejected.size, 0);
        assert.ok(await echoes(host.get("plain")));
      } finally {
        await host.close();
        await chmod(place, safeMode);
      }
    }
  });
});

test("A4: a world-writable folder that is sticky does not warn, nor does one that the group may write", async () => {
  await withFolder(async (folder) => {
    const plain = await copyPlain(folder, "plain");
    for (const mode of [0o1777, 0o775, 0o700]) {
      await chmod(join(folder, "plain"), mode);
      const { host, records } = await openFiles(folder, { plain });
      await host.close();
      assert.deepEqual(records, [], mode.toString(8));
    }
  });
});

test("A4: a link's own folder is safe, but the folder that it leads to is world-writable: it warns", async () => {
  await withFolder(async (folder) => {
    for (const name of ["mine", "open"]) await mkdir(join(folder, name));
    await writeFile(join(folder, "open", "program"), "abc", { mode: 0o755 });
    await symlink("../open/program", join(folder, "mine", "program"));
    await chmod(join(folder, "open"), 0o777);
    assert.deepEqual(await warningsOf(folder, { exec: "mine/program", ...ABC }), ["verify.unsafe_permissions"]);
  });
});
