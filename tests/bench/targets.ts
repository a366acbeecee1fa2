/**
 * What issue and README promise: takes everything measured, gives a row for each promise that says whether it is kept.
 * @module
 */
import { type Runtime, RUNTIMES } from "../support.ts";
import { PAYLOADS } from "./choice.ts";
import { REFERENCE } from "./peers.ts";
import { compare, find, type Measured, ratioOf } from "./ratios.ts";
import type { Results } from "./results.ts";
import type { Starts } from "./start_worker.ts";
import { IDLE_PLUGINS, watchedRatio } from "./supervision.ts";
import { PLUGIN, SERVICE, type TwoWay, withinRatio } from "./two_way.ts";
import type { WireName } from "./wires.ts";

/** One promise, and what each runtime shows of it; a runtime that was not measured is missing. */
export interface Verdict {
  readonly what: string;
  readonly limit: string;
  readonly shown: ReadonlyMap<Runtime, { readonly text: string; readonly isMet: boolean }>;
}

/** A promise of a ratio between lanes of one wire. */
interface Promised {
  readonly wire: WireName;
  readonly lane?: string;
  readonly against: "floor" | typeof REFERENCE;
  readonly payloads: readonly string[];
  /** With one call in flight. */
  readonly atMost?: number;
  /** With 32. */
  readonly atLeast?: number;
}

const SMALL = ["16 B", "1 KiB"];
const LARGE = ["16 MiB"];
const PROMISES: readonly Promised[] = [
  { wire: "socket", against: REFERENCE, payloads: SMALL, atMost: 0.8, atLeast: 5 },
  { wire: "socket", against: REFERENCE, payloads: ["1 MiB"], atMost: 1 },
  { wire: "socket", against: "floor", payloads: SMALL, atMost: 1.3, atLeast: 0.6 },
  { wire: "stdio", against: "floor", payloads: ["16 B"], atMost: 1.3 },
  { wire: "rest", against: "floor", payloads: SMALL, atMost: 1.25, atLeast: 0.8 },
  { wire: "rest-hex", against: "floor", payloads: SMALL, atMost: 1.25, atLeast: 0.8 },
  { wire: "rest-hex", lane: "plugin", against: "floor", payloads: SMALL, atMost: 1.25, atLeast: 0.8 },
  { wire: "grpc", against: "floor", payloads: SMALL, atMost: 1.5, atLeast: 0.6 },
  { wire: "socket", against: "floor", payloads: LARGE, atMost: 1.5 },
  { wire: "rest", against: "floor", payloads: LARGE, atMost: 1.5 },
  { wire: "rest-hex", against: "floor", payloads: LARGE, atMost: 2.5 },
];
const MEMORY_AT_MOST = 4;
const START_AT_MOST_MS = 25;
const LIST_AT_MOST = 1.5;
const WATCHED_AT_MOST = 1.05;
const IDLE_BELOW_PERCENT = 2;
const BUILTIN_AT_MOST_US = 5;
const SERVICE_AT_MOST = 1.3;
const PLUGIN_AT_MOST = 2.3;

