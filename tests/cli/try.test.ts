/**
 * Row B6: `try` reports what a plugin gets right and wrong, takes commands at a prompt, and starts it again when a file is saved.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { copyFile, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { languageSkip } from "../languages.ts";
import { assertNoneLeft, pathOf, RUNTIME, withFolder } from "../support.ts";
import { cli, type RunningCli, startCli } from "./cli.ts";

const python = { skip: languageSkip("python") };
const HELLO = [RUNTIME, ...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), pathOf("examples/hello/plugin.ts")];
const FAULTY = ["python3", pathOf("tests/fixtures/faulty_plugin.py")];

/** Starts `try` with its prompt open, and fails when it leaves a process or its folder. The plugin's data folder names `folder`. */
async function withTry(
  command: (folder: string) => Promise<readonly string[]>,
  use: (running: RunningCli, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const running = startCli(["try", "--", ...await command(folder)], { open: true, env: { TMPDIR: folder } });
    try {
      await use(running, folder);
    } finally {
      running.child.stdin.end();
      await running.done;
      await assertNoneLeft(folder);
      assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith("polyplug-try-")), []);
    }
  });
}

/** The section numbers of the report's lines, in their order. */
function sections(report: string): readonly number[] {
  return [...report.matchAll(/^(?:ok|FAIL|skip) +(\d+) /gm)].map(([, section]) => Number(section));
}

test("B6: try reports by section what a right plugin does, sends what the prompt says, and ends with its input", async () => {
  const input =
    "hello.world\nhello.echo two  words\n\nhello.echo a\x1b[31mb\nhello.fail on purpose\npolyplug.info\nhello.none\nping\nhelp\n";
  const { code, stdout, stderr } = await cli(["try", "--", ...HELLO], { input });
  assert.equal(code, 0, stderr);
  const [rest = "", socket = "", ...more] = stdout.split(/^\d+ passed, 0 failed.*$/m);
  assert.match(rest, /^http:\S+ over rest, level "full"\n/);
  assert.match(socket, /^unix:\S+ over socket, level "full"$/m);
  for (const [report, own] of [[rest, 3], [socket, 10]] as const) {
    const found = sections(report);
    assert.deepEqual(found, found.toSorted((left, right) => left - right));
    assert.deepEqual([...new Set(found)], [2, own, 6, 7, 9].sort((left, right) => left - right));
  }
  assert.equal(more.length, 1);
  assert.equal(stdout.slice(stdout.lastIndexOf('It conforms to level "full".\n') + 29), "Hello, world!\ntwo  words\na\\x1b[31mb\npong\n");
  assert.match(stderr, /^plugin \* ready, pid \d+, after \d+ ms$/m);
  assert.deepEqual([...stderr.matchAll(/^error\[(.+?)\]/gm)].map(([, name]) => name), [
    "hello.refused",
    "cli.usage",
    "exec.unknown_command",
  ]);
  assert.match(stderr, /^quit +stop it and end$/m);
});

for (const type of ["grpc", "connect"]) {
  test(`B6: try --type ${type} starts the plugin on that wire, checks it there, and sends what the prompt says`, async () => {
    for (const dialect of [[], ["--dialect", "goplugin-1"]]) {
      const command = [...HELLO, ...dialect];
      const { code, stdout, stderr } = await cli(["try", "--type", type, ...dialect, "--", ...command], {
        input: "hello.echo \u00fcber\nping\n",
      });
      assert.equal(code, 0, stderr);
      assert.deepEqual([...new Set(sections(stdout.slice(0, stdout.indexOf("over socket"))))], [2, 4, 6, 7, 9]);
      assert.match(stdout, /^\d+ passed, 0 failed/m);
      assert.ok(stdout.endsWith(`${Buffer.from("\u00fcber").toString("latin1")}\npong\n`), stdout);
    }
  });
}

test("B6: try says what a faulty plugin gets wrong, in which section, and what to do", python, async () => {
  const { code, stdout } = await cli(["try", "--", ...FAULTY, "--fault", "exec.200"]);
  assert.equal(code, 0);
  assert.match(stdout, /^FAIL +3 +exec\.status [^]*^ +to do +Answer [^]*^\d+ passed, 1 failed/m);
  assert.match(stdout, /^ok +3 +ping /m);
});

test("B6: conform at the prompt gives the whole report again, restart what fails, and quit ends", python, async () => {
  await withTry(() => Promise.resolve([...FAULTY, "--fault", "exec.200"]), async ({ child, done }) => {
    child.stdin.write("conform\nrestart\nquit\nhello.echo never\n");
    const { code, stdout, stderr } = await done;
    assert.equal(code, 0);
    const [first, second, third, ...more] = stdout.split(/^\d+ passed, 1 failed.*$/m).map((report) => sections(report).length);
    assert.ok(first !== undefined && first > 40);
    assert.deepEqual([second, third, more], [first, 1, [0]]);
    assert.equal(stderr.match(/ready, pid/g)?.length, 2);
    assert.doesNotMatch(stdout, /never/);
  });
});

