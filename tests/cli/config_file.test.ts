/**
 * Row B7, the write: SIGKILL at each step leaves the old file or the new one, and changes at the same time are made one after the other.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { changeFile, type Step, STEPS } from "../../host/cli/config_file.ts";
import { withFolder } from "../support.ts";
import { programArgs } from "./cli.ts";

const OLD = "old\n".repeat(10_000);
const NEW = "new\n".repeat(20_000);
const RENAMED: readonly Step[] = STEPS.slice(STEPS.indexOf("renamed"));

async function withFile(use: (path: string, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, "config.toml");
    await writeFile(path, OLD);
    await use(path, folder);
  });
}

for (const step of STEPS) {
  test(`B7: SIGKILL when the change is ${step} leaves the ${RENAMED.includes(step) ? "new" : "old"} file, and the next change is made`, async () => {
    await withFile(async (path, folder) => {
      const child = spawn(process.execPath, programArgs("tests/cli/dies_at.ts", [path, step]), { stdio: "ignore" });
      const [, signal] = await once(child, "exit");
      assert.equal(signal, "SIGKILL");
      assert.equal(await readFile(path, "utf8"), RENAMED.includes(step) ? NEW : OLD);
      await changeFile(path, (text) => `${text}more\n`);
      assert.equal(await readFile(path, "utf8"), `${RENAMED.includes(step) ? NEW : OLD}more\n`);
      assert.deepEqual(await readdir(folder), ["config.toml"]);
    });
  });
}

test("B7: a change that fails leaves the file and nothing beside it", async () => {
  await withFile(async (path, folder) => {
    await assert.rejects(changeFile(path, () => Promise.reject(new Error("no"))), { message: "no" });
    assert.equal(await readFile(path, "utf8"), OLD);
    assert.deepEqual(await readdir(folder), ["config.toml"]);
  });
});

test("B7: mode and symbolic link stay, and what the link leads to is changed", async () => {
  await withFile(async (path, folder) => {
    await chmod(path, 0o640);
    await mkdir(join(folder, "etc"));
    await symlink("../config.toml", join(folder, "etc", "linked.toml"));
    await symlink("linked.toml", join(folder, "etc", "twice.toml"));
    await changeFile(join(folder, "etc", "twice.toml"), () => NEW);
    assert.equal(await readFile(path, "utf8"), NEW);
    assert.equal((await stat(path)).mode & 0o7777, 0o640);
    assert.equal(await readlink(join(folder, "etc", "twice.toml")), "linked.toml");
    assert.ok((await lstat(join(folder, "etc", "linked.toml"))).isSymbolicLink());
    assert.deepEqual(await readdir(join(folder, "etc")), ["linked.toml", "twice.toml"]);
  });
});

test("B7: many changes at the same time lose none", async () => {
  await withFile(async (path, folder) => {
    await writeFile(path, "");
    await Promise.all(Array.from({ length: 20 }, (_, index) => changeFile(path, (text) => `${text}${index}\n`, { waitMs: 60_000 })));
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n").map(Number);
    assert.deepEqual(lines.sort((a, b) => a - b), Array.from({ length: 20 }, (_, index) => index));
    assert.deepEqual(await readdir(folder), ["config.toml"]);
  });
});

test("B7: what an editor saves in between is not lost", async () => {
  await withFile(async (path) => {
    let saves = 0;
    await changeFile(path, async (text) => {
      if (saves++ === 0) await writeFile(path, "saved\n");
      return `${text}added\n`;
    });
    assert.equal(await readFile(path, "utf8"), "saved\nadded\n");
  });
});

test("B7: who saves without end is told of", async () => {
  await withFile(async (path, folder) => {
    let saves = 0;
    const change = changeFile(path, async (text) => {
      await writeFile(path, `saved ${saves++}\n`);
      return text;
    });
    await assert.rejects(change, { code: "config.not_written", message: /another program keeps changing it/ });
    assert.equal(await readFile(path, "utf8"), `saved ${saves - 1}\n`);
    assert.deepEqual(await readdir(folder), ["config.toml"]);
  });
});

test("B7: a lock of a living process is waited for, then told with its process; one of a dead process is taken", async () => {
  await withFile(async (path, folder) => {
    await symlink(`${process.pid}-somebody`, `${path}.lock`);
    const waits = changeFile(path, () => NEW, { waitMs: 50 });
    await assert.rejects(waits, { code: "config.not_written", message: new RegExp(`process ${process.pid}, is changing it`) });
    assert.equal(await readFile(path, "utf8"), OLD);
    assert.deepEqual((await readdir(folder)).sort(), ["config.toml", "config.toml.lock"]);
  });
  await withFile(async (path, folder) => {
    const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await once(child, "exit");
    await symlink(`${child.pid}-somebody`, `${path}.lock`);
    await changeFile(path, () => NEW);
    assert.equal(await readFile(path, "utf8"), NEW);
    assert.deepEqual(await readdir(folder), ["config.toml"]);
  });
});

test("B7: a file that is gone, and one that is no text, are one error each", async () => {
  await withFile(async (path, folder) => {
    await assert.rejects(changeFile(join(folder, "none"), () => NEW), { code: "config.not_written", message: /none.*ENOENT/ });
    await writeFile(path, Uint8Array.of(0xff, 0xfe));
    await assert.rejects(changeFile(path, () => NEW), { code: "config.invalid", message: /not UTF-8/ });
  });
});
