/**
 * Rows C4 and C9: every state with every event, the impossible ones too, against the table in the head of machine.ts.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PluginError } from "../../../host/mod.ts";
import type { PluginState } from "../../../host/states.ts";
import { type Effect, type Life, type LifeEvent, type LifeRules, newLife, step } from "../../../host/supervise/machine.ts";

const why = new PluginError("host.crashed", "it exited with code 3");
const givenUp = new PluginError("host.crashed", "it was given up");
const rules: LifeRules = {
  policy: { max: 2, windowMs: 1000, minDelayMs: 100, maxDelayMs: 300 },
  supervised: true,
  onDemand: false,
  now: 10_000,
  random: 0,
  crashed: () => givenUp,
};

const states: Readonly<Record<PluginState["kind"], PluginState>> = {
  idle: { kind: "idle" },
  starting: { kind: "starting", attempt: 1 },
  ready: { kind: "ready", pid: 7, launch: 1 },
  unhealthy: { kind: "unhealthy", pid: 7, reason: why },
  restarting: { kind: "restarting", attempt: 2, delayMs: 100, reason: why },
  stopping: { kind: "stopping" },
  stopped: { kind: "stopped" },
  crashed: { kind: "crashed", reason: why },
  inactive: { kind: "inactive" },
};

const events: readonly LifeEvent[] = [
  { kind: "wanted" },
  { kind: "due" },
  { kind: "ready", pid: 8 },
  { kind: "failed", reason: why },
  { kind: "sick", reason: why },
  { kind: "exited", reason: why, wanted: false },
  { kind: "unused" },
  { kind: "replacing" },
  { kind: "swapped", pid: 8 },
  { kind: "stop" },
  { kind: "stopped" },
  { kind: "revive" },
];

const restarting: PluginState = { kind: "restarting", attempt: 1, delayMs: 0, reason: why };
const wait: Effect = { kind: "wait", delayMs: 0 };
const ready: PluginState = { kind: "ready", pid: 8, launch: 2 };
const stopping: readonly [PluginState, Effect] = [{ kind: "stopping" }, { kind: "retire" }];

/** State, event, what follows; whatever is not here leaves the state as it is. */
const table: Readonly<Record<string, readonly [PluginState, ...Effect[]]>> = {
  "idle wanted": [{ kind: "starting", attempt: 1 }, { kind: "launch" }],
  "restarting due": [{ kind: "starting", attempt: 2 }, { kind: "launch" }],
  "starting ready": [ready],
  "starting failed": [{ kind: "idle" }, { kind: "reject", error: why }],
  "ready sick": [{ kind: "unhealthy", pid: 7, reason: why }, { kind: "kill" }],
  "ready exited": [restarting, wait],
  "unhealthy exited": [restarting, wait],
  "ready unused": [{ kind: "idle" }, { kind: "retire" }],
  "ready replacing": [{ kind: "starting", attempt: 1 }, { kind: "retire" }],
  "unhealthy replacing": [{ kind: "starting", attempt: 1 }, { kind: "retire" }],
  "idle swapped": [ready],
  "starting swapped": [ready],
  "restarting swapped": [ready],
  "ready swapped": [ready],
  "unhealthy swapped": [ready],
  "crashed swapped": [ready],
  "idle stop": stopping,
  "starting stop": stopping,
  "restarting stop": stopping,
  "ready stop": stopping,
  "unhealthy stop": stopping,
  "crashed stop": stopping,
  "stopping stopped": [{ kind: "stopped" }],
  "stopped revive": [{ kind: "idle" }],
  "crashed revive": [{ kind: "idle" }],
};

function lifeIn(state: PluginState): Life {
  return { ...newLife(true), state, launches: 1 };
}

for (const [kind, state] of Object.entries(states)) {
  for (const event of events) {
    const row = table[`${kind} ${event.kind}`];
    test(`C9: ${kind}, ${event.kind}: ${row === undefined ? "nothing happens" : row[0].kind}`, () => {
      const before = lifeIn(state);
      const { life, effects } = step(before, event, rules);
      const [next, ...wanted] = row ?? [state];
      assert.deepEqual(life.state, next);
      assert.deepEqual(effects, wanted);
      assert.equal(life === before, row === undefined);
    });
  }
}

/** Lets a life go through events, at one moment each; gives the states. */
function live(steps: readonly (readonly [at: number, event: LifeEvent])[], changed: Partial<LifeRules> = {}): readonly PluginState[] {
  let life = newLife(true);
  return steps.map(([now, event]) => (life = step(life, event, { ...rules, ...changed, now }).life).state);
}

