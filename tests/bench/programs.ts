/**
 * The programs of the benchmark on each runtime: the one that races a wire, and those that measure once and print one line of JSON.
 * @module
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { stringify } from "smol-toml";
import type { Runtimes } from "../../tasks/runtimes.ts";
import { configOf, pathOf, type Runtime, typescriptPlugin, withFolder } from "../support.ts";
import { isOnPath } from "../languages.ts";
import type { BuiltinCosts } from "./builtin_worker.ts";
import type { Limits } from "./limits_worker.ts";
import type { RacerProgram } from "./race.ts";
import type { Starts } from "./start_worker.ts";
import type { Idle } from "./supervision.ts";
import type { Events } from "./two_way.ts";
import type { WireName } from "./wires.ts";

const run = promisify(execFile);
const STATUS = "/proc/self/status";

/** The program that races one wire on one runtime. */
export function racerProgram(runtime: Runtime, wire: WireName, found: Runtimes): RacerProgram {
  return { name: runtime, exec: found[runtime], args: argsOf(runtime, "worker.ts", ["--wire", wire]), path: found.path };
}

/** The program that races a watched plugin and one that is not, on one runtime. */
export function superviseProgram(runtime: Runtime, found: Runtimes): RacerProgram {
  return onOneCore({ name: runtime, exec: found[runtime], args: argsOf(runtime, "supervise_worker.ts", []), path: found.path });
}

/**
 * Where host and plugin run on two cores, a call takes five times as long as on one, and the system puts them where it likes: what a call
 * costs shows when both share a core.
 */
export function onOneCore(program: RacerProgram): RacerProgram {
  const core = existsSync(STATUS) ? /^Cpus_allowed_list:\s+(\d+)/m.exec(readFileSync(STATUS, "utf8"))?.[1] : undefined;
  if (core === undefined || !isOnPath("taskset")) return program;
  return { ...program, exec: "taskset", args: ["-c", core, program.exec, ...program.args] };
}

/** The program that races calls that call back, over one wire on one runtime. */
export function twoWayProgram(runtime: Runtime, wire: WireName, found: Runtimes): RacerProgram {
  return onOneCore({ name: runtime, exec: found[runtime], args: argsOf(runtime, "two_way_worker.ts", ["--wire", wire]), path: found.path });
}

/** Measures events of one publisher to ten subscribers. */
export async function measureEvents(runtime: Runtime, wire: WireName, found: Runtimes): Promise<Events> {
  return await runOnce(runtime, ["events_worker.ts", "--wire", wire], found);
}

/** Measures what a host bears for plugins that nobody calls. */
export async function measureIdle(runtime: Runtime, found: Runtimes): Promise<Idle> {
  return await runOnce(runtime, ["idle_worker.ts"], found);
}

/** Measures what a call of a built-in costs. */
export async function measureBuiltins(runtime: Runtime, found: Runtimes): Promise<BuiltinCosts> {
  return await runOnce(runtime, ["builtin_worker.ts"], found);
}

/** Measures starts of a plugin and of the smallest server, in turn. */
export async function measureStarts(
  runtime: Runtime,
  wire: WireName,
  { found, rounds }: { found: Runtimes; rounds: number },
): Promise<Starts> {
  return await runOnce(runtime, ["start_worker.ts", "--wire", wire, "--rounds", String(rounds)], found);
}

/** Measures memory and many calls at once. */
export async function measureLimits(runtime: Runtime, wire: WireName, found: Runtimes): Promise<Limits> {
  return await runOnce(runtime, ["limits_worker.ts", "--wire", wire], found);
}

/** Milliseconds of `polyplug list` on Deno, with two plugins in the configuration, and of a program on Deno that prints one line. */
export async function measureList(found: Runtimes, rounds: number): Promise<Starts> {
  return await withFolder(async (folder) => {
    const config = join(folder, "config.toml");
    const plugin = typescriptPlugin("tests/bench/echo_plugin.ts", [], "deno");
    await writeFile(config, stringify(configOf({ one: plugin, two: plugin }, folder)));
    const env = { ...process.env, PATH: found.path, GOPLUGIN_DIR: "", NO_COLOR: "1" };
    const time = async (file: string, args: readonly string[]) => {
      const before = performance.now();
      await run(found.deno, ["run", "-A", "-q", pathOf(file), ...args], { env });
      return performance.now() - before;
    };
    const starts = { polyplug: [] as number[], bare: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      starts.polyplug.push(await time("host/cli/main.ts", ["list", "--config", config]));
      starts.bare.push(await time("tests/bench/floor/one_line.ts", []));
    }
    return starts;
  });
}

async function runOnce<T>(runtime: Runtime, [file, ...args]: readonly string[], found: Runtimes): Promise<T> {
  const { stdout } = await run(found[runtime], argsOf(runtime, file ?? "", args), { env: { ...process.env, PATH: found.path } });
  return JSON.parse(stdout);
}

function argsOf(runtime: Runtime, file: string, args: readonly string[]): string[] {
  return [...(runtime === "deno" ? ["run", "-A", "-q"] : []), pathOf(`tests/bench/${file}`), ...args];
}
