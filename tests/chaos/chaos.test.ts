/**
 * Ten plugins over all wires, ill-treated at random: every call is answered right, or with an error that the rules of rules.ts allow.
 * `POLYPLUG_SEED=…` does the same things again, as far as the machine lets them fall at the same moments.
 * @module
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Host, openHost } from "../../host/mod.ts";
import { isBindable } from "../../host/process/ports.ts";
import { languageSkip } from "../languages.ts";
import { assertNoneLeft, configOf, pythonPlugin, RUNTIME, typescriptPlugin, withFolder } from "../support.ts";
import { assertNothingLeaked, held } from "./leaks.ts";
import { Lag, load } from "./load.ts";
import { Random, seedOfRun } from "./random.ts";
import { lineOf, type Outcome, wrongWith } from "./rules.ts";
import { Subject } from "./subject.ts";

const SECONDS = process.env["POLYPLUG_LONG"] ? 60 : 10;
const CALLERS = 2;
const LOOK_EVERY_MS = 300;
const SETTLE_MS = 30_000;
/** The longest call, the ping that follows its deadline, and a slow start on a busy machine. */
const WELL_AGAIN_MS = 25_000;

const typescript = typescriptPlugin("tests/chaos/target.ts");
const python = pythonPlugin("tests/chaos/target.py");
const fragile = { restart: { max: 2, window: 3, min_delay: 0.05 } };
const targets: Readonly<Record<string, Record<string, unknown>>> = {
  rest: { ...typescript, comm_type: "rest", env: { CHAOS_FRONT: "1" } },
  grpc: { ...typescript, comm_type: "grpc", env: { CHAOS_FRONT: "1" } },
  connect: { ...typescript, comm_type: "connect", env: { CHAOS_FRONT: "1" } },
  socket: { ...typescript, socket: true },
  "socket-fragile": { ...typescript, socket: true, ...fragile },
  "socket-on-demand": { ...typescript, socket: true, daemon: false, idle_time: 0.2 },
  python,
  "python-fragile": { ...python, ...fragile },
  "python-on-demand": { ...python, daemon: false, idle_time: 0.2 },
  "python-fixed": python,
};
const often = { restart: { max: 10_000, min_delay: 0.02, max_delay: 0.2 } };
const times = { ping_interval: 0.4, ping_timeout: 1.5, start_timeout: 15, stop: { shutdown: 0.5, stdin: 0.3, term: 0.3 } };

interface Run {
  readonly folder: string;
  readonly marker: string;
  readonly host: Host;
}

/** A free port of those that the kernel gives to nobody who asks for any, so that none of the others gets it. */
async function fixedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    if (await isBindable(port)) return port;
  }
}

async function openRun(folder: string, marker: string): Promise<Run> {
  const port = await fixedPort();
  const entries = Object.entries(targets).map(([name, { env, ...target }]) => {
    // Sockets in a folder of their own, where those that are left are seen.
    const marked = { ...(env as object | undefined), TEST_MARKER: marker, CHAOS_FOLDER: folder, TMPDIR: join(folder, "tmp") };
    return [name, { ...often, ...times, ...target, ...(name === "python-fixed" && { comm_port: port }), env: marked }] as const;
  });
  return { folder, marker, host: await openHost("test", { config: configOf(Object.fromEntries(entries), join(folder, "state")) }) };
}

/** Starts everything once and ends it, so that what a runtime keeps for good is there before anything is counted. */
async function warmUp(folder: string): Promise<void> {
  await using host = (await openRun(folder, "warm-up")).host;
  for (const name of Object.keys(targets)) await host.get(name).exec("chaos.pid");
}

