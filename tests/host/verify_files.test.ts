/**
 * Row A4: `files`, the further files of a plugin, are covered by one figure that a shell can compute too.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFile, spawnSync } from "node:child_process";
import { appendFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { verifyPlugin } from "../../host/verify.ts";
import { toolSkip } from "../languages.ts";
import { withFolder } from "../support.ts";
import { copyPlain, echoes, openFiles, specOf, startsOf, sumsOf, type Table } from "./plugin_files.ts";

const noSha256sum = spawnSync("sha256sum", ["--version"]).status === 0 ? false : "no GNU sha256sum on PATH";

/** Writes files whose content is their name, the first one executable. */
async function writeFiles(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await mkdir(join(folder, dirname(name)), { recursive: true });
    await writeFile(join(folder, name), name, { mode: 0o755 });
  }
}

/** The figure by its definition, for files whose content is their name; `names` are in the order of their bytes. */
function figureOf(names: readonly string[]): string {
  return sumsOf(names.map((name) => `${sumsOf(name).sha256}  ${name}\n`).join("")).sha256;
}

/** A plugin whose `exec_file` is `main`. */
function pluginOf(files: readonly string[], sums: Table): Table {
  return { exec: "./main", files, ...sums };
}

test("A4: files: sha256 is that of sha256sum's lines for all files, exec_file included once", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, ["main", "lib/a.py", "lib/sub/b.py", "data.json", "other.txt"]);
    const cases: readonly (readonly [files: readonly string[], names: readonly string[]])[] = [
      [["lib/a.py"], ["lib/a.py", "main"]],
      [["lib/*.py"], ["lib/a.py", "main"]],
      [["lib/**"], ["lib/a.py", "lib/sub/b.py", "main"]],
      [["**/*.py", "lib/a.py", "./lib/a.py"], ["lib/a.py", "lib/sub/b.py", "main"]],
      [["**"], ["data.json", "lib/a.py", "lib/sub/b.py", "main", "other.txt"]],
      [["*.{json,txt}", "main"], ["data.json", "main", "other.txt"]],
      [[join(folder, "lib", "a.py")], ["lib/a.py", "main"]],
    ];
    for (const [files, names] of cases) {
      await verifyPlugin(specOf(folder, pluginOf(files, { sha256: figureOf(names) })));
      const refused = verifyPlugin(specOf(folder, pluginOf(files, { sha256: figureOf(names.slice(1)) })));
      await assert.rejects(refused, { code: "verify.checksum_mismatch", message: /The files of plugin "a" changed/ });
    }
  });
});

test("A4: files: the figure is the one that the tool sha256sum gives", { skip: noSha256sum }, async () => {
  await withFolder(async (folder) => {
    // In the order of UTF-16 the last two would change places; a space, a backslash and a line break are what the tool escapes or not.
    const names = ["Z", "a", "lib/a b", "lib/back\\slash", "lib/line\nbreak", "main", "é", "\uff5e", "\u{1f600}"];
    await writeFiles(folder, names);
    const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(sorted, names);
    const { stdout } = await promisify(execFile)("sha256sum", ["--", ...names], { cwd: folder });
    await verifyPlugin(specOf(folder, pluginOf(["**"], { sha256: sumsOf(stdout).sha256 })));
  });
});

test("A4: files: the figure that an error hints at is the one that passes", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, ["main", "lib/a.py"]);
    const expected = figureOf(["lib/a.py", "main"]);
    await assert.rejects(verifyPlugin(specOf(folder, pluginOf(["lib/*"], {}))), {
      code: "verify.missing_checksum",
      hint: new RegExp(`sha256 = "${expected}"`),
    });
  });
});

test("A4: files: md5 stays that of exec_file alone, and both are checked", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, ["main", "lib/a.py"]);
    const sums = { md5: sumsOf("main").md5, sha256: figureOf(["lib/a.py", "main"]) };
    await verifyPlugin(specOf(folder, pluginOf(["lib/*"], sums)));
    await assert.rejects(verifyPlugin(specOf(folder, pluginOf(["lib/*"], { ...sums, md5: sumsOf("lib/a.py").md5 }))), {
      code: "verify.checksum_mismatch",
      message: /md5 is/,
    });
  });
});

