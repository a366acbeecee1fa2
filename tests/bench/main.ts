/**
 * `deno task bench`: takes what to measure, runs it on each runtime beside the same bytes without polyplug, prints a table.
 *
 *     deno task bench [--runtime deno|bun|node] [--wire rest|rest-hex|connect|grpc] [--payload 16|1KiB|64KiB|1MiB] [--in-flight 1|32]
 *
 * Each option may be given several times; without it everything is measured.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { findRuntimes, type Runtimes } from "../../tasks/runtimes.ts";
import { pathOf, type Runtime, RUNTIMES } from "../support.ts";
import { type WireName, WIRES } from "./wires.ts";
import type { Cell, Line } from "./worker.ts";

const PAYLOADS = new Map([["16", 16], ["1KiB", 1024], ["64KiB", 64 * 1024], ["1MiB", 1024 * 1024]]);
const IN_FLIGHT = ["1", "32"];
/** From this size on the table says how many bytes a second are echoed. */
const RATE_FROM = 64 * 1024;

const COLUMNS = [
  ["runtime", 7],
  ["wire", 8],
  ["payload", 7],
  ["in flight", 9],
  ["polyplug", 10],
  ["floor", 10],
  ["ratio", 5],
  ["polyplug", 9],
  ["floor", 9],
] as const;

interface Choice {
  readonly runtimes: readonly Runtime[];
  readonly wires: readonly WireName[];
  readonly payloads: readonly string[];
  readonly inFlight: readonly string[];
}

function chosen<T extends string>(option: string, known: readonly T[], given: readonly string[] | undefined): readonly T[] {
  const unknown = given?.find((each) => !(known as readonly string[]).includes(each));
  if (unknown !== undefined) throw new TypeError(`--${option} ${unknown} is not measured; choose among ${known.join(", ")}`);
  return given === undefined ? known : known.filter((each) => given.includes(each));
}

function readArguments(): Choice {
  const many = { type: "string", multiple: true } as const;
  const { values } = parseArgs({ options: { runtime: many, wire: many, payload: many, "in-flight": many } });
  return {
    runtimes: chosen("runtime", RUNTIMES, values.runtime),
    wires: chosen("wire", WIRES, values.wire),
    payloads: chosen("payload", [...PAYLOADS.keys()], values.payload),
    inFlight: chosen("in-flight", IN_FLIGHT, values["in-flight"]),
  };
}

/** Starts the worker, hands on each of its lines, and fails when it does. */
async function runWorker(runtime: Runtime, wire: WireName, choice: Choice, found: Runtimes, onLine: (line: Line) => void): Promise<void> {
  const args = [
    ...(runtime === "deno" ? ["run", "-A", "-q"] : []),
    pathOf("tests/bench/worker.ts"),
    `--wire=${wire}`,
    ...choice.payloads.map((name) => `--payload=${PAYLOADS.get(name)}`),
    ...choice.inFlight.map((count) => `--in-flight=${count}`),
  ];
  const child = spawn(found[runtime], args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, PATH: found.path } });
  createInterface(child.stdout).on("line", (line) => onLine(JSON.parse(line)));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`The worker of ${wire} on ${runtime} ended with the code ${code}`);
}

function cells(runtime: Runtime, wire: WireName, { payload, inFlight, oursUs, floorUs, ratio }: Cell): readonly string[] {
  const name = [...PAYLOADS].find(([, size]) => size === payload)?.[0] ?? "";
  const rate = (us: number) => payload < RATE_FROM ? "" : `${(payload / us).toFixed(0)} MB/s`;
  const micros = (us: number) => `${us.toFixed(us < 100 ? 1 : 0)} µs`;
  return [runtime, wire, name, String(inFlight), micros(oursUs), micros(floorUs), ratio.toFixed(2), rate(oursUs), rate(floorUs)];
}

function printRow(texts: readonly string[]): void {
  const padded = COLUMNS.map(([, width], index) => index < 2 ? (texts[index] ?? "").padEnd(width) : (texts[index] ?? "").padStart(width));
  process.stdout.write(`| ${padded.join(" | ")} |\n`);
}

async function main(): Promise<void> {
  const choice = readArguments();
  const found = await findRuntimes();
  const ready: string[] = [];
  printRow(COLUMNS.map(([title]) => title));
  process.stdout.write(
    `|${COLUMNS.map(([, width], index) => index < 2 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`).join("|")}|\n`,
  );
  for (const runtime of choice.runtimes) {
    for (const wire of choice.wires) {
      await runWorker(runtime, wire, choice, found, (line) => {
        if ("cell" in line) printRow(cells(runtime, wire, line.cell));
        else ready.push(`${runtime} ${wire} ${line.readyMs.toFixed(1)} ms`);
      });
    }
  }
  if (ready.length > 0) process.stdout.write(`\nFrom listening to ready in the host: ${ready.join(", ")}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
