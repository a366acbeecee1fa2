/**
 * Row C11: however a host ends, nothing of it is left 2 s later: no plugin, no grandchild, no guardian, no socket file.
 * Runs alone: it loads every core.
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { languageSkip } from "../languages.ts";
import {
  configOf,
  measureLagMs,
  pathOf,
  processesWith,
  pythonPlugin,
  RUNTIME,
  typescriptPlugin,
  withFolder,
  withHost,
} from "../support.ts";
import { guardiansOf, isAlive } from "./process/guardians.ts";

const skip = languageSkip("go") || languageSkip("python");
/** At least four: each of the four plugins is then once the last one spawned, and two of those of ours are hung. */
const TRIALS = process.env["POLYPLUG_LONG"] ? 20 : 4;
/** Each is an application with four plugins. */
const TRIALS_AT_ONCE = 4;

const run = promisify(execFile);
const stays = pathOf("tests/fixtures/process/stays.py");

/** Python itself, since what PATH has may be a script that looks for it, in each of 200 starts; and the fixture in Go. */
async function prepare(folder: string): Promise<{ readonly python: string; readonly go: string }> {
  const go = join(folder, "stays");
  await run("go", ["build", "-o", go, pathOf("tests/fixtures/process/stays.go")]);
  const { stdout } = await run("python3", ["-c", "import sys; print(sys.executable)"]);
  return { python: stdout.trim(), go };
}

let folder: string | undefined;
let prepared: ReturnType<typeof prepare> | undefined;
after(async () => await (folder && rm(folder, { recursive: true })));

/** Four plugins of which three outlive the end of stdin and SIGTERM; the one of ours makes its socket in the folder. */
async function plugins(marker: string, tmp: string): Promise<Record<string, Record<string, unknown>>> {
  const { python, go } = await (prepared ??= prepare(folder ??= await mkdtemp(join(tmpdir(), "polyplug-test-"))));
  const all: Record<string, Record<string, unknown>> = {
    ours: { ...typescriptPlugin("tests/fixtures/workbench.ts"), socket: true },
    python: { exec: python, exec_args: [stays], exec_file: stays },
    go: { exec: go, exec_file: go },
    wrapper: { exec: "/bin/sh", exec_args: ["-c", '"$0" "$@" & wait', python, stays], exec_file: stays },
  };
  const env = { TEST_MARKER: marker, TMPDIR: tmp };
  return Object.fromEntries(Object.entries(all).map(([name, plugin]) => [name, { ...plugin, env }]));
}

/** An application in a process of its own, which says when all its plugins run; what is left of it in the end is killed. */
async function withApplication<T>(fate: string, use: (trial: Trial) => Promise<T>): Promise<T> {
  return await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const sockets = join(folder, "s");
    await mkdir(sockets);
    const config = JSON.stringify(configOf(await plugins(marker, sockets), join(folder, "state")));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), pathOf("tests/fixtures/process/orphaning.ts"), config, fate];
    const child = spawn(RUNTIME, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env } });
    const output: string[] = [];
    for (const pipe of [child.stdout, child.stderr]) pipe.setEncoding("utf8").on("data", (text: string) => void output.push(text));
    try {
      return await use({ child, marker, sockets, output });
    } finally {
      child.kill("SIGKILL");
      for (const pid of await processesWith(marker)) process.kill(pid, "SIGKILL");
    }
  });
}

interface Trial {
  readonly child: ChildProcess;
  /** In the environment of its plugins. */
  readonly marker: string;
  /** Where its plugin of ours makes its socket. */
  readonly sockets: string;
  readonly output: readonly string[];
}

/** Resolves when all plugins run; gives the guardian and the plugin of ours. */
async function running({ child, marker, sockets, output }: Trial): Promise<{ readonly guardian: number; readonly ours: number }> {
  await Promise.race([once(child.stdout ?? child, "data"), once(child, "exit")]);
  const ours = Number(/^ready (\d+)\n$/.exec(output.join(""))?.[1]);
  assert.ok(ours > 0, output.join(""));
  assert.equal((await processesWith(marker)).length, 5);
  assert.equal((await readdir(sockets)).length, 1);
  const guardians = await guardiansOf(child.pid ?? 0);
  assert.equal(guardians.length, 1);
  return { guardian: guardians[0] ?? 0, ours };
}

