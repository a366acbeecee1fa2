/**
 * Row A6: when a plugin counts as ready, and what is said of one that does not become ready.
 * @module
 */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { parseConfig } from "../../../host/config/parse.ts";
import { discoverPlugins } from "../../../host/discover.ts";
import type { PluginLog } from "../../../host/mod.ts";
import { languageSkip } from "../../languages.ts";
import { assertNoneLeft, configOf, measureLagMs, pythonPlugin, typescriptPlugin, withHost } from "../../support.ts";
import { processesSeen, startError } from "./observe.ts";

const skip = languageSkip("python");
const fixture = (name: string, ...args: string[]) => pythonPlugin(`tests/fixtures/process/${name}.py`, args);

/** From now to the end of `work`, in milliseconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** How long after the moment that the fixture names it is ready, in milliseconds. */
async function readyAfterMs(delayS: string, execTime: number): Promise<number> {
  const logs: PluginLog[] = [];
  return await withHost({ late: { ...fixture("late", delayS), exec_time: execTime } }, async (host) => {
    await host.start("late");
    const readyAt = Date.now();
    const listensAt = Number(logs.find(({ message }) => message.startsWith("listening"))?.message.split(" ")[1]);
    return readyAt - listensAt;
  }, { onLog: (record) => void logs.push(record) });
}

for (const [delayS, execTime] of [["0.3", 60], ["0", 60], ["0.8", 0.01], ["1.9", 30]] as const) {
  test(`A6: a plugin that listens after ${delayS} s is ready within 100 ms of that, with exec_time = ${execTime}`, { skip }, async () => {
    const lagMs = await measureLagMs();
    const afterMs = await readyAfterMs(delayS, execTime);
    assert.ok(afterMs <= 100 + 10 * lagMs, `ready after ${afterMs} ms, lag ${lagMs} ms`);
  });
}

const hasIpv6 = Object.values(networkInterfaces()).flat().some((entry) => entry?.address === "::1");

test("A6: a plugin that listens on ::1 alone is found", { skip: hasIpv6 ? false : "this machine has no ::1" }, async () => {
  await withHost({ workbench: typescriptPlugin("tests/fixtures/workbench.ts", ["--listen", "::1"]) }, async (host) => {
    assert.equal(await host.get("workbench").ping(), "pong");
  });
});

test("A6: the start limit is the larger of exec_time and 10 s, and exactly start_timeout where that is set", () => {
  const limit = (keys: Record<string, number>) => {
    const input = configOf({ any: { exec: "./any", ...keys } }, "state");
    return discoverPlugins(parseConfig({ content: input, folder: "/", path: undefined }), "test")[0]?.startTimeoutMs;
  };
  assert.equal(limit({}), 10_000);
  assert.equal(limit({ exec_time: 3 }), 10_000);
  assert.equal(limit({ exec_time: 12.5 }), 12_500);
  assert.equal(limit({ exec_time: 12.5, start_timeout: 0.25 }), 250);
  assert.equal(limit({ start_timeout: 70 }), 70_000);
});

for (
  const [fate, how] of [["0", /exited with code 0/], ["3", /exited with code 3/], ["SIGKILL", /ended by SIGKILL/], [
    "SIGTERM",
    /ended by SIGTERM/,
  ]] as const
) {
  test(`A6: an exit before ready (${fate}) fails the start at once, with both pipes' lines`, { skip }, async () => {
    await withHost({ early: { ...fixture("early_exit", fate), start_timeout: 60 } }, async (host, marker) => {
      const error = await startError(host, "early");
      assert.equal(error.code, "ready.exited");
      assert.match(error.message, how);
      assert.match(error.message, /stdout:\n {4}out 1\n {4}out 2\n {4}out 3\n {4}out 4\n {4}out 5$/);
      assert.doesNotMatch(error.message, /out 6/);
      assert.match(error.message, /stderr:\n {4}err 11\n[^]* {4}err 30\n/);
      assert.equal(host.get("early").state.kind, "idle");
      await assertNoneLeft(marker);
    });
  });
}

test("A6: a failed start is forgotten: the next call starts the plugin again", { skip }, async () => {
  const logs: PluginLog[] = [];
  await withHost({ early: fixture("early_exit", "3") }, async (host) => {
    for (let time = 1; time <= 3; time++) await assert.rejects(host.get("early").ping(), { code: "ready.exited" });
    assert.equal(logs.filter(({ message }) => message === "out 1").length, 3);
  }, { onLog: (record) => void logs.push(record) });
});

const wrongAnswers: readonly [wrong: string, said: RegExp][] = [
  ["gnop", /The answer to ping is "gnop", not "pong" \(caller\.bad_response\)/],
  ["202", /status is 202, not 200 \(caller\.bad_response\)/],
  ["500", /status 500: .*\(exec\.failed\)/s],
  ["not-http", /\(caller\.(bad_response|lost)\)/],
  ["hang-up", /\(caller\.lost\)/],
];

for (const [wrong, said] of wrongAnswers) {
  test(`A6: a plugin that answers ping wrong (${wrong}) is ready.timeout with the last wrong answer`, { skip }, async () => {
    await withHost({ wrong: { ...fixture("wrong_pong", wrong), start_timeout: 3 } }, async (host, marker) => {
      const error = await startError(host, "wrong");
      assert.equal(error.code, "ready.timeout");
      assert.match(error.message, said);
      assert.match(error.message, /did not answer ping within 3000 ms\n/);
      await assertNoneLeft(marker);
    });
  });
}