/** A row for each promise of which something was measured. */
export function judge({ calls, starts, limits, supervision, twoWay, builtins, list }: Results): readonly Verdict[] {
  const rows = [
    ...PROMISES.flatMap((promised) => judgeCalls(promised, calls.get(promised.wire) ?? [])),
    ...[...limits].map(([wire, byRuntime]) =>
      rowOf(`16 MiB over ${wire}: memory of the host`, `≤ ${MEMORY_AT_MOST} × the payload`, byRuntime, ({ peakOfOne }) => ({
        text: `${peakOfOne.toFixed(1)} ×`,
        isMet: peakOfOne <= MEMORY_AT_MOST,
      }))
    ),
    ...[...starts].map(([wire, byRuntime]) =>
      rowOf(`${wire}: start to first answer`, `≤ the bare runtime + ${START_AT_MOST_MS} ms`, byRuntime, (each) => {
        const more = laterBy(each);
        return { text: `+${more.toFixed(0)} ms`, isMet: more <= START_AT_MOST_MS };
      })
    ),
    ...(list === undefined ? [] : [judgeList(list)]),
    ...[...limits].map(([wire, byRuntime]) =>
      rowOf(`1,000 calls in flight over ${wire}`, "0 failures", byRuntime, ({ failures }) => ({
        text: String(failures),
        isMet: failures === 0,
      }))
    ),
    rowOf("16 B over socket, p50, with `supervise: true`", `≤ ${WATCHED_AT_MOST} × with \`supervise: false\``, supervision, (each) => {
      const { median } = watchedRatio(each);
      return { text: `${median.toFixed(2)} ×`, isMet: median <= WATCHED_AT_MOST };
    }),
    rowOf(`${IDLE_PLUGINS} plugins that nobody calls`, `< ${IDLE_BELOW_PERCENT} % of a core`, supervision, ({ idle }) => ({
      text: `${idle.percentOfCore.toFixed(2)} %`,
      isMet: idle.percentOfCore < IDLE_BELOW_PERCENT,
    })),
    ...[...twoWay].flatMap(([wire, byRuntime]) => [
      rowOf(
        `${wire}: plugin → host service, 16 B, p50`,
        `≤ ${SERVICE_AT_MOST} × a plain call`,
        byRuntime,
        (each) => within(each, SERVICE, SERVICE_AT_MOST),
      ),
      rowOf(
        `${wire}: plugin → plugin, 16 B, p50`,
        `≤ ${PLUGIN_AT_MOST} × a plain call`,
        byRuntime,
        (each) => within(each, PLUGIN, PLUGIN_AT_MOST),
      ),
    ]),
    rowOf("a built-in in process, 16 B", `≤ the bare function + ${BUILTIN_AT_MOST_US} µs`, builtins, ({ bareUs, inProcessUs }) => ({
      text: `+${(inProcessUs - bareUs).toFixed(2)} µs`,
      isMet: inProcessUs - bareUs <= BUILTIN_AT_MOST_US,
    })),
  ];
  return rows.filter(({ shown }) => shown.size > 0);
}

/** By how many milliseconds ours is later, in the middle of the rounds after the first. */
export function laterBy({ polyplug, bare }: Starts): number {
  return ratioOf(polyplug.slice(1).map((ms, round) => ms - (bare[round + 1] ?? Number.NaN))).median;
}

function within(each: TwoWay, lane: string, atMost: number): { readonly text: string; readonly isMet: boolean } {
  const { median } = withinRatio(each, lane);
  return { text: `${median.toFixed(2)} ×`, isMet: median <= atMost };
}

function judgeCalls({ wire, lane = "polyplug", against, payloads, atMost, atLeast }: Promised, measured: Measured): Verdict[] {
  return payloads.flatMap((name) =>
    ([[1, atMost], [32, atLeast]] as const).flatMap(([inFlight, limit]) => {
      if (limit === undefined) return [];
      const cell = { payload: PAYLOADS.get(name) ?? 0, inFlight };
      const pairs = RUNTIMES.flatMap((runtime) => {
        const ours = find(measured, { racer: runtime, lane, ...cell });
        const other = find(
          measured,
          against === "floor" ? { racer: runtime, lane: "floor", ...cell } : { racer: against, lane: "peer", ...cell },
        );
        return ours === undefined || other === undefined ? [] : [[runtime, compare(ours, other).median] as const];
      });
      const who = lane === "polyplug" ? wire : `${wire}, our plugin with a plain host`;
      const what = `${who}, ${name}, ${inFlight === 1 ? "p50" : "32 in flight, calls/s"}`;
      const than = against === "floor" ? "the floor" : against;
      return [rowOf(what, `${inFlight === 1 ? "≤" : "≥"} ${limit} × ${than}`, new Map(pairs), (ratio) => ({
        text: `${ratio.toFixed(2)} ×`,
        isMet: inFlight === 1 ? ratio <= limit : ratio >= limit,
      }))];
    })
  );
}

function judgeList({ polyplug, bare }: Starts): Verdict {
  const ratio = ratioOf(polyplug.map((ms, round) => ms / (bare[round] ?? Number.NaN))).median;
  const shown = { text: `${ratio.toFixed(2)} ×`, isMet: ratio <= LIST_AT_MOST };
  return { what: "`polyplug list`", limit: `≤ ${LIST_AT_MOST} × a program that prints one line`, shown: new Map([["deno", shown]]) };
}

function rowOf<T>(
  what: string,
  limit: string,
  byRuntime: ReadonlyMap<Runtime, T>,
  look: (each: T) => { readonly text: string; readonly isMet: boolean },
): Verdict {
  return { what, limit, shown: new Map([...byRuntime].map(([runtime, each]) => [runtime, look(each)])) };
}
