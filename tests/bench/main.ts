/**
 * `deno task bench`: takes what to measure, measures it beside the smallest programs that do the same, prints and keeps the results.
 *
 *     deno task bench [--peers]      everything, into tests/bench/RESULTS.md; about ten minutes
 *     deno task bench --guard        a few seconds: fails when calls have become much dearer
 *     deno task bench [--runtime deno|bun|node] [--wire socket|rest|rest-hex|connect|grpc] [--payload 16|1KiB|64KiB|1MiB|16MiB]
 *                     [--in-flight 1|32] [--part calls|start|list|limits|supervision|two-way|builtins] [--brief]      some of it, printed alone
 *
 * Each option may be given several times. `--brief` makes do with few rounds.
 * @module
 */
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { findRuntimes, type Runtimes } from "../../tasks/runtimes.ts";
import { pathOf, type Runtime } from "../support.ts";
import type { BuiltinCosts } from "./builtin_worker.ts";
import { type Choice, readArguments } from "./choice.ts";
import { guard } from "./guard.ts";
import { describeMachine, load } from "./machine.ts";
import { installPeers, peerPrograms, PEERS, peerVersions } from "./peers.ts";
import {
  measureBuiltins,
  measureEvents,
  measureIdle,
  measureLimits,
  measureList,
  measureStarts,
  racerProgram,
  superviseProgram,
  twoWayProgram,
} from "./programs.ts";
import { type Cell, type Figures, race, withRacers } from "./race.ts";
import type { Measured } from "./ratios.ts";
import { formatResults, type Results } from "./results.ts";
import { type Supervision, WATCHED_CALL } from "./supervision.ts";
import { BACK_CALL, TWO_WAY_WIRES, type TwoWay } from "./two_way.ts";
import type { WireName } from "./wires.ts";

const ROUNDS = { most: 21, least: 3, sliceMs: 50, budgetMs: 20_000 };
const BRIEF_ROUNDS = { most: 3, least: 1, sliceMs: 50, budgetMs: 3000 };
/** Two lanes alone, and a difference of a few percent to be seen. */
const SUPERVISE_ROUNDS = { ...ROUNDS, most: 101 };
const [STARTS, BRIEF_STARTS] = [10, 3];
/** Only where something is promised of it, one call at a time, and not the peers, some of which refuse it. */
const LARGEST = 16 * 1024 * 1024;
const LARGEST_ON: readonly WireName[] = ["socket", "rest", "rest-hex"];
/** Between our own two sides by default, and over what everyone speaks. */
const START_WIRES: readonly WireName[] = ["socket", "rest"];

function cellsOf(wire: WireName, { payloads, inFlight }: Choice): readonly Cell[] {
  const cells = payloads.flatMap((payload) => inFlight.map((count) => ({ payload, inFlight: count })));
  return cells.filter((cell) => cell.payload < LARGEST || LARGEST_ON.includes(wire) && cell.inFlight === 1);
}

/** Everything of one wire takes turns: each runtime's polyplug and floors, and beside the socket the peers. */
async function measureCalls(wire: WireName, choice: Choice, found: Runtimes): Promise<Measured> {
  const ours = choice.runtimes.map((runtime) => racerProgram(runtime, wire, found));
  const peers = choice.peers && wire === "socket" ? peerPrograms(found) : [];
  return await withRacers([...ours, ...peers], async (racers) => {
    const measured: Figures[] = [];
    for (const cell of cellsOf(wire, choice)) {
      progress(`${wire}: ${cell.payload} B, ${cell.inFlight} in flight`);
      const racing = cell.payload < LARGEST ? racers : racers.slice(0, ours.length);
      measured.push(...await race(racing, cell, choice.brief ? BRIEF_ROUNDS : ROUNDS));
    }
    return measured;
  });
}

