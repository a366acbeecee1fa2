/**
 * Runs on one runtime: watches a hundred plugins that nobody calls, and prints one line of JSON, `Idle`.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { type Host, openHost } from "../../host/mod.ts";
import { configOf, pathOf, withFolder } from "../support.ts";
import { type Idle, IDLE_PLUGINS } from "./supervision.ts";

/** One and a half of the default ping_interval, so that each is pinged; the least of some, since other programs take their part too. */
const WINDOW_MS = 7500;
const WINDOWS = 3;
/** What the runtime still has to do after the starts. */
const SETTLE_MS = 2000;

const file = pathOf("tests/fixtures/process/tiny.py");
// -S -I: no site packages, which is most of what Python does when it starts.
const tiny = { exec: "python3", exec_args: ["-S", "-I", file], exec_file: file };

function residentKib(): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** How much of a core this process takes while it only watches. */
async function percentOfCore(ms: number): Promise<number> {
  const [before, began] = [process.cpuUsage(), performance.now()];
  await sleep(ms);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (performance.now() - began);
}

async function measure(host: Host): Promise<Idle> {
  // The first loads the code.
  await host.start("p0");
  await sleep(SETTLE_MS);
  const before = residentKib();
  await host.startAll();
  await sleep(SETTLE_MS);
  const kibPerPlugin = (residentKib() - before) / (IDLE_PLUGINS - 1);
  const shares: number[] = [];
  while (shares.length < WINDOWS) shares.push(await percentOfCore(WINDOW_MS));
  return { percentOfCore: Math.min(...shares), kibPerPlugin };
}

async function main(folder: string): Promise<void> {
  const plugins = Object.fromEntries(Array.from({ length: IDLE_PLUGINS }, (_, index) => [`p${index}`, tiny]));
  const host = await openHost("test", { config: configOf(plugins, folder) });
  try {
    const idle = await measure(host);
    if (host.plugins.some(({ state, restarts }) => state.kind !== "ready" || restarts > 0)) throw new Error("Not all plugins stayed ready");
    process.stdout.write(`${JSON.stringify(idle satisfies Idle)}\n`);
  } finally {
    await host.close();
  }
}

await withFolder(main);
