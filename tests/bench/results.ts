/**
 * Writes what was measured: takes the results, gives the text of RESULTS.md.
 * @module
 */
import { type Runtime, RUNTIMES } from "../support.ts";
import type { BuiltinCosts } from "./builtin_worker.ts";
import { PAYLOADS } from "./choice.ts";
import type { Limits } from "./limits_worker.ts";
import { type Peer, REFERENCE } from "./peers.ts";
import type { Figures } from "./race.ts";
import { compare, find, type Measured, rateOf, type Ratio, typical } from "./ratios.ts";
import { median } from "./slice.ts";
import type { Starts } from "./start_worker.ts";
import { IDLE_PLUGINS, laneOf, type Supervision, UNWATCHED, WATCHED, watchedRatio } from "./supervision.ts";
import { paragraph, rate, table, time } from "./table.ts";
import { judge, laterBy } from "./targets.ts";
import { BACK_CALL, PLAIN, PLUGIN, SERVICE, type TwoWay, withinRatio } from "./two_way.ts";
import type { WireName } from "./wires.ts";

/** Everything that was measured; what was not asked for is empty. */
export interface Results {
  readonly machine: string;
  readonly calls: ReadonlyMap<WireName, Measured>;
  readonly starts: ReadonlyMap<WireName, ReadonlyMap<Runtime, Starts>>;
  readonly limits: ReadonlyMap<WireName, ReadonlyMap<Runtime, Limits>>;
  readonly supervision: ReadonlyMap<Runtime, Supervision>;
  readonly twoWay: ReadonlyMap<WireName, ReadonlyMap<Runtime, TwoWay>>;
  readonly builtins: ReadonlyMap<Runtime, BuiltinCosts>;
  readonly list: Starts | undefined;
  readonly peers: readonly (Peer & { readonly version: string })[];
}

const WHO: Readonly<Record<string, string>> = {
  polyplug: "polyplug",
  plugin: "our plugin, plain host",
  floor: "floor",
  quick: "the runtime's own HTTP",
};

/** The whole text. */
export function formatResults(results: Results): string {
  const { machine, calls, starts, limits, supervision, twoWay, builtins, list, peers } = results;
  const today = new Date().toISOString().slice(0, 10);
  return [
    "# What a call costs",
    paragraph(`Written by \`deno task bench${peers.length > 0 ? " --peers" : ""}\` on ${today}. The machine: ${machine}.`),
    paragraph(METHOD),
    ...section("Targets", targetTable(results)),
    ...[...calls].flatMap(([wire, measured]) => section(`Calls: ${wire}`, callTable(measured))),
    ...(peers.length > 0 ? section("The peers", peerList(peers)) : []),
    ...(starts.size > 0 || list !== undefined ? section("From start to first answer", startTable(starts, list)) : []),
    ...(limits.size > 0 ? section("16 MiB and 1,000 calls", limitTable(limits)) : []),
    ...(supervision.size > 0 ? section("Supervision", superviseTable(supervision)) : []),
    ...(twoWay.size > 0 ? section("Calls back, and events", twoWayTable(twoWay)) : []),
    ...(builtins.size > 0 ? section("Built-ins", builtinTable(builtins)) : []),
  ].join("\n\n") + "\n";
}

const METHOD =
  "A floor is the smallest program that moves the same bytes, on the same runtime, with the same libraries where there are any. All of one " +
  "wire run at the same time and take turns, each for 50 ms, in up to 21 rounds; p50, p99 and calls/s are medians over the rounds. A ratio " +
  "is the median of the rounds' ratios, in brackets what the middle half of the rounds lie between: with one call in flight that of the " +
  "times (p50), with 32 that of the calls in a second. ✗ marks a target that is missed. `rest` carries raw bytes, `rest-hex` hex in JSON " +
  "as with plugins in other languages: there polyplug calls the floor's server, and the floor's client calls our plugin.";

function section(title: string, body: string): string[] {
  return body === "" ? [] : [`## ${title}`, body];
}

function targetTable(results: Results): string {
  const verdicts = judge(results);
  if (verdicts.length === 0) return "";
  const columns = [{ title: "what" }, { title: "target" }, ...RUNTIMES.map((title) => ({ title, isFigure: true }))];
  return table(
    columns,
    verdicts.map(({ what, limit, shown }) => [
      what,
      limit,
      ...RUNTIMES.map((runtime) => {
        const each = shown.get(runtime);
        return each === undefined ? "–" : `${each.isMet ? "" : "✗ "}${each.text}`;
      }),
    ]),
  );
}

/** A row for each lane and payload: one call in flight first, then several. */
function callTable(measured: Measured): string {
  const others = [measured.some(({ lane }) => lane === "floor") ? "floor" : "", measured.some(isReference) ? REFERENCE : ""].filter(
    Boolean,
  );
  const counts = [...new Set(measured.map(({ inFlight }) => inFlight))];
  const figures = counts.flatMap((count) => {
    const titles = [count === 1 ? "p50" : "calls/s", "p99", ...others.map((other) => `to ${other}`)];
    return titles.map((title) => ({ title: count === 1 ? title : `${count}: ${title}`, isFigure: true }));
  });
  const lanes = Map.groupBy(measured, ({ payload, racer, lane }) => `${payload} ${racer} ${lane}`);
  const rows = [...lanes.values()].map((each) => [
    ...nameOf(each[0]),
    ...counts.flatMap((count) => callCells(each.find(({ inFlight }) => inFlight === count), measured, others)),
  ]);
  return table([{ title: "payload" }, { title: "on" }, { title: "who" }, ...figures], rows);
}

