/**
 * Row C3, the watch alone, with a clock that the test moves: when it pings, what counts as unhealthy, and when a plugin is not needed.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LaunchCalls } from "../../../host/launch_calls.ts";
import { PluginError } from "../../../host/mod.ts";
import { Liveness } from "../../../host/supervise/liveness.ts";
import { FakeClock } from "./fake_clock.ts";

/** What the watch has done, and what the test does to what it watches. */
interface Watch {
  readonly clock: FakeClock;
  readonly calls: LaunchCalls;
  /** The pings that nobody has answered yet. */
  readonly pings: PromiseWithResolvers<void>[];
  /** How many there have been. */
  readonly sent: () => number;
  /** Why it was called sick. */
  readonly sick: PluginError[];
  readonly unused: () => number;
  readonly liveness: Liveness;
}

/** Watches a launch of the test's own: pinged after 1000 ms of quiet, 300 ms to answer. */
function watch(options: { pingIntervalMs?: number; idleTimeMs?: number; answer?: () => Promise<void> } = {}): Watch {
  const { pingIntervalMs = 1000, idleTimeMs, answer } = options;
  const clock = new FakeClock();
  const calls = new LaunchCalls({} as ConstructorParameters<typeof LaunchCalls>[0]);
  const pings: PromiseWithResolvers<void>[] = [];
  const sick: PluginError[] = [];
  let [sent, unused] = [0, 0];
  const ping = (): Promise<void> => {
    sent += 1;
    if (answer !== undefined) return answer();
    const resolvers = Promise.withResolvers<void>();
    pings.push(resolvers);
    return resolvers.promise;
  };
  const liveness = new Liveness({ calls, ping }, {
    clock,
    pingIntervalMs,
    pingTimeoutMs: 300,
    idleTimeMs,
    onSick: (reason) => {
      sick.push(reason);
      liveness.end();
    },
    onUnused: () => {
      unused += 1;
      liveness.end();
    },
  });
  return { clock, calls, pings, sent: () => sent, sick, unused: () => unused, liveness };
}

/** A call that has got an answer. */
function answeredCall(calls: LaunchCalls): void {
  calls.begin();
  calls.end(true);
}

test("C3: a quiet plugin is pinged after each interval, and one that answers is well", async () => {
  const { clock, sent, sick, liveness } = watch({ answer: () => Promise.resolve() });
  await clock.pass(999);
  assert.equal(sent(), 0);
  await clock.pass(1);
  assert.equal(sent(), 1);
  await clock.pass(9000);
  assert.deepEqual([sent(), sick], [10, []]);
  liveness.end();
  await clock.pass(10_000);
  assert.deepEqual([sent(), clock.waiting], [10, 0]);
});

test("C3: one that does not answer a ping in time is unhealthy, and is told so once", async () => {
  const { clock, sick } = watch();
  await clock.pass(1299);
  assert.equal(sick.length, 0);
  await clock.pass(1);
  assert.deepEqual(sick.map(({ code, message }) => [code, message]), [["caller.timeout", "It did not answer ping within 300 ms"]]);
  await clock.pass(10_000);
  assert.equal(sick.length, 1);
  assert.equal(clock.waiting, 0);
});

test("C3: a wrong answer to ping makes it unhealthy, also while it answers calls", async () => {
  for (const code of ["caller.bad_response", "exec.failed"]) {
    const wrong = new PluginError(code, "it said gnop", { origin: code.startsWith("exec.") ? "plugin" : "host" });
    const { clock, calls, sick } = watch({ answer: () => Promise.reject(wrong) });
    await clock.pass(1000);
    answeredCall(calls);
    await clock.pass(300);
    assert.deepEqual(sick, [wrong]);
  }
});

test("C3: what a driver of the application's own throws is a reason too", async () => {
  const { clock, sick } = watch({ answer: () => Promise.reject(new Error("no route")) });
  await clock.pass(1300);
  assert.deepEqual(sick.map(({ code, message }) => [code, message]), [["caller.lost", "no route"]]);
});

test("C3: pings are sent only while no call is open, and after an interval without any answer", async () => {
  const { clock, calls, sent } = watch({ answer: () => Promise.resolve() });
  calls.begin();
  await clock.pass(10_000);
  assert.equal(sent(), 0);
  calls.end(true);
  for (let call = 0; call < 20; call++) {
    answeredCall(calls);
    await clock.pass(500);
  }
  // The last answer came 500 ms ago: half an interval later than it could be, a ping is sent.
  await clock.pass(999);
  assert.equal(sent(), 0);
  await clock.pass(1);
  assert.equal(sent(), 1);
});

test("C3: a ping that a call has overtaken tells nothing, one that other answers have overtaken neither", async () => {
  const busy = watch();
  await busy.clock.pass(1100);
  busy.calls.begin();
  await busy.clock.pass(5000);
  assert.deepEqual([busy.sent(), busy.sick], [1, []]);
  busy.calls.end(true);
  await busy.clock.pass(1550);
  assert.equal(busy.sick.length, 1);

  const answering = watch();
  await answering.clock.pass(1100);
  answeredCall(answering.calls);
  await answering.clock.pass(200);
  assert.deepEqual([answering.sent(), answering.sick], [1, []]);
});