test("A6: the last wrong answer is told of a plugin that exits, too", { skip }, async () => {
  await withHost({ wrong: fixture("wrong_pong", "500-and-exit") }, async (host) => {
    const error = await startError(host, "wrong");
    assert.equal(error.code, "ready.exited");
    assert.match(error.message, /exited with code 4/);
    assert.match(error.message, /last answer to ping:\n.*500.*\(exec\.failed\)/);
  });
});

test("A6: a plugin that accepts and never answers is ready.timeout at start_timeout exactly", { skip }, async () => {
  const lagMs = await measureLagMs();
  await withHost({ silent: { ...fixture("silent"), start_timeout: 1.5, ping_timeout: 0.4 } }, async (host, marker) => {
    const tookMs = await timed(async () => {
      const error = await startError(host, "silent");
      assert.equal(error.code, "ready.timeout");
      assert.match(error.message, /I listen and say nothing/);
      assert.match(error.message, /last answer to ping:\n.*did not answer ping within 400 ms \(caller\.timeout\)/);
    });
    assert.ok(tookMs >= 1490 && tookMs <= 1500 + 300 + 10 * lagMs, `${tookMs} ms`);
    await assertNoneLeft(marker);
  });
});

test("A6: with the defaults a plugin that never listens is given up after 10 s", { skip }, async () => {
  const lagMs = await measureLagMs();
  await withHost({ late: { ...fixture("late", "60"), exec_time: 1 } }, async (host, marker) => {
    const tookMs = await timed(() => assert.rejects(host.start("late"), { code: "ready.timeout" }));
    assert.ok(tookMs >= 9990 && tookMs <= 10_000 + 300 + 10 * lagMs, `${tookMs} ms`);
    await assertNoneLeft(marker);
  });
});

test("A6: garbage on stdout and stderr is the plugin's output and no hindrance", { skip }, async () => {
  const logs: PluginLog[] = [];
  await withHost({ garbage: fixture("garbage") }, async (host) => {
    assert.equal(await host.get("garbage").ping(), "pong");
    for (const stream of ["stdout", "stderr"]) {
      const lines = logs.filter(({ values }) => values["stream"] === stream).map(({ message }) => message);
      for (const line of ['{"polyplug":"1"}', '{"polyplug":', '{"a":{"polyplug":1}}', '[{"polyplug":1}]', "null"]) {
        assert.ok(lines.includes(line), `${stream} ${line}`);
      }
    }
  }, { onLog: (record) => void logs.push(record) });
});

test("A6: stop() during a start ends it at once and leaves nothing", { skip }, async () => {
  const lagMs = await measureLagMs();
  await withHost({ late: fixture("late", "60") }, async (host, marker) => {
    const starting = assert.rejects(host.start("late"), { code: "host.stopped" });
    const calling = assert.rejects(host.get("late").ping(), { code: "host.stopped" });
    await processesSeen(marker);
    const tookMs = await timed(() => host.stop("late"));
    await Promise.all([starting, calling]);
    assert.equal(host.get("late").state.kind, "stopped");
    await assertNoneLeft(marker);
    assert.ok(tookMs < 1000 + 10 * lagMs, `${tookMs} ms`);
  });
});

test("A6: start() with timeoutMs or a signal ends that wait alone", { skip }, async () => {
  await withHost({ late: fixture("late", "1") }, async (host) => {
    const controller = new AbortController();
    const aborted = assert.rejects(host.start("late", { signal: controller.signal }), { code: "caller.aborted" });
    await assert.rejects(host.start("late", { timeoutMs: 50 }), { code: "caller.timeout" });
    controller.abort();
    await aborted;
    assert.equal(host.get("late").state.kind, "starting");
    assert.equal((await host.start("late")).state.kind, "ready");
    assert.deepEqual(host.get("late").state, { kind: "ready", pid: host.plugins[0]?.pid, launch: 1 });
  });
});

test("A6: a program that cannot be run is spawn.not_found or spawn.not_executable, never a plain error", async () => {
  await withHost({
    interpreter: { exec: "./tests/fixtures/process/no_interpreter.sh" },
    folder: { ...typescriptPlugin("tests/fixtures/workbench.ts"), cwd: "not-there" },
    long: typescriptPlugin("tests/fixtures/workbench.ts", ["x".repeat(4 * 1024 * 1024)]),
    zero: typescriptPlugin("tests/fixtures/workbench.ts", ["a\0b"]),
  }, async (host) => {
    const codes: Record<string, string> = {};
    for (const { name } of host.plugins) codes[name] = (await startError(host, name)).code;
    assert.deepEqual(codes, {
      interpreter: "spawn.not_found",
      folder: "spawn.not_found",
      long: "spawn.not_executable",
      zero: "spawn.not_executable",
    });
  });
});

test("A6: a file that is no program is an error with a code; where the system hands it to a shell, the shell's own words are in it", async () => {
  await withHost({ format: { exec: "./tests/fixtures/process/no_program" } }, async (host) => {
    const { code } = await startError(host, "format");
    assert.ok(["spawn.not_executable", "ready.exited"].includes(code), code);
  });
});