async function ordeal(
  { host, folder, marker }: Run,
  seed: number,
): Promise<{ subjects: readonly Subject[]; outcomes: readonly Outcome[] }> {
  const subjects = Object.keys(targets).map((name) => new Subject({ host, name, folder, marker }));
  using lag = new Lag();
  await Promise.all(subjects.map(({ handle }) => handle.ready()));
  let isOver = false;
  const loads = subjects.flatMap((subject) =>
    Array.from({ length: CALLERS }, (_, caller) => {
      const id = `${subject.name}-${caller}`;
      const pauseMs = subject.name.endsWith("on-demand") ? 600 : 60;
      return load({ subject, random: new Random(seed, id), pauseMs, isOver: () => isOver, lag }, id);
    })
  );
  const looking = lookOn(host, () => isOver);
  const random = new Random(seed, "faults");
  const end = performance.now() + SECONDS * 1000;
  while (performance.now() < end) {
    random.pick(subjects).act(random);
    await sleep(random.between(10, 120));
  }
  isOver = true;
  await looking;
  const outcomes = (await Promise.all(loads)).flat();
  for (const subject of subjects) await subject.settle(SETTLE_MS);
  return { subjects, outcomes };
}

/** Asks how the plugins are, which fails in no state. */
async function lookOn(host: Host, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const health = await host.health();
    assert.deepEqual(new Set(Object.keys(health)), new Set(["test", ...Object.keys(targets).map((name) => `test.${name}`)]));
    assert.equal(host.plugins.length, Object.keys(targets).length);
    await sleep(LOOK_EVERY_MS);
  }
}

/** How often each call ran, as the plugins say. */
async function readRuns(folder: string): Promise<ReadonlyMap<string, number>> {
  const runs = new Map<string, number>();
  for (const name of Object.keys(targets)) {
    const ids = (await readFile(join(folder, `${name}.ran`), "utf8")).trimEnd().split("\n");
    for (const id of ids) runs.set(id, (runs.get(id) ?? 0) + 1);
  }
  return runs;
}

/** How often each thing is there, the most frequent first. */
function tally(items: Iterable<string>): string {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([item, count]) => `${item} ${count}`).join(", ");
}

const title =
  `Chaos: ten plugins on all wires, ${SECONDS} s of faults: every call is answered right, or with an error that its state allows`;
test(title, { skip: languageSkip("python") }, async () => {
  const seed = seedOfRun();
  await withFolder(async (folder) => {
    await mkdir(join(folder, "tmp"));
    await warmUp(folder);
    const before = held();
    const run = await openRun(folder, crypto.randomUUID());
    try {
      const { subjects, outcomes } = await ordeal(run, seed);
      await run.host.close();
      await assertNoneLeft(run.marker);
      const runs = await readRuns(folder);
      const wrong = outcomes.flatMap((outcome) => {
        const found = wrongWith(outcome, runs.get(outcome.id) ?? 0);
        return found.length === 0 ? [] : [lineOf(outcome, found)];
      });
      if (process.env["POLYPLUG_CHAOS_TELL"]) {
        console.log(`seed ${seed}: ${outcomes.length} calls: ${tally(outcomes.map(({ result }) => result))}`);
        console.log(subjects.map(({ name, worst }) => `${name} ${worst.join(" ")} ms`).join(", "));
        console.log(tally(subjects.flatMap(({ counts }) => [...counts].flatMap(([kind, count]) => Array<string>(count).fill(kind)))));
      }
      assert.deepEqual([...wrong, ...subjects.flatMap(({ errors }) => errors)], []);
      assert.ok(
        outcomes.filter(({ result }) => result === "right").length > outcomes.length / 4,
        tally(outcomes.map(({ result }) => result)),
      );
      for (const { name, worst: [kind, ms] } of subjects) {
        assert.ok(ms < WELL_AGAIN_MS, `"${name}" was not well for ${ms} ms after: ${kind}`);
      }
      assert.deepEqual(await readdir(join(folder, "tmp")), []);
      await assertNothingLeaked(before);
    } catch (error) {
      console.error(`To do it again: POLYPLUG_SEED=${seed} deno task test chaos/chaos --runtime ${RUNTIME}`);
      throw error;
    } finally {
      await run.host.close();
    }
  });
});
