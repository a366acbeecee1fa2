/**
 * Row A18, `run`: what plugins write and what becomes of them, until Ctrl-C; nothing is left behind.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { processesSeen } from "../host/process/observe.ts";
import { assertNoneLeft, pythonPlugin, typescriptPlugin, withFolder } from "../support.ts";
import { languageSkip } from "../languages.ts";
import { cli, type CliRun, type RunningCli, startCli, writeConfig } from "./cli.ts";

const workbench = typescriptPlugin("tests/fixtures/workbench.ts");
const escapes = typescriptPlugin("tests/fixtures/escapes.ts");

/** Starts `run`, hands it to `use`, and fails when it leaves a process. */
async function withRun(
  plugins: Record<string, Record<string, unknown>>,
  args: readonly string[],
  use: (running: RunningCli, marker: string) => Promise<void>,
): Promise<void> {
  const marker = crypto.randomUUID();
  const marked = Object.entries(plugins).map(([name, plugin]) => [name, { env: { TEST_MARKER: marker }, ...plugin }]);
  await withFolder(async (folder) => {
    const running = startCli(["run", ...args, "--config", await writeConfig(folder, Object.fromEntries(marked))], {
      env: { TEST_MARKER: marker },
    });
    try {
      await use(running, marker);
    } finally {
      interrupt(running); // What a failed test leaves; a run that has ended is gone.
      await running.done;
      await assertNoneLeft(marker);
    }
  });
}

function interrupt({ child, pid }: RunningCli, signal: "SIGINT" | "SIGTERM" = "SIGINT"): void {
  if (child.exitCode === null && child.signalCode === null) process.kill(pid, signal);
}

/** The lines about one plugin's states. */
function states({ stderr }: CliRun, plugin: string): readonly string[] {
  return stderr.split("\n").filter((line) => line.startsWith(`${plugin} `) && line.includes(" * ")).map((line) =>
    line.split(" * ")[1] ?? ""
  );
}

/** The same with N for each number. */
function numberless(run: CliRun, plugin: string): readonly string[] {
  return states(run, plugin).map((line) => line.replaceAll(/\d+/g, "N"));
}

/** The process that was ready last, as `run` has said. */
function lastPid(said: string): number {
  return Number([...said.matchAll(/ready, pid (\d+)/g)].at(-1)?.[1]);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`A18: run shows one line for each change of state, and ${signal} stops everything and exits with 130`, async () => {
    await withRun({ a: workbench, longer: workbench }, [], async (running) => {
      await running.said("a      * ready, pid ");
      await running.said("longer * ready, pid ");
      interrupt(running, signal);
      const run = await running.done;
      assert.equal(run.code, 130);
      assert.equal(run.stdout, "");
      for (const plugin of ["a", "longer"]) {
        assert.deepEqual(numberless(run, plugin), ["starting", "ready, pid N, after N ms", "stopping", "stopped"]);
      }
      assert.match(run.stderr, /^Stopping; Ctrl-C again ends everything at once$/m);
    });
  });
}

