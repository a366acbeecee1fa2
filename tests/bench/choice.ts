/**
 * The command line of `deno task bench`: takes its arguments, gives what to measure.
 * @module
 */
import { parseArgs } from "node:util";
import { type Runtime, RUNTIMES } from "../support.ts";
import { type WireName, WIRES } from "./wires.ts";

/** The payloads by the name that the table shows. */
export const PAYLOADS: ReadonlyMap<string, number> = new Map([
  ["16 B", 16],
  ["1 KiB", 1024],
  ["64 KiB", 64 * 1024],
  ["1 MiB", 1024 * 1024],
  ["16 MiB", 16 * 1024 * 1024],
]);

/**
 * What can be measured: calls, the time from start to first answer, the command line's `list`, memory and many calls, what watching costs,
 * calls back and events, and built-ins.
 */
export const PARTS = ["calls", "start", "list", "limits", "supervision", "two-way", "builtins"] as const;
/** One of them. */
export type Part = typeof PARTS[number];

/** Measured only when asked for: nothing is promised of it. */
const ON_DEMAND = "64KiB";
const IN_FLIGHT = ["1", "32"] as const;

/** What to measure. */
export interface Choice {
  readonly runtimes: readonly Runtime[];
  readonly wires: readonly WireName[];
  readonly payloads: readonly number[];
  readonly inFlight: readonly number[];
  readonly parts: readonly Part[];
  readonly peers: boolean;
  readonly guard: boolean;
  /** Whether few rounds are enough, to see that everything works. */
  readonly brief: boolean;
  /** Whether this is the run whose figures are kept. */
  readonly isWhole: boolean;
}

/** @throws {TypeError} when an argument names nothing that is measured. */
export function readArguments(): Choice {
  const many = { type: "string", multiple: true } as const;
  const flag = { type: "boolean", default: false } as const;
  const options = { runtime: many, wire: many, payload: many, "in-flight": many, part: many, peers: flag, guard: flag, brief: flag };
  const { values } = parseArgs({ options });
  const sizes = new Map([...PAYLOADS].map(([name, size]) => [name.replace(" ", "").replace(/(?<=\d)B$/, ""), size]));
  const { runtime, wire, payload, part, peers, guard, brief } = values;
  const isNarrowed = [runtime, wire, payload, values["in-flight"]].some((each) => each !== undefined);
  const payloads = payload ?? [...sizes.keys()].filter((name) => name !== ON_DEMAND);
  return {
    runtimes: chosen("runtime", RUNTIMES, runtime),
    wires: chosen("wire", WIRES, wire),
    payloads: chosen("payload", [...sizes.keys()], payloads).map((name) => sizes.get(name) ?? 0),
    inFlight: chosen("in-flight", IN_FLIGHT, values["in-flight"]).map(Number),
    parts: part === undefined && isNarrowed ? ["calls"] : chosen("part", PARTS, part),
    ...{ peers, guard, brief },
    isWhole: !isNarrowed && part === undefined && !brief,
  };
}

function chosen<T extends string>(option: string, known: readonly T[], given: readonly string[] | undefined): readonly T[] {
  const unknown = given?.find((each) => !(known as readonly string[]).includes(each));
  if (unknown !== undefined) throw new TypeError(`--${option} ${unknown} is not measured; choose among ${known.join(", ")}`);
  return given === undefined ? known : known.filter((each) => given.includes(each));
}