/** Resolves once nothing is left; fails when it takes longer than 2 s from the end of the application on. */
async function assertGone({ marker, sockets }: Trial, guardian: number | undefined): Promise<void> {
  const lagMs = await measureLagMs();
  const started = performance.now();
  for (;;) {
    const tookMs = performance.now() - started;
    const left = {
      plugins: await processesWith(marker),
      guardians: guardian !== undefined && await isAlive(guardian) ? [guardian] : [],
      sockets: await readdir(sockets),
    };
    if (Object.values(left).every((each) => each.length === 0)) return;
    assert.ok(tookMs <= 2000 + 10 * lagMs, `after ${tookMs} ms: ${JSON.stringify(left)}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** Runs the trials, some at a time, beside another host whose plugin nobody may touch. */
async function trials(trial: (number: number) => Promise<void>): Promise<void> {
  await withHost({ bystander: pythonPlugin("tests/fixtures/process/plain.py") }, async (host) => {
    await host.start("bystander");
    const pid = host.plugins[0]?.pid;
    const numbers = Array.from({ length: TRIALS }, (_, number) => number);
    const worker = async () => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) await trial(number);
    };
    await Promise.all(Array.from({ length: TRIALS_AT_ONCE }, worker));
    assert.equal(await host.get("bystander").ping(), "pong");
    assert.deepEqual([host.plugins[0]?.pid, host.plugins[0]?.restarts], [pid, 0]);
  });
}

/** How the application ends, what is done to it, and its exit. */
const ends: readonly [title: string, fate: string, act: (child: ChildProcess) => void, exit: [number | null, string | null]][] = [
  ["SIGKILL", "signal", (child) => process.kill(child.pid ?? 0, "SIGKILL"), [null, "SIGKILL"]],
  ["SIGTERM", "signal", (child) => process.kill(child.pid ?? 0, "SIGTERM"), [null, "SIGTERM"]],
  ["an uncaught exception", "throws", (child) => child.stdin?.write("\n"), [1, null]],
  ["process.exit()", "exits", (child) => child.stdin?.write("\n"), [3, null]],
];

for (const [title, fate, act, exit] of ends) {
  test(`C11: nothing is left of a host that ends by ${title}, ${TRIALS} times`, { skip }, async () => {
    await trials(async (number) => {
      await withApplication(fate, async (trial) => {
        const { guardian, ours } = await running(trial);
        // A plugin of ours that is hung ends neither with its stdin nor at SIGTERM, and leaves its socket.
        if (number % 2 === 1) process.kill(ours, "SIGSTOP");
        const ended = once(trial.child, "exit");
        act(trial.child);
        assert.deepEqual(await ended, exit);
        await assertGone(trial, guardian);
      });
    });
  });
}

test(`C11: nothing is left of a host that is killed between a spawn and the guardian's note of it, ${TRIALS} times`, { skip }, async () => {
  await trials(async (number) => {
    // Each in turn is the last, which is spawned while the three others run.
    await withApplication(["ours", "python", "go", "wrapper"][number % 4] ?? "", async (trial) => {
      const [, signal] = await Promise.race([once(trial.child, "exit"), once(trial.child.stdout ?? trial.child, "data")]);
      assert.deepEqual([signal, trial.output.join("")], ["SIGKILL", ""]);
      await assertGone(trial, undefined);
    });
  });
});

test("C11: a guardian that somebody kills is replaced by one that knows everything", { skip }, async () => {
  await withApplication("signal", async (trial) => {
    const { guardian, ours } = await running(trial);
    process.kill(guardian, "SIGKILL");
    const host = trial.child.pid ?? 0;
    let next: number | undefined;
    for (const started = performance.now(); next === undefined || next === guardian; [next] = await guardiansOf(host)) {
      assert.ok(performance.now() - started < 10_000, "no other guardian was started");
    }
    // It tells the guardian in the turn of its event loop that starts it.
    trial.child.stdin?.write("\n");
    await once(trial.child.stdout ?? trial.child, "data");
    process.kill(ours, "SIGSTOP");
    const ended = once(trial.child, "exit");
    process.kill(host, "SIGKILL");
    await ended;
    await assertGone(trial, next);
  });
});
