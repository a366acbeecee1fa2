/**
 * The logs example on input that it cannot use: one clear line on stderr, nothing on stdout, no stack.
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { withFolder } from "../support.ts";
import { runProgram } from "./program.ts";

async function assertRefused(args: readonly string[], code: number, line: RegExp): Promise<void> {
  const run = await runProgram("examples/logs/main.ts", args);
  assert.deepEqual([run.code, run.stdout], [code, ""], run.stderr);
  assert.match(run.stderr, /^logs: [^\n]+\n$/);
  assert.match(run.stderr, line);
}

const wrongUsage: readonly (readonly [what: string, args: readonly string[], line: RegExp])[] = [
  ["an unknown flag", ["--lgo", "x"], /Unknown argument "--lgo"; --help lists/],
  ["an argument without a flag", ["auth.log"], /Unknown argument "auth.log"/],
  ["a flag without its value", ["--log"], /--log needs a value/],
  ["a year that is none", ["--year", "25"], /--year must have four digits, not "25"/],
  ["a time that is none", ["--since=yesterday"], /--since must be a time like 2025-03-14T02:00:00, not "yesterday"/],
];
for (const [what, args, line] of wrongUsage) {
  test(`examples/logs: ${what} is wrong usage`, () => assertRefused(args, 2, line));
}

test("examples/logs: a missing file, a folder, a missing plugin and a missing configuration are told", async () => {
  await withFolder(async (folder) => {
    await assertRefused(["--log", join(folder, "none.log")], 1, /Cannot read the log ".*none\.log": there is no such file$/m);
    await assertRefused(["--log", folder], 1, /is not a file|is a folder/);
    await assertRefused(["--filter", "none"], 1, /"none"/);
    await assertRefused(["--config", join(folder, "none.toml")], 1, /none\.toml/);
  });
});

if (process.platform === "linux") {
  test("examples/logs: a file that cannot be read is told", async () => {
    // Root may read everything, but nobody the first byte of this one.
    await assertRefused(["--log", "/proc/self/mem"], 1, /Cannot read the log "\/proc\/self\/mem": /);
  });
}

if (process.getuid?.() !== 0) {
  test("examples/logs: a file without the right to read it is told", async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "secret.log");
      await writeFile(path, "Mar 14 02:35:10 gate01 sshd[1]: x\n");
      await chmod(path, 0o000);
      await assertRefused(["--log", path], 1, /Cannot read the log ".*secret\.log": permission denied$/m);
    });
  });
}

const unusable: readonly (readonly [what: string, content: string | Uint8Array, line: RegExp])[] = [
  ["an empty file", "", /The log ".*" is empty$/m],
  ["a file of blank lines", "\r\n \n\n", /The log ".*" is empty$/m],
  ["text that is no log", "hello\nworld\n", /The log ".*" is of an unknown format; known are /],
  ["random bytes", new Uint8Array(randomBytes(200_000)), /The log ".*" is of an unknown format; known are /],
  [
    "a line without end",
    `Mar 14 02:35:10 gate01 sshd[1]: ${"x".repeat(3_000_000)}`,
    /The log ".*" has a line of more than 1048576 bytes$/m,
  ],
];
for (const [what, content, line] of unusable) {
  test(`examples/logs: ${what} is told`, async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "odd.log");
      await writeFile(path, content);
      await assertRefused(["--log", path, "--filter", "log-filter-ts"], 1, line);
    });
  });
}

test("examples/logs: a log without one failed attempt is a report, not a fault", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "quiet.log");
    await writeFile(path, "Mar 14 02:35:10 gate01 sshd[711]: Server listening on 0.0.0.0 port 22.\n");
    const run = await runProgram("examples/logs/main.ts", ["--log", path, "--filter", "log-filter-ts"]);
    assert.deepEqual([run.code, run.stderr], [0, ""]);
    assert.match(run.stdout, /^0 failed attempts, 0 addresses, 0 user names$/m);
  });
});
