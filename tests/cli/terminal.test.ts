/**
 * Row A18 as a person sees it: `main()` with a terminal of 80 columns, in colour and without.
 * @module
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { main } from "../../host/cli/main.ts";
import { RUNTIME, typescriptPlugin, withFolder } from "../support.ts";
import { writeConfig } from "./cli.ts";

const ESC = "\u001b";

/** Runs a command in this process, with a terminal. */
async function onTerminal(args: readonly string[], { color }: { color: boolean }) {
  let [stdout, stderr] = ["", ""];
  const output = (add: (text: string) => void) => ({
    write: (chunk: string | Uint8Array) => add(typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk)),
    isTTY: true,
    columns: 80,
  });
  const { NO_COLOR, TERM } = process.env;
  Object.assign(process.env, { NO_COLOR: color ? "" : "1", TERM: "xterm" });
  try {
    const stdin = (async function* () {})();
    const code = await main(args, { stdin, stdout: output((text) => stdout += text), stderr: output((text) => stderr += text) });
    return { code, stdout, stderr };
  } finally {
    restore({ NO_COLOR, TERM });
  }
}

function restore(variables: Record<string, string | undefined>): void {
  for (const name of Object.keys(variables)) delete process.env[name];
  for (const [name, value] of Object.entries(variables).filter(([, value]) => value !== undefined)) process.env[name] = value;
}

test("A18: an answer on a terminal is shown without its escapes, and ends its line", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: typescriptPlugin("tests/fixtures/escapes.ts") });
    for (const color of [true, false]) {
      const { code, stdout, stderr } = await onTerminal(["exec", "a", "test.answer", "--config", config], { color });
      assert.deepEqual([code, stdout, stderr], [0, "a\\x1b[2Jb\\x9b31mc\\rd\\x07e\\u{202e}f\n", ""]);
    }
  });
});

test("A18: errors and findings have colour on a terminal unless NO_COLOR says otherwise", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: { exec: RUNTIME, exec_file: "none.ts" } });
    const colored = await onTerminal(["exec", "b", "x", "--config", config], { color: true });
    assert.match(colored.stderr, new RegExp(`^${ESC}\\[1;31merror\\[host\\.unknown_plugin\\]:${ESC}\\[0m Host`));
    assert.match((await onTerminal(["check", "--config", config], { color: true })).stdout, new RegExp(`^${ESC}\\[31merror\\[`));
    for (const command of ["check", "list", "frob"]) {
      const { stdout, stderr } = await onTerminal([command, "--config", config], { color: false });
      assert.ok(!(stdout + stderr).includes(ESC));
    }
  });
});

test("A18: list fits a terminal of 80 columns, and cuts the middle of a long file name alone", async () => {
  await withFolder(async (folder) => {
    const long = `${"folder_".repeat(10)}/${"deep_".repeat(5)}`;
    await mkdir(join(folder, long), { recursive: true });
    await writeFile(join(folder, long, "plugin.ts"), "x");
    const plugin = { exec: RUNTIME, exec_file: `${long}/plugin.ts` };
    const config = await writeConfig(folder, { short: { exec: RUNTIME, exec_file: "config.toml" }, long: plugin });
    const { stdout } = await onTerminal(["list", "--config", config], { color: true });
    const lines = stdout.trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => line.length <= 80), [true, true, true]);
    assert.equal(Math.max(...lines.map((line) => line.length)), 80);
    assert.match(lines[2] ?? "", /^long {3}rest {2}folder_\S+…\S+deep_\/plugin\.ts {2}none {6}yes$/);
  });
});

test("A18: main() leaves no listener on the process's signals", async () => {
  const before = process.listenerCount("SIGINT");
  assert.equal((await onTerminal(["checksum", import.meta.filename ?? ""], { color: false })).code, 0);
  assert.equal(process.listenerCount("SIGINT"), before);
});