function isReference({ racer }: Figures): boolean {
  return racer === REFERENCE;
}

function nameOf(figures: Figures | undefined): readonly string[] {
  const { payload = 0, racer = "", lane = "" } = figures ?? {};
  const size = [...PAYLOADS].find(([, bytes]) => bytes === payload)?.[0] ?? String(payload);
  return lane === "peer" ? [size, "", racer] : [size, racer, WHO[lane] ?? lane];
}

function callCells(figures: Figures | undefined, measured: Measured, others: readonly string[]): readonly string[] {
  if (figures === undefined) return ["", "", ...others.map(() => "")];
  const { racer, payload, inFlight } = figures;
  const ratios = others.map((other) => {
    const at = other === "floor" ? { racer, lane: "floor" } : { racer: other, lane: "peer" };
    const than = find(measured, { ...at, payload, inFlight });
    return than === undefined || than === figures ? "" : formatRatio(compare(figures, than));
  });
  return [inFlight === 1 ? time(typical(figures, "p50Us")) : rate(rateOf(figures)), time(typical(figures, "p99Us")), ...ratios];
}

function formatRatio({ median, low, high }: Ratio): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function twoWayTable(twoWay: Results["twoWay"]): string {
  const figures = ["a call", "host service within", "other plugin within", "events/s to ten", "event p50", "event p99"].map((title) => ({
    title,
    isFigure: true,
  }));
  const rows = [...twoWay].flatMap(([wire, byRuntime]) =>
    [...byRuntime].map(([runtime, each]) => {
      const plain = find(each.calls, { racer: runtime, lane: PLAIN, ...BACK_CALL });
      const { perSecond, p50Ms, p99Ms } = each.events;
      return [
        wire,
        runtime,
        plain === undefined ? "" : time(typical(plain, "p50Us")),
        formatRatio(withinRatio(each, SERVICE)),
        formatRatio(withinRatio(each, PLUGIN)),
        rate(perSecond),
        time(1000 * p50Ms),
        time(1000 * p99Ms),
      ];
    })
  );
  return table([{ title: "wire" }, { title: "on" }, ...figures], rows);
}

function peerList(peers: Results["peers"]): string {
  return table(
    [{ title: "peer" }, { title: "version" }, { title: "how" }],
    peers.map(({ name, version, bytes }) => [name, version, bytes]),
  );
}

function startTable(starts: Results["starts"], list: Starts | undefined): string {
  const rows = [...starts].flatMap(([wire, byRuntime]) => [...byRuntime].map(([runtime, each]) => startRow(runtime, wire, each)));
  const all = list === undefined ? rows : [...rows, startRow("deno", "`polyplug list`, one line", list)];
  const titles = ["polyplug", "bare", "later by", "polyplug, first time", "bare, first time"];
  return table([{ title: "on" }, { title: "what" }, ...titles.map((title) => ({ title, isFigure: true }))], all);
}

function startRow(runtime: Runtime, what: string, each: Starts): readonly string[] {
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const [first, bareFirst] = [each.polyplug[0] ?? Number.NaN, each.bare[0] ?? Number.NaN];
  return [runtime, what, ms(median(each.polyplug.slice(1))), ms(median(each.bare.slice(1))), ms(laterBy(each)), ms(first), ms(bareFirst)];
}

function limitTable(limits: Results["limits"]): string {
  const titles = ["memory, one call", "memory, ten in turn", "failures of 1,000 calls"];
  const columns = [{ title: "on" }, { title: "wire" }, ...titles.map((title) => ({ title, isFigure: true }))];
  const rows = [...limits].flatMap(([wire, byRuntime]) =>
    [...byRuntime].map(([runtime, { peakOfOne, peakOfTen, failures }]) => [
      runtime,
      wire,
      `${peakOfOne.toFixed(1)} × 16 MiB`,
      `${peakOfTen.toFixed(1)} × 16 MiB`,
      String(failures),
    ])
  );
  return table(columns, rows);
}

function builtinTable(builtins: Results["builtins"]): string {
  const titles = ["the bare function, 16 B", "in process", "in a worker"];
  const us = (value: number) => `${value.toFixed(2)} µs`;
  const rows = [...builtins].map(([runtime, { bareUs, inProcessUs, workerUs }]) => [runtime, us(bareUs), us(inProcessUs), us(workerUs)]);
  return table([{ title: "on" }, ...titles.map((title) => ({ title, isFigure: true }))], rows);
}

function superviseTable(supervision: Results["supervision"]): string {
  const titles = [WATCHED, UNWATCHED, "ratio", `${IDLE_PLUGINS} idle: of a core`, `${IDLE_PLUGINS} idle: memory each`];
  const rows = [...supervision].map(([runtime, each]) => [
    runtime,
    ...[WATCHED, UNWATCHED].map((lane) => time(typical(laneOf(each, lane), "p50Us"))),
    formatRatio(watchedRatio(each)),
    `${each.idle.percentOfCore.toFixed(2)} %`,
    `${each.idle.kibPerPlugin.toFixed(0)} KiB`,
  ]);
  return table([{ title: "on" }, ...titles.map((title) => ({ title, isFigure: true }))], rows);
}
