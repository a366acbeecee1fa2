/**
 * What `deno task demo` runs: it ends by itself, in time, without a stack; and says what is missing.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { access, constants, realpath, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { languageSkip } from "../languages.ts";
import { pathOf, RUNTIMES, withFolder } from "../support.ts";
import { type Run, runProgram } from "./program.ts";

const GREETING = /^ {2}hello-([\w-]+) .* Hello, world! /gm;

const TYPESCRIPT = ["deno", "bun", "node", "grpc", "connect"];
/** What `deno task build:examples` has built. */
const BUILT = findBuilt(pathOf("examples/hello/config.local.toml"));

function findBuilt(config: string): readonly string[] {
  const text = existsSync(config) ? readFileSync(config, "utf8") : "";
  return ["go", "java", "rust", "python-grpc", "go-grpc"].filter((name) => text.includes(`[plugins.hello-${name}]`));
}

function assertShown(run: Run, plugins: readonly string[]): void {
  assert.equal(run.code, 0, run.stderr);
  assert.deepEqual([...run.stdout.matchAll(GREETING)].map((match) => match[1]), plugins);
  assert.match(run.stdout, /^Failed logins over SSH +sample\.log$/m);
  assert.match(run.stdout, /^Checked: a count made without plugins agrees /m);
  assert.doesNotMatch(run.stdout + run.stderr, /^\s+at /m);
}

test("the demo greets in each language and reports on the sample log", { skip: languageSkip("python") }, async () => {
  const run = await runProgram("examples/demo.ts");
  assertShown(run, [...TYPESCRIPT, "python", ...BUILT]);
  assert.equal(run.stderr, "");
});

test("the demo passes its arguments to the logs example", async () => {
  const run = await runProgram("examples/demo.ts", ["--log", "/does/not/exist"]);
  assert.equal(run.code, 1);
  assert.equal(run.stderr, 'logs: Cannot read the log "/does/not/exist": there is no such file\n');
});

test("the demo without Python uses the filter's twin and says so", async () => {
  await withFolder(async (folder) => {
    for (const runtime of RUNTIMES) await symlink(await realpath(await findOnPath(runtime)), join(folder, runtime));
    const run = await runProgram("examples/demo.ts", [], { PATH: folder });
    assertShown(run, [...TYPESCRIPT, ...BUILT.filter((name) => name !== "java")]);
    assert.match(run.stderr, /^There is no Python here /);
    assert.match(run.stdout, /^Not shown, since it is not installed here: Python(, Java)?\.$/m);
  });
});

async function findOnPath(name: string): Promise<string> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    if (await access(path, constants.X_OK).then(() => true, () => false)) return path;
  }
  throw new Error(`There is no "${name}" on PATH`);
}