test("A4: files: a file that changed, came, went or was renamed is a mismatch", async () => {
  const changes: readonly ((folder: string) => Promise<void>)[] = [
    (folder) => appendFile(join(folder, "lib/a.py"), "x"),
    (folder) => writeFile(join(folder, "lib/new.py"), ""),
    (folder) => rm(join(folder, "lib/b.py")),
    async (folder) => {
      await rm(join(folder, "lib/b.py"));
      await writeFile(join(folder, "lib/c.py"), "lib/b.py");
    },
    (folder) => appendFile(join(folder, "main"), "x"),
  ];
  for (const change of changes) {
    await withFolder(async (folder) => {
      await writeFiles(folder, ["main", "lib/a.py", "lib/b.py"]);
      const spec = specOf(folder, pluginOf(["lib/*.py"], { sha256: figureOf(["lib/a.py", "lib/b.py", "main"]) }));
      await verifyPlugin(spec);
      await change(folder);
      await assert.rejects(verifyPlugin(spec), { code: "verify.checksum_mismatch" });
    });
  }
});

test("A4: files: one that changes after openHost() is refused at the next start", async () => {
  await withFolder(async (folder) => {
    const plain = await copyPlain(folder, "plain");
    await mkdir(join(folder, "plain/lib"));
    await writeFile(join(folder, "plain/lib/helper.py"), "helper");
    const own = sumsOf(await readFile(join(folder, "plain/plugin.ts"))).sha256;
    const { sha256 } = sumsOf(`${sumsOf("helper").sha256}  plain/lib/helper.py\n${own}  plain/plugin.ts\n`);
    const { host } = await openFiles(folder, { plain: { ...plain, files: ["plain/lib/**"], sha256 } });
    try {
      assert.ok(await echoes(host.get("plain")));
      await host.stop("plain");
      await appendFile(join(folder, "plain/lib/helper.py"), "!");
      await assert.rejects(host.start("plain"), { code: "verify.checksum_mismatch" });
    } finally {
      await host.close();
    }
    assert.equal(await startsOf(folder, "plain"), 1);
  });
});

test("A4: files: a name without wildcards must be a file", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, ["main", "lib/a.py"]);
    for (const name of ["missing.py", "lib", "lib/missing.py"]) {
      await assert.rejects(verifyPlugin(specOf(folder, pluginOf(["lib/*.py", name], { md5: sumsOf("main").md5 }))), {
        code: "verify.missing_file",
        plugin: "a",
        message: new RegExp(`"${name}"`),
      });
    }
  });
});

test("A4: files: a pattern that matches no file is refused, since it protects nothing", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, ["main"]);
    const refused = verifyPlugin(specOf(folder, pluginOf(["lib/*.py"], { sha256: figureOf(["main"]) })));
    await assert.rejects(refused, { code: "verify.missing_file", message: /"lib\/\*\.py" in files, which matches no file/ });
  });
});

test("A4: files: an md5 alone leaves them unchecked and is refused", async () => {
  await withFolder(async (folder) => {
    await writeFiles(folder, ["main", "lib/a.py"]);
    const { md5 } = sumsOf("main");
    const refused = verifyPlugin(specOf(folder, pluginOf(["lib/a.py"], { md5 })));
    await assert.rejects(refused, { code: "verify.missing_checksum", hint: new RegExp(figureOf(["lib/a.py", "main"])) });
  });
});

test("A4: files: a link to nowhere rejects its plugin, and the others work", async () => {
  await withFolder(async (folder) => {
    const plugins = { bad: { ...await copyPlain(folder, "bad"), files: ["bad/lib/*"] }, good: await copyPlain(folder, "good") };
    await mkdir(join(folder, "bad/lib"));
    await symlink("nowhere", join(folder, "bad/lib/dangling.py"));
    const { host } = await openFiles(folder, plugins);
    try {
      assert.equal(host.rejected.get("bad")?.code, "verify.missing_file");
      assert.match(host.rejected.get("bad")?.message ?? "", /dangling\.py/);
      assert.equal(await host.get("good").ping(), "pong");
    } finally {
      await host.close();
    }
  });
});

test("A4: exec_file as a named pipe, which nobody writes, is refused instead of read for ever", { skip: toolSkip("mkfifo") }, async () => {
  await withFolder(async (folder) => {
    const pipe = join(folder, "main");
    await promisify(execFile)("mkfifo", ["-m", "755", pipe]);
    const spec = specOf(folder, pluginOf([], { sha256: sumsOf("").sha256 }));
    await assert.rejects(verifyPlugin(spec), { code: "verify.missing_file", message: /not a file/ });
  });
});
