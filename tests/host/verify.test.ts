/**
 * Row A4: a plugin runs only when its file is the one that was registered.
 * @module
 */
import assert from "node:assert/strict";
import { appendFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isPluginError } from "../../host/mod.ts";
import { verifyPlugin } from "../../host/verify.ts";
import { withFolder } from "../support.ts";
import { ABC, copyPlain, echoes, openFiles, specOf, startsOf, sumsOf, writeProgram } from "./plugin_files.ts";

/** Flips one bit of a file. */
async function flipByte(path: string, at: number): Promise<void> {
  const data = await readFile(path);
  data[at] = (data[at] ?? 0) ^ 1;
  await writeFile(path, data);
}

test("A4: openHost() rejects a plugin with one flipped byte, starts nothing of it, and the others work", async () => {
  await withFolder(async (folder) => {
    const plugins = { bad: await copyPlain(folder, "bad"), good: await copyPlain(folder, "good") };
    await flipByte(join(folder, "bad", "plugin.ts"), 10);
    const { host, records } = await openFiles(folder, plugins);
    try {
      const error = host.rejected.get("bad");
      assert.deepEqual([...host.rejected.keys()], ["bad"]);
      assert.ok(isPluginError(error));
      assert.deepEqual([error.code, error.plugin, error.origin], ["verify.checksum_mismatch", "bad", "host"]);
      assert.throws(() => host.get("bad"), (thrown) => thrown === error);
      await assert.rejects(host.start("bad"), (thrown) => thrown === error);
      await host.startAll();
      assert.ok(await echoes(host.get("good")));
      assert.deepEqual(host.plugins.map(({ name }) => name), ["good"]);
      const told = records.filter(({ level }) => level === "error");
      assert.deepEqual(told.map(({ plugin, values }) => [plugin, values["code"]]), [["bad", "verify.checksum_mismatch"]]);
    } finally {
      await host.close();
    }
    assert.deepEqual([await startsOf(folder, "bad"), await startsOf(folder, "good")], [0, 1]);
  });
});

test("A4: a file changed after openHost() is refused at the next start, and runs again once it is restored", async () => {
  await withFolder(async (folder) => {
    const { host } = await openFiles(folder, { plain: await copyPlain(folder, "plain") });
    const file = join(folder, "plain", "plugin.ts");
    const original = await readFile(file);
    try {
      const handle = host.get("plain");
      assert.ok(await echoes(handle));
      await appendFile(file, "\n");
      assert.ok(await echoes(handle), "The process that runs already goes on");
      await host.stop("plain");
      await assert.rejects(host.start("plain"), { code: "verify.checksum_mismatch", plugin: "plain" });
      await assert.rejects(handle.exec("any"), { code: "verify.checksum_mismatch" });
      assert.equal(await startsOf(folder, "plain"), 1);
      await writeFile(file, original);
      assert.ok(await echoes(handle));
      assert.equal(await startsOf(folder, "plain"), 2);
    } finally {
      await host.close();
    }
  });
});

test("A4: a file changed or removed between openHost() and the first call is refused, nothing spawned", async () => {
  await withFolder(async (folder) => {
    const plugins = { changed: await copyPlain(folder, "changed"), gone: await copyPlain(folder, "gone") };
    const { host } = await openFiles(folder, plugins);
    try {
      await flipByte(join(folder, "changed", "plugin.ts"), 0);
      await rm(join(folder, "gone", "plugin.ts"));
      await assert.rejects(host.get("changed").ping(), { code: "verify.checksum_mismatch", plugin: "changed" });
      await assert.rejects(host.get("gone").ping(), { code: "verify.missing_file", plugin: "gone" });
      await assert.rejects(host.startAll(), { name: "PluginError", code: /^verify\./ });
    } finally {
      await host.close();
    }
    assert.deepEqual([await startsOf(folder, "changed"), await startsOf(folder, "gone")], [0, 0]);
  });
});

test("A4: verifyPlugin() sees a flipped byte wherever it is, in files larger than one read", async () => {
  await withFolder(async (folder) => {
    const content = new Uint8Array(300_000).fill(7);
    for (const kind of ["md5", "sha256"] as const) {
      for (const at of [0, 1, 65_535, 65_536, 150_000, 299_999]) {
        const plugin = { ...await writeProgram(folder, content), [kind]: sumsOf(content)[kind] };
        await verifyPlugin(specOf(folder, plugin));
        await flipByte(join(folder, "program"), at);
        await assert.rejects(verifyPlugin(specOf(folder, plugin)), { code: "verify.checksum_mismatch", message: new RegExp(`${kind} is`) });
      }
    }
  });
});