test("A18: run writes what plugins write to stdout, a line each with its plugin's name, and no escape of theirs", async () => {
  await withRun({ a: escapes }, [], async (running) => {
    await running.said("a * ready");
    await running.said("second");
    interrupt(running);
    const { stdout, stderr } = await running.done;
    const evil = "a | a\\x1b[2Jb\\x9b31mc\\rd\\x07e\\u{202e}f";
    assert.deepEqual(stdout.trimEnd().split("\n").sort(), [evil, evil, "a | second"]);
    // deno-lint-ignore no-control-regex -- finding control characters is the purpose
    assert.doesNotMatch(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

test("A18: run --json writes one object a line", async () => {
  await withRun({ a: escapes }, ["--json"], async (running) => {
    await running.said('"ready"');
    await running.said('"second"');
    interrupt(running);
    const records = (await running.done).stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(records.filter(({ state }) => state !== undefined).map(({ state }) => state), [
      "starting",
      "ready",
      "stopping",
      "stopped",
    ]);
    assert.deepEqual(records.filter(({ stream }) => stream === "stderr").map(({ plugin, message }) => [plugin, message]), [
      ["a", "a\u001b[2Jb\u009b31mc\rd\u0007e\u202ef"],
      ["a", "second"],
    ]);
  });
});

test("A18: run says how a plugin ended and when it is started again, a line for each change", async () => {
  await withRun({ a: workbench }, [], async (running) => {
    process.kill(lastPid(await running.said("a * ready, pid ")), "SIGKILL");
    await running.said("it was ended by SIGKILL");
    await running.said("ready, pid ", 2);
    interrupt(running);
    const run = await running.done;
    assert.equal(run.code, 130);
    assert.deepEqual(numberless(run, "a"), [
      "starting",
      "ready, pid N, after N ms",
      "restarting in N ms: it was ended by SIGKILL",
      "starting",
      "ready, pid N, after N ms",
      "stopping",
      "stopped",
    ]);
  });
});

test("A18: run tells of a plugin that ends too often, with a hint; when none can run any more it exits with 1", async () => {
  await withRun({ a: { ...workbench, restart: { max: 0 } } }, [], async (running) => {
    process.kill(lastPid(await running.said("a * ready, pid ")), "SIGKILL");
    const run = await running.done;
    assert.equal(run.code, 1);
    assert.deepEqual(numberless(run, "a"), [
      "starting",
      "ready, pid N, after N ms",
      "crashed, it is given up: it was ended by SIGKILL",
    ]);
    assert.match(run.stderr, /^ {2}hint: .*restart in its configuration/m);
    assert.match(run.stderr, /No plugin runs any more\n$/);
  });
});

test("A18: run exits with 1 when no plugin could be started", async () => {
  await withRun({ a: { ...workbench, exec_args: ["--no-such-flag"] } }, [], async (running) => {
    const run = await running.done;
    assert.equal(run.code, 1);
    assert.match(run.stderr, /^error\[ready\.exited\]: /m);
    assert.match(run.stderr, /No plugin runs any more\n$/);
  });
});

test("A18: run leaves a plugin on demand alone unless it is named, and ends when it is not needed", async () => {
  const demand = { ...workbench, daemon: false, idle_time: 0.2 };
  await withRun({ a: workbench, demand }, [], async (running) => {
    await running.said("a * ready, pid ");
    interrupt(running);
    assert.doesNotMatch((await running.done).stderr, /^demand /m);
  });
  await withRun({ demand }, ["demand"], async (running) => {
    const run = await running.done;
    assert.deepEqual(numberless(run, "demand").slice(0, 3), [
      "starting",
      "ready, pid N, after N ms",
      "not needed; it is not started before it is called or reloaded",
    ]);
  });
  await withRun({ demand }, [], async (running) => {
    const { code, stderr } = await running.done;
    assert.equal(code, 1);
    assert.match(stderr, /host\.inactive.*\n.*hint: These run when they are called; name one to start it: demand$/m);
  });
});

test("A18: run goes on with the others when one cannot be started, and says why", async () => {
  const broken = {
    ...typescriptPlugin("tests/fixtures/workbench.ts", ["--port", "nonsense"]),
    comm_port: 0,
    exec_args: ["--no-such-flag"],
  };
  await withRun({ good: workbench, broken }, [], async (running) => {
    await running.said("good   * ready, pid ");
    await running.said("error[ready.exited]");
    interrupt(running);
    const run = await running.done;
    assert.equal(run.code, 130);
    assert.match(run.stderr, /^error\[ready\.exited\]: Cannot start plugin "broken"/m);
    assert.deepEqual(states(run, "broken"), ["starting"]);
  });
});

test("A18: run of one plugin leaves the others alone", async () => {
  await withRun({ a: workbench, b: workbench }, ["b"], async (running) => {
    await running.said("b * ready, pid ");
    interrupt(running);
    assert.doesNotMatch((await running.done).stderr, /^a /m);
  });
});

test("A18: an interrupt while plugins start ends the start", async () => {
  const silent = { ...typescriptPlugin("tests/fixtures/listener.ts"), ping_timeout: 60, start_timeout: 60 };
  await withRun({ silent }, [], async (running) => {
    await running.said("silent * starting");
    interrupt(running);
    const run = await running.done;
    assert.deepEqual([run.code, states(run, "silent").at(-1)], [130, "stopped"]);
  });
});

test("A18: the second Ctrl-C ends at once what does not want to stop", { skip: languageSkip("python") }, async () => {
  const stubborn = { ...pythonPlugin("tests/fixtures/process/stubborn.py", ["none"]), stop: { shutdown: 60, stdin: 60, term: 60 } };
  await withRun({ stubborn }, [], async (running) => {
    await running.said("stubborn * ready, pid ");
    interrupt(running);
    await running.said("stubborn | seen shutdown");
    interrupt(running);
    assert.equal((await running.done).code, 130);
  });
});

test("A18: Ctrl-C ends exec too, its plugin with it, without an error", async () => {
  const marker = crypto.randomUUID();
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: { ...workbench, env: { TEST_MARKER: marker } } });
    const running = startCli(["exec", "a", "test.hang", "--config", config]);
    await processesSeen(marker);
    interrupt(running);
    const { code, stdout, stderr } = await running.done;
    assert.deepEqual([code, stdout], [130, ""]);
    assert.doesNotMatch(stderr, /error\[/);
    await assertNoneLeft(marker);
  });
});

test("A18: Ctrl-C ends a command that waits for stdin", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: workbench });
    const running = startCli(["exec", "a", "test.echo", "-", "--config", config], { open: true });
    // More than a pipe holds, so that it is written when somebody reads it.
    await new Promise((resolve) => running.child.stdin.write(new Uint8Array(4 * 1024 * 1024), resolve));
    interrupt(running);
    assert.deepEqual(await running.done, { code: 130, stdout: "", stderr: "" });
  });
});

test("A18: a reader that has seen enough ends run and its plugins", async () => {
  await withRun({ a: typescriptPlugin("tests/fixtures/escapes.ts", ["--chatter"]) }, [], async (running) => {
    await running.said("a * ready");
    running.child.stdout.destroy();
    assert.equal((await running.done).code, 130);
  });
});

test("A18: run names every plugin that is refused, and what is wrong with it", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { gone: { exec: "node", exec_file: "gone.ts" } });
    const run = await cli(["run", "--config", config]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /^error\[verify\.missing_file\]: .*gone\.ts/m);
    assert.match(run.stderr, /^error\[host\.inactive\]: Host "test" has no plugin that can be started/m);
  });
});