/** On one runtime: what watching adds to a call, and what it takes while nobody calls. */
async function measureSupervision(runtime: Runtime, { brief }: Choice, found: Runtimes): Promise<Supervision> {
  progress(`${runtime}: supervision`);
  const calls = await withRacers(
    [superviseProgram(runtime, found)],
    (racers) => race(racers, WATCHED_CALL, brief ? BRIEF_ROUNDS : SUPERVISE_ROUNDS),
  );
  return { calls, idle: await measureIdle(runtime, found) };
}

/** On one runtime over one wire: what calling back costs, and events. */
async function measureTwoWay(
  runtime: Runtime,
  wire: WireName,
  { choice: { brief }, found }: { choice: Choice; found: Runtimes },
): Promise<TwoWay> {
  progress(`${runtime}: calls back and events over ${wire}`);
  const calls = await withRacers([twoWayProgram(runtime, wire, found)], (racers) => race(racers, BACK_CALL, brief ? BRIEF_ROUNDS : ROUNDS));
  return { calls, events: await measureEvents(runtime, wire, found) };
}

async function measure(choice: Choice, found: Runtimes): Promise<Results> {
  const { runtimes, wires, parts, brief } = choice;
  const rounds = brief ? BRIEF_STARTS : STARTS;
  const onEach = async <T>(wire: WireName, title: string, take: (runtime: Runtime) => Promise<T>): Promise<ReadonlyMap<Runtime, T>> => {
    progress(`${wire}: ${title}`);
    const taken = new Map<Runtime, T>();
    for (const runtime of runtimes) taken.set(runtime, await take(runtime));
    return taken;
  };
  const [calls, starts, limits] = [new Map<WireName, Measured>(), new Map(), new Map()];
  if (choice.peers) await installPeers();
  if (parts.includes("calls")) { for (const wire of wires) calls.set(wire, await measureCalls(wire, choice, found)); }
  for (const wire of parts.includes("start") ? wires.filter((each) => START_WIRES.includes(each)) : []) {
    starts.set(wire, await onEach(wire, "starts", (runtime) => measureStarts(runtime, wire, { found, rounds })));
  }
  for (const wire of parts.includes("limits") ? wires.filter((each) => LARGEST_ON.includes(each)) : []) {
    limits.set(wire, await onEach(wire, "limits", (runtime) => measureLimits(runtime, wire, found)));
  }
  const supervision = new Map<Runtime, Supervision>();
  for (const runtime of parts.includes("supervision") ? runtimes : []) {
    supervision.set(runtime, await measureSupervision(runtime, choice, found));
  }
  const twoWay = new Map<WireName, ReadonlyMap<Runtime, TwoWay>>();
  for (const wire of parts.includes("two-way") ? wires.filter((each) => TWO_WAY_WIRES.includes(each)) : []) {
    twoWay.set(wire, await onEach(wire, "two-way", (runtime) => measureTwoWay(runtime, wire, { choice, found })));
  }
  const builtins = new Map<Runtime, BuiltinCosts>();
  for (const runtime of parts.includes("builtins") ? runtimes : []) {
    progress(`${runtime}: built-ins`);
    builtins.set(runtime, await measureBuiltins(runtime, found));
  }
  const list = parts.includes("list") ? await measureList(found, rounds) : undefined;
  const versions = choice.peers ? await peerVersions() : {};
  const peers = choice.peers ? PEERS.map((peer) => ({ ...peer, version: versions[peer.name] ?? "" })) : [];
  return { machine: await describeMachine(found), calls, starts, limits, supervision, twoWay, builtins, list, peers };
}

async function main(): Promise<void> {
  const choice = readArguments();
  const found = await findRuntimes();
  if (choice.guard) {
    process.exitCode = await guard(found) ? 0 : 1;
    return;
  }
  if (load() > 1) process.stderr.write(`Something else is running (load ${load().toFixed(1)}): these figures are not worth keeping\n`);
  const text = formatResults(await measure(choice, found));
  process.stdout.write(text);
  if (choice.isWhole) await writeFile(pathOf("tests/bench/RESULTS.md"), text);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