/** Copies the Python plugin into the folder and gives its command. */
async function copyHello(folder: string): Promise<readonly string[]> {
  await copyFile(pathOf("examples/hello/hello.py"), join(folder, "mine.py"));
  return ["python3", join(folder, "mine.py")];
}

/** Saves the plugin with another answer, in place or as an editor that replaces the file. */
async function save(folder: string, answer: string, replace = false): Promise<void> {
  const text = await readFile(pathOf("examples/hello/hello.py"), "utf8");
  const path = join(folder, replace ? "mine.py~" : "mine.py");
  await writeFile(path, text.replace("Hello, world!", answer));
  if (replace) await rename(path, join(folder, "mine.py"));
}

for (const replace of [false, true]) {
  test(`B6: try starts a plugin again when it is saved${replace ? " by an editor that replaces the file" : ""}`, python, async () => {
    await withTry(copyHello, async ({ child, said, done }, folder) => {
      child.stdin.write("hello.world\n");
      await said("Hello, world!\n");
      await save(folder, "Saved anew", replace);
      await said("mine.py was saved; starting again");
      child.stdin.write("hello.world\n");
      await said("Saved anew\n");
      child.stdin.end();
      const { code, stderr } = await done;
      assert.equal(code, 0);
      const pids = [...stderr.matchAll(/^mine \* ready, pid (\d+), /gm)].map(([, pid]) => pid);
      assert.ok(new Set(pids).size >= 2, stderr);
    });
  });
}

test("B6: try reports a plugin that cannot start, and starts it when it is repaired and saved", python, async () => {
  const broken = async (folder: string) => {
    await writeFile(join(folder, "mine.py"), "def broken(:\n");
    return ["python3", join(folder, "mine.py")];
  };
  await withTry(broken, async ({ child, said, done }, folder) => {
    await said("It is started again when a file of its command is saved");
    await save(folder, "Repaired", true);
    await said("mine * ready, pid ");
    child.stdin.write("hello.world\n");
    await said("Repaired\n");
    child.stdin.end();
    const { code, stderr } = await done;
    assert.equal(code, 0);
    assert.match(stderr, /^error\[ready\.exited\]: [^]*SyntaxError/m);
  });
});

test("B6: try waits for a program that is not there yet", python, async () => {
  await withTry((folder) => Promise.resolve([join(folder, "mine.py")]), async ({ child, said }, folder) => {
    assert.match(await said("It is started again when"), /^error\[spawn\.not_found\]/m);
    const text = `#!/usr/bin/env python3\n${await readFile(pathOf("examples/hello/hello.py"), "utf8")}`;
    await writeFile(join(folder, "new.py"), text, { mode: 0o755 });
    await rename(join(folder, "new.py"), join(folder, "mine.py"));
    await said("mine * ready, pid ");
    child.stdin.write("hello.world\n");
    await said("Hello, world!\n");
  });
});

test("B6: a plugin that ends by itself is started again by the next command", python, async () => {
  await withTry(copyHello, async ({ child, said }) => {
    child.stdin.write("hello.echo first\n");
    const before = await said("first\n");
    process.kill(Number(/ready, pid (\d+)/.exec(before)?.[1]), "SIGKILL");
    await said("was ended by SIGKILL; the next command starts it again");
    child.stdin.write("hello.echo second\n");
    await said("second\n");
  });
});

test("B6: Ctrl-C ends try and its plugin, and exits with 130", python, async () => {
  await withTry(copyHello, async ({ child, said, pid, done }) => {
    child.stdin.write("hello.world\n");
    await said("Hello, world!\n");
    process.kill(pid, "SIGINT");
    const { code, stderr } = await done;
    assert.equal(code, 130);
    assert.match(stderr, /^mine \* stopped$/m);
    assert.doesNotMatch(stderr, /error\[/);
  });
});

test("B6: try without a command, or with options that it has not, is wrong usage", async () => {
  for (
    const args of [["try"], ["try", "--json", "--", "python3"], ["try", "--config", "a.toml", "--", "python3"], [
      "try",
      "--type",
      "nano",
      "--",
      "python3",
    ], [
      "try",
      "--dialect",
      "latin",
      "--",
      "python3",
    ]]
  ) {
    const { code, stderr } = await cli(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /cli\.usage/);
  }
});

test(
  "B12: try starts a plugin that answers on the framed socket alone, checks it there, and sends what the prompt says",
  python,
  async () => {
    const { code, stdout, stderr } = await cli(["try", "--", "python3", pathOf("examples/socket/plugin.py")], { input: "hello.world\n" });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^It answers on the framed socket alone/m);
    assert.match(stdout, /^ok +10 +frames\.split /m);
    assert.doesNotMatch(stdout, /over socket/);
    assert.match(stdout, /^Hello, world!$/m);
  },
);

test("B12: try --type socket is wrong usage: what is configured is what everyone else speaks", async () => {
  const { code, stderr } = await cli(["try", "--type", "socket", "--", "python3"]);
  assert.deepEqual([code, stderr.split("\n")[0]], [2, 'error[cli.usage]: --type is one of rest, grpc, connect, stdio, not "socket"']);
});