const run: LifeEvent[] = [{ kind: "wanted" }, { kind: "ready", pid: 1 }];
const exited: LifeEvent = { kind: "exited", reason: why, wanted: false };
const again: LifeEvent[] = [exited, { kind: "due" }, { kind: "ready", pid: 1 }];

function at(now: number, list: readonly LifeEvent[]): readonly (readonly [number, LifeEvent])[] {
  return list.map((event) => [now, event]);
}

test("C4: the first restart is immediate, the next ones wait twice as long each up to the cap, and then it is given up", () => {
  const policy = { max: 4, windowMs: 1000, minDelayMs: 100, maxDelayMs: 300 };
  const lived = live(at(0, [...run, ...again, ...again, ...again, ...again, exited]), { policy });
  const delays = lived.flatMap((state) => state.kind === "restarting" ? [state.delayMs] : []);
  assert.deepEqual(delays, [0, 100, 200, 300]);
  assert.deepEqual(lived.at(-1), { kind: "crashed", reason: why });
});

test("C4: a part of each delay is left to chance", () => {
  const delays = [0, 0.5, 1].map((random) => {
    const last = live(at(0, [...run, ...again, exited]), { random }).at(-1);
    return last?.kind === "restarting" ? last.delayMs : undefined;
  });
  assert.deepEqual(delays, [100, 90, 80]);
});

test("C4: after a quiet window the count begins afresh", () => {
  const lived = live([...at(0, [...run, ...again, ...again]), ...at(999, [exited])]);
  assert.equal(lived.at(-1)?.kind, "crashed");
  const quiet = live([...at(0, [...run, ...again, ...again]), ...at(1000, [exited])]);
  assert.deepEqual(quiet.at(-1), restarting);
});

test("C4: max = 0 never starts it again", () => {
  const policy = { max: 0, windowMs: 1000, minDelayMs: 100, maxDelayMs: 300 };
  assert.deepEqual(live(at(0, [...run, exited]), { policy }).at(-1), { kind: "crashed", reason: why });
});

test("C4: starts that fail count too, with one delay after the other, and the attempts are numbered", () => {
  const failed: LifeEvent = { kind: "failed", reason: why };
  const lived = live(at(0, [...run, exited, { kind: "due" }, failed, { kind: "due" }, failed]));
  assert.deepEqual(lived.slice(2), [
    restarting,
    { kind: "starting", attempt: 1 },
    { kind: "restarting", attempt: 2, delayMs: 100, reason: why },
    { kind: "starting", attempt: 2 },
    { kind: "crashed", reason: why },
  ]);
});

test("C4: a plugin that never ran is tried again by the next call, later and later, until it is given up", () => {
  const failed: LifeEvent = { kind: "failed", reason: why };
  const lived = live(at(0, [{ kind: "wanted" }, failed, { kind: "wanted" }, failed, { kind: "wanted" }, { kind: "due" }, failed]));
  assert.deepEqual(lived.map(({ kind }) => kind), ["starting", "idle", "starting", "idle", "restarting", "starting", "crashed"]);
});

test("C4: start() of a plugin that was given up begins afresh", () => {
  const lived = live(at(0, [...run, ...again, ...again, exited, { kind: "revive" }, ...run, exited]));
  assert.deepEqual(lived.at(-1), restarting);
});

test("C9: without supervision an exit leads to idle, whoever waits, and as often as it will", () => {
  const lived = live(at(0, [...run, exited, ...run, exited, ...run, exited, ...run]), { supervised: false });
  assert.deepEqual(lived.map(({ kind }) => kind), [
    ...["starting", "ready", "idle"],
    ...["starting", "ready", "idle"],
    ...["starting", "ready", "idle"],
    ...["starting", "ready"],
  ]);
});

test("C15: a plugin on demand that ends is started again only for those who wait for it", () => {
  assert.equal(live(at(0, [...run, exited]), { onDemand: true }).at(-1)?.kind, "idle");
  assert.equal(live(at(0, [...run, { ...exited, wanted: true }]), { onDemand: true }).at(-1)?.kind, "restarting");
});

test("C15: the delay of a plugin on demand counts from its last end, not from the next call", () => {
  const ended = at(0, [...run, exited, ...run, exited]);
  const onDemand = { onDemand: true };
  assert.deepEqual(live([...ended, ...at(40, [{ kind: "wanted" }])], onDemand).at(-1), { ...restarting, delayMs: 60 });
  assert.equal(live([...ended, ...at(100, [{ kind: "wanted" }])], onDemand).at(-1)?.kind, "starting");
});
