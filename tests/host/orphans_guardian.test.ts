/**
 * Row C11, the guardian of a host and the gate of a start: when they are there, what they do, and what nobody sees of them.
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openHost } from "../../host/mod.ts";
import { type Charge, Guardian } from "../../host/process/guardian.ts";
import { spawnProcess } from "../../host/process/spawn.ts";
import { killGroup } from "../../host/process/stop.ts";
import { startCli, writeConfig } from "../cli/cli.ts";
import { languageSkip } from "../languages.ts";
import { configOf, measureLagMs, pathOf, processesWith, pythonPlugin, typescriptPlugin, withFolder, withHost } from "../support.ts";
import { guardiansOf, isAlive, ticksOf } from "./process/guardians.ts";
import { processesSeen, startError } from "./process/observe.ts";

const skip = languageSkip("python");
const plain = pythonPlugin("tests/fixtures/process/plain.py");
const stays = pathOf("tests/fixtures/process/stays.py");

/** A program in a process group of its own, which sleeps. */
async function sleeper(): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn("/bin/sleep", ["60"], { detached: true, stdio: "ignore" });
  await once(child, "spawn");
  return Object.assign(child, { pid: child.pid ?? 0 });
}

/** Resolves once none of the processes is left; fails when that takes longer than 2 s. */
async function assertEnded(find: () => Promise<readonly number[]>): Promise<void> {
  const lagMs = await measureLagMs();
  const started = performance.now();
  for (let left = await find(); left.length > 0; left = await find()) {
    assert.ok(performance.now() - started <= 2000 + 10 * lagMs, `${left.length} are left: ${left.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test(
  "C11: one guardian for all plugins of a host, started with the first and gone with the host, heeding no signal",
  { skip },
  async () => {
    await withHost({ a: plain, b: plain }, async (host) => {
      assert.deepEqual(await guardiansOf(process.pid), []);
      await host.start("a");
      const [guardian = 0] = await guardiansOf(process.pid);
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(guardian, signal);
      await host.start("b");
      await host.stop("a");
      assert.deepEqual(await guardiansOf(process.pid), [guardian]);
      await host.close();
      assert.deepEqual(await guardiansOf(process.pid), []);
    });
  },
);

test("C11: an idle guardian uses no processor time", { skip }, async () => {
  await withHost({ plain }, async (host) => {
    await host.start("plain");
    const [guardian = 0] = await guardiansOf(process.pid);
    const before = await ticksOf(guardian);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.deepEqual([typeof before, await ticksOf(guardian)], ["number", before]);
  });
});

test("C11: a guardian that is let go ends what it was not told to be gone, and touches nobody else", async () => {
  const [left, gone] = [await sleeper(), await sleeper()];
  const ended = once(left, "exit");
  try {
    const guardian = new Guardian("test");
    await guardian.add(`group ${left.pid}`);
    await guardian.add(`group ${gone.pid}`);
    guardian.remove(`group ${gone.pid}`);
    await guardian.close();
    assert.deepEqual(await ended, [null, "SIGTERM"]);
    assert.ok(await isAlive(gone.pid));
    await assertEnded(() => guardiansOf(process.pid));
  } finally {
    left.kill("SIGKILL");
    gone.kill("SIGKILL");
  }
});

test("C11: a guardian without a charge kills nobody and is gone when close() resolves", async () => {
  const bystander = await sleeper();
  try {
    const guardian = new Guardian("test");
    await guardian.close();
    const other = new Guardian("test");
    await other.add(`group ${bystander.pid}`);
    other.remove(`group ${bystander.pid}`);
    await other.close();
    assert.deepEqual(await guardiansOf(process.pid), []);
    assert.ok(await isAlive(bystander.pid));
  } finally {
    bystander.kill("SIGKILL");
  }
});

test("C11: a guardian knows a group from before its program runs until nobody of it is left", async () => {
  const told: string[] = [];
  class Recorder extends Guardian {
    override async add(charge: Charge): Promise<void> {
      await super.add(charge);
      told.push(`+${charge}`);
    }
    override remove(charge: Charge): void {
      told.push(`-${charge}`);
      super.remove(charge);
    }
  }
  const guardian = new Recorder("test");
  const env = { PATH: process.env["PATH"] ?? "" };
  // The wrapper ends at once, its child does not.
  const args = ["-c", "sleep 60 & exit 0"];
  const running = await spawnProcess({ plugin: "p", program: "/bin/sh", args, cwd: "/", env, onLine: () => {}, guardian });
  assert.deepEqual(told, [`+group ${running.pid}`]);
  await running.exited;
  assert.deepEqual(told, [`+group ${running.pid}`]);
  await killGroup(running);
  assert.deepEqual(told, [`+group ${running.pid}`, `-group ${running.pid}`]);
  await guardian.close();
});

test("C11: a plugin that cleans up when its stdin ends is given the time, though its host was killed", { skip }, async () => {
  await withFolder(async (folder) => {
    const done = join(folder, "done");
    const plugin = { ...pythonPlugin("tests/fixtures/process/cleans_up.py", [done]), env: { TEST_MARKER: folder } };
    const config = await writeConfig(folder, { plugin });
    const { child, said } = startCli(["run", "--config", config], { open: true });
    await said("ready");
    child.kill("SIGKILL");
    await assertEnded(() => processesWith(folder));
    assert.equal(await readFile(done, "utf8"), "clean");
  });
});

for (const [command, args] of [["try", ["--", "python3", stays]], ["conform", ["plugin", "--config"]]] as const) {
  test(`C11: a plugin that polyplug ${command} has started does not outlive it`, { skip }, async () => {
    await withFolder(async (folder) => {
      const config = await writeConfig(folder, { plugin: { exec: "python3", exec_args: [stays], exec_file: stays } });
      // The temporary folder is in the environment of the command and of all that it starts, but for the guardian.
      const { child, pid, done } = startCli([command, ...args, ...(command === "try" ? [] : [config])], {
        open: true,
        env: { TMPDIR: folder },
      });
      await processesSeen(folder, 2);
      while ((await guardiansOf(pid)).length === 0);
      child.kill("SIGKILL");
      await done;
      await assertEnded(() => processesWith(folder));
    });
  });
}

/** The command line or environment with which a process was started. */
async function startOf(pid: number | undefined, file: "cmdline" | "environ"): Promise<readonly string[]> {
  return (await readFile(`/proc/${pid}/${file}`, "utf8")).split("\0").slice(0, -1);
}

/** The program itself, since what PATH has under its name may be a script that changes what it hands on. */
const direct = (args: readonly string[]) => ({ ...typescriptPlugin("tests/fixtures/workbench.ts", args), exec: process.execPath });

test("C11: the gate leaves no trace: id, group, arguments and environment are the program's own", async () => {
  const args = ["a b", "", "$HOME `id` \\ \"'", "-c", "new\nline", "ünïcode"];
  const env = { QUOTED: 'a\'b "c" $d\ne', EMPTY: "" };
  await withHost({ workbench: { ...direct(args), env } }, async (host) => {
    await host.start("workbench");
    const pid = host.plugins[0]?.pid ?? 0;
    assert.ok(process.kill(-pid, 0));
    const line = await startOf(pid, "cmdline");
    assert.deepEqual([line[0], line.slice(-2 - args.length, -2)], [process.execPath, args]);
    const entries = await startOf(pid, "environ");
    for (const [name, value] of Object.entries(env)) assert.ok(entries.includes(`${name}=${value}`), name);
    const names = entries.map((entry) => entry.slice(0, entry.indexOf("=")));
    for (const name of ["PWD", "OLDPWD", "SHLVL", "_"]) assert.ok(!names.includes(name), name);
  });
});

test("C11: variables that a shell would drop or change reach the program all the same", async () => {
  const env = { "a.b": "1", "c-d": "2", IFS: "x", PWD: "/nowhere", OLDPWD: "/there", OPTIND: "7", _: "/bin/other", SHLVL: "9" };
  await withHost({ workbench: { ...direct([]), env } }, async (host) => {
    await host.start("workbench");
    const entries = await startOf(host.plugins[0]?.pid, "environ");
    for (const [name, value] of Object.entries(env)) assert.ok(entries.includes(`${name}=${value}`), name);
  });
});

test("C11: a program's own exit code 126 or 127 is not taken for one that could not be run", async () => {
  const script = (code: number) => ({ exec: "/bin/sh", exec_args: ["-c", `echo "sh: 1: exec: x: not found" >&2; exit ${code}`] });
  await withHost({ a: script(126), b: script(127) }, async (host) => {
    for (const [name, code] of [["a", 126], ["b", 127]] as const) {
      const error = await startError(host, name);
      assert.equal(error.code, "ready.exited");
      assert.match(error.message, new RegExp(`exited with code ${code}`));
    }
  });
});

test("C11: a program that the gate could not become is told as exactly as without it", async () => {
  await withFolder(async (folder) => {
    const write = async (name: string, firstLine: string) => {
      await writeFile(join(folder, name), `#!${firstLine}\n`);
      await chmod(join(folder, name), 0o755);
      return { exec: join(folder, name) };
    };
    const [missing, refused] = [await write("missing", join(folder, "nowhere")), await write("refused", folder)];
    await withHost({ missing, refused }, async (host) => {
      const [first, second] = [await startError(host, "missing"), await startError(host, "refused")];
      assert.deepEqual([first.code, first.message], [
        "spawn.not_found",
        `Cannot start plugin "missing": "${missing.exec}" cannot be run`,
      ]);
      assert.deepEqual([second.code, second.message], [
        "spawn.not_executable",
        `Cannot start plugin "refused": "${refused.exec}" cannot be run: Permission denied`,
      ]);
    });
  });
});

test("C11: a host whose guardian was killed starts another with the next plugin", { skip }, async () => {
  await withFolder(async (folder) => {
    await using host = await openHost("test", {
      config: configOf({ plain, ours: typescriptPlugin("tests/fixtures/workbench.ts") }, folder),
    });
    await host.start("plain");
    const [first = 0] = await guardiansOf(process.pid);
    process.kill(first, "SIGKILL");
    await host.start("ours");
    while ((await guardiansOf(process.pid)).length === 0);
    assert.notDeepEqual(await guardiansOf(process.pid), [first]);
    assert.equal(await host.get("plain").ping(), "pong");
  });
});