test("C3: a call past its deadline is a reason to ping at once, and to be unhealthy when that fails", async () => {
  const { clock, calls, sent, sick, liveness } = watch();
  const { answers } = calls;
  calls.begin();
  await clock.pass(5000);
  calls.end(false);
  liveness.overdue(answers);
  assert.equal(sent(), 1);
  await clock.pass(299);
  assert.deepEqual(sick, []);
  await clock.pass(1);
  assert.equal(sick.length, 1);
});

test("C3: under load a plugin that hangs is found by the first call past its deadline", async () => {
  const { clock, calls, sick, liveness } = watch();
  const { answers } = calls;
  calls.begin();
  await clock.pass(500);
  calls.end(false);
  liveness.overdue(answers);
  for (let call = 0; call < 3; call++) {
    await clock.pass(100);
    calls.begin();
  }
  assert.equal(sick.length, 1);
});

test("C3: a call past its deadline while a ping is on its way makes that ping count", async () => {
  const { clock, calls, sent, sick, liveness } = watch();
  await clock.pass(1000);
  const { answers } = calls;
  calls.begin();
  calls.begin();
  await clock.pass(200);
  calls.end(false);
  liveness.overdue(answers);
  await clock.pass(100);
  assert.deepEqual([sent(), sick.length], [1, 1]);
});

test("C3: a call past its deadline is no reason when anything was answered since it was sent", async () => {
  const { clock, calls, sent, sick, liveness } = watch();
  const { answers } = calls;
  calls.begin();
  answeredCall(calls);
  await clock.pass(500);
  calls.end(false);
  liveness.overdue(answers);
  assert.equal(sent(), 0);
  liveness.overdue(calls.answers);
  answeredCall(calls);
  await clock.pass(400);
  assert.deepEqual([sent(), sick], [1, []]);
});

test("C3: a call that failed without an answer while a ping was on its way is no excuse", async () => {
  const { clock, calls, sick } = watch();
  await clock.pass(1100);
  calls.begin();
  calls.end(false);
  await clock.pass(200);
  assert.equal(sick.length, 1);
});

test("C3: once the ping after a late call was answered, a later ping that a call overtakes tells nothing", async () => {
  const { clock, calls, pings, sick, liveness } = watch();
  liveness.overdue(calls.answers);
  pings[0]?.resolve();
  await clock.pass(1100);
  assert.equal(pings.length, 2);
  calls.begin();
  await clock.pass(300);
  assert.deepEqual(sick, []);
});

test("C3: ping_interval = 0 never pings by itself; a call past its deadline still does", async () => {
  const { clock, calls, sent, sick, liveness } = watch({ pingIntervalMs: 0 });
  await clock.pass(1_000_000);
  assert.deepEqual([sent(), clock.waiting], [0, 0]);
  liveness.overdue(calls.answers);
  await clock.pass(300);
  assert.deepEqual([sent(), sick.length], [1, 1]);
});

test("C3: a host that was held up itself reads the answer before it judges", async () => {
  const { clock, pings, sick } = watch();
  await clock.pass(1000);
  await clock.oversleep(5000);
  assert.deepEqual(sick, []);
  pings[0]?.resolve();
  await clock.pass(300);
  assert.deepEqual(sick, []);
  const silent = watch();
  await silent.clock.pass(1000);
  await silent.clock.oversleep(5000);
  await silent.clock.pass(300);
  assert.equal(silent.sick.length, 1);
});

test("C3: a watch that has ended tells nothing of the ping that was on its way", async () => {
  for (
    const settle of [(ping: PromiseWithResolvers<void>) => ping.resolve(), (ping: PromiseWithResolvers<void>) => ping.reject(new Error())]
  ) {
    const { clock, pings, sick, liveness } = watch();
    await clock.pass(1000);
    liveness.end();
    for (const ping of pings) settle(ping);
    await clock.pass(10_000);
    assert.deepEqual([sick, clock.waiting], [[], 0]);
  }
});

test("C15: the idle time is counted from the end of the last call, to an eighth", async () => {
  const { clock, calls, unused } = watch({ idleTimeMs: 800, pingIntervalMs: 0 });
  await clock.pass(700);
  calls.begin();
  await clock.pass(10_000);
  assert.equal(unused(), 0);
  calls.end(true);
  await clock.pass(700);
  assert.equal(unused(), 0);
  await clock.pass(200);
  assert.equal(unused(), 1);
  assert.equal(clock.waiting, 0);
  const ended = watch({ idleTimeMs: 800 });
  ended.liveness.end();
  await ended.clock.pass(10_000);
  assert.deepEqual([ended.unused(), ended.clock.waiting], [0, 0]);
});
