/**
 * The host of the recovery example: counts with a plugin that is killed ten times a second, checks that no number is missing and none
 * comes twice, and shows how long the calls took. `deno run -A main.ts`, `bun main.ts` or `node main.ts`, with how many kills if not 20,
 * and another configuration for polyplug.
 * @module
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Host, isPluginError, openHost, type PluginHandle } from "@polyplug/core/host";
import { histogram, percentile } from "./histogram.ts";

const CONFIG = fileURLToPath(new URL("config.toml", import.meta.url));
const KILL_EVERY_MS = 100;
const RUNTIME = "deno" in process.versions ? "deno" : "bun" in process.versions ? "bun" : "node";

interface Counting {
  readonly latencies: readonly number[];
  /** What is wrong with the numbers, if anything. */
  readonly fault: string | undefined;
}

async function main(args: readonly string[]): Promise<number> {
  const kills = Number(args[0] ?? 20);
  if (!Number.isInteger(kills) || kills < 1) return fail(`how many kills must be a whole number from 1, not "${args[0]}"`, 2);
  try {
    await using host = await openHost("main", { config: args[1] ?? CONFIG });
    return await run(host, `counter-${RUNTIME}`, kills);
  } catch (error) {
    if (isPluginError(error)) return fail(error.hint === undefined ? error.message : `${error.message}. ${error.hint}`, 1);
    throw error;
  }
}

async function run(host: Host, name: string, kills: number): Promise<number> {
  const counter = host.get(name);
  const first = await ask(counter, "counter.value");
  const controller = new AbortController();
  const began = performance.now();
  const killing = killOften(host, kills).finally(() => controller.abort());
  const [{ latencies, fault }] = await Promise.all([count(counter, first, controller.signal), killing]);
  const seconds = (performance.now() - began) / 1000;
  const last = await ask(counter, "counter.value");
  show(latencies, { first, last, kills, seconds });
  if (fault !== undefined) return fail(fault, 1);
  if (last !== first + latencies.length) return fail(`the counter is at ${last}, not at ${first + latencies.length}`, 1);
  process.stdout.write("Checked: each call counted one further, none was lost and none counted twice.\n");
  return 0;
}

/** Counts until the signal fires. A call that was under way when the process died is sent again, with the same id. */
async function count(counter: PluginHandle, first: number, signal: AbortSignal): Promise<Counting> {
  const latencies: number[] = [];
  while (!signal.aborted) {
    const began = performance.now();
    const value = await ask(counter, "counter.next");
    latencies.push(performance.now() - began);
    const expected = first + latencies.length;
    if (value !== expected) return { latencies, fault: `the counter said ${value} where ${expected} was due` };
  }
  return { latencies, fault: undefined };
}

async function ask(counter: PluginHandle, command: string): Promise<number> {
  return Number(new TextDecoder().decode(await counter.exec(command, undefined, { retry: "idempotent" })));
}

/** Ten times a second, unless there is nobody to kill since the next process is only being started. */
async function killOften(host: Host, kills: number): Promise<void> {
  for (let done = 0; done < kills;) {
    await sleep(KILL_EVERY_MS);
    const pid = host.plugins.find(({ state }) => state.kind === "ready")?.pid;
    if (pid !== undefined && kill(pid)) done += 1;
  }
}

/** `false` when it has just ended. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

function show(latencies: readonly number[], { first, last, kills, seconds }: Record<"first" | "last" | "kills" | "seconds", number>): void {
  const [median, late, longest] = [50, 99, 100].map((percent) => percentile(latencies, percent).toFixed(1));
  const lines = [
    `Counted from ${first.toLocaleString("en")} to ${last.toLocaleString("en")} in ${
      seconds.toFixed(1)
    } s; the plugin was killed ${kills} times.`,
    "",
    "How long a call took, and how many did (the bars are logarithmic)",
    "",
    ...histogram(latencies),
    "",
    `Half of them took at most ${median} ms, 99 % at most ${late} ms, the longest ${longest} ms.`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

function fail(message: string, code: number): number {
  process.stderr.write(`recovery: ${message.replaceAll(/\s*\n\s*/g, " ")}\n`);
  return code;
}

// Whoever read our output has had enough, as `head` does.
process.stdout.on("error", () => process.exit(1));
process.exitCode = await main(process.argv.slice(2));
