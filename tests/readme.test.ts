/**
 * The programs that README shows, written out and run as they stand there.
 * @module
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { languageSkip } from "./languages.ts";
import { bytes, pathOf, pythonPlugin, ROOT, RUNTIME, text, withHost } from "./support.ts";

/** A code block of README, named by the file name in its first line. */
async function blockOf(file: string): Promise<string> {
  const readme = await readFile(pathOf("README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
  const block = blocks.find((candidate) => /^(\/\/|#) (\S+?)(;|\s|$)/.exec(candidate)?.[2] === file);
  assert.ok(block !== undefined, `README shows no ${file}`);
  return block;
}

/** Hands a folder inside the repository to `use`, where the package finds itself by its name. */
async function withInnerFolder(use: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(pathOf("tmp"), { recursive: true });
  const folder = await mkdtemp(join(pathOf("tmp"), "readme-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("README: the host calls the plugin, both in TypeScript", async () => {
  await withInnerFolder(async (folder) => {
    const plugin = await blockOf("plugin.ts");
    const sum = createHash("sha256").update(plugin).digest("hex");
    await writeFile(join(folder, "plugin.ts"), plugin);
    await writeFile(join(folder, "config.toml"), (await blockOf("config.toml")).replace('"SUM"', `"${sum}"`));
    await writeFile(join(folder, "app.ts"), await blockOf("app.ts"));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), "app.ts"];
    const { stdout } = await promisify(execFile)(RUNTIME, args, { cwd: folder });
    assert.equal(stdout, "HELLO\n");
  });
});

test("README: the plugin in Python answers", { skip: languageSkip("python") }, async () => {
  await withInnerFolder(async (folder) => {
    await writeFile(join(folder, "plugin.py"), await blockOf("plugin.py"));
    await withHost({ upper: pythonPlugin(join(relative(ROOT, folder), "plugin.py")) }, async (host) => {
      const handle = host.get("upper");
      assert.equal(text(await handle.exec("text.upper", bytes("hello"))), "HELLO");
      await assert.rejects(handle.exec("text.lower"), { code: "exec.bad_request", origin: "plugin" });
      assert.equal(await handle.ping(), "pong");
    });
  });
});