test("A4: verifyPlugin() takes sums in either case, and refuses any other", async () => {
  await withFolder(async (folder) => {
    const plugin = await writeProgram(folder, "abc");
    for (const sums of [ABC, { md5: ABC.md5.toUpperCase() }, { sha256: ABC.sha256.toUpperCase() }]) {
      await verifyPlugin(specOf(folder, { ...plugin, ...sums }));
    }
    const wrong = specOf(folder, { ...plugin, md5: "9001".repeat(8).toUpperCase() });
    await assert.rejects(verifyPlugin(wrong), {
      code: "verify.checksum_mismatch",
      message: `"${join(folder, "program")}" changed: md5 is ${ABC.md5}, the configuration says ${"9001".repeat(8)}`,
      hint: /update the checksum/,
    });
  });
});

test("A4: verifyPlugin() checks both sums where both stand", async () => {
  await withFolder(async (folder) => {
    const plugin = await writeProgram(folder, "abc");
    const other = sumsOf("other");
    await verifyPlugin(specOf(folder, { ...plugin, ...ABC }));
    const cases = [[{ ...ABC, sha256: other.sha256 }, /: sha256 is/], [{ ...ABC, md5: other.md5 }, /: md5 is/]] as const;
    for (const [sums, message] of cases) {
      await assert.rejects(verifyPlugin(specOf(folder, { ...plugin, ...sums })), { code: "verify.checksum_mismatch", message });
    }
  });
});

test("A4: verifyPlugin() refuses a plugin without a checksum unless allow_unverified", async () => {
  await withFolder(async (folder) => {
    const plugin = await writeProgram(folder, "abc");
    const refused = { code: "verify.missing_checksum", plugin: "a", hint: new RegExp(`sha256 = "${ABC.sha256}"`) };
    await assert.rejects(verifyPlugin(specOf(folder, plugin)), refused);
    await assert.rejects(verifyPlugin(specOf(folder, plugin, { allow_unverified: false })), refused);
    await verifyPlugin(specOf(folder, plugin, { allow_unverified: true }));
    const wrong = specOf(folder, { ...plugin, md5: sumsOf("other").md5 }, { allow_unverified: true });
    await assert.rejects(verifyPlugin(wrong), { code: "verify.checksum_mismatch" });
  });
});

test("A4: verifyPlugin() names a file that is missing or a folder, and a program that cannot run", async () => {
  await withFolder(async (folder) => {
    await mkdir(join(folder, "folder"));
    await writeFile(join(folder, "text"), "abc", { mode: 0o644 });
    await symlink("nowhere", join(folder, "dangling"));
    const cases = [
      [{ exec: "./missing" }, "verify.missing_file"],
      [{ exec: "./dangling" }, "verify.missing_file"],
      [{ exec: "./folder" }, "verify.missing_file"],
      [{ exec: "./text", sha256: ABC.sha256 }, "spawn.not_executable"],
      [{ exec: "./missing", exec_file: "text", sha256: ABC.sha256 }, "spawn.not_found"],
      [{ exec: "./folder", exec_file: "text", sha256: ABC.sha256 }, "spawn.not_executable"],
      [{ exec: "no-such-program", exec_file: "text", sha256: ABC.sha256 }, "spawn.not_found"],
    ] as const;
    for (const [plugin, code] of cases) {
      await assert.rejects(verifyPlugin(specOf(folder, plugin)), { name: "PluginError", code, plugin: "a", message: /"/, hint: /./ });
    }
  });
});

test("A4: verifyPlugin() follows a symbolic link to the file that it names", async () => {
  await withFolder(async (folder) => {
    await writeProgram(folder, "abc");
    await symlink("program", join(folder, "link"));
    const spec = specOf(folder, { exec: "./link", ...ABC });
    assert.equal((await verifyPlugin(spec)).program, join(folder, "link"));
    await writeFile(join(folder, "program"), "abd");
    await assert.rejects(verifyPlugin(spec), { code: "verify.checksum_mismatch" });
  });
});
