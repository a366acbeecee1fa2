/**
 * Runs on one runtime: polyplug's REST beside the floor, interleaved, and start-up. Prints one line of JSON.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openHost } from "../../host/mod.ts";
import { reservePort } from "../../host/process/ports.ts";
import { configOf, RUNTIME, typescriptPlugin } from "../support.ts";
import { openFloorClient } from "./floor_client.ts";

const ROUNDS = 9;
const CALLS = 1500;

type Call = (payload: Uint8Array) => Promise<Uint8Array>;

/** The median microseconds of a call, one at a time. */
async function measure(call: Call, payload: Uint8Array): Promise<number> {
  const times = new Float64Array(CALLS);
  for (let i = 0; i < CALLS; i++) {
    const started = performance.now();
    await call(payload);
    times[i] = performance.now() - started;
  }
  return 1000 * (times.sort()[CALLS >> 1] ?? Number.NaN);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function startFloor(): Promise<{ base: string; stop(): Promise<void> }> {
  const { port, release } = await reservePort();
  const { exec, exec_args } = typescriptPlugin("tests/bench/floor_server.ts", ["--port", String(port)]);
  const child = spawn(exec as string, exec_args as string[], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  release();
  return {
    base: `http://127.0.0.1:${port}`,
    stop: async () => {
      const exited = once(child, "exit");
      process.kill(child.pid ?? 0, "SIGTERM");
      await exited;
    },
  };
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "polyplug-bench-"));
  const hello = typescriptPlugin("tests/bench/listening.ts");
  const host = await openHost("test", { config: configOf({ hello }, folder) });
  const floor = await startFloor();
  const client = await openFloorClient(floor.base);
  try {
    const plugin = host.get("hello");
    const ours: Call = (payload) => plugin.exec("hello.echo", payload);
    const bare: Call = (payload) => client.call("hello.echo", payload);
    const payload = crypto.getRandomValues(new Uint8Array(16));
    const rounds: { ours: number; floor: number }[] = [];
    await measure(ours, payload);
    await measure(bare, payload);
    for (let round = 0; round < ROUNDS; round++) rounds.push({ ours: await measure(ours, payload), floor: await measure(bare, payload) });
    const readyMs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await host.stop("hello");
      await host.start("hello");
      const at = performance.timeOrigin + performance.now();
      readyMs.push(at - Number(new TextDecoder().decode(await plugin.exec("bench.listened_at"))));
    }
    const result = {
      runtime: RUNTIME,
      oursUs: median(rounds.map((round) => round.ours)),
      floorUs: median(rounds.map((round) => round.floor)),
      ratio: median(rounds.map((round) => round.ours / round.floor)),
      readyMs: median(readyMs),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await client.close();
    await floor.stop();
    await host.close();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
