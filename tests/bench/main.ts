/**
 * `deno task bench`: runs each benchmark on each runtime and prints one table of ratios.
 * @module
 */
import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";
import { findRuntimes } from "../../tasks/runtimes.ts";
import { pathOf, RUNTIMES } from "../support.ts";

interface Result {
  readonly runtime: string;
  readonly oursUs: number;
  readonly floorUs: number;
  readonly ratio: number;
  readonly readyMs: number;
}

const run = promisify(execFile);
const found = await findRuntimes();
const rows = ["| runtime | exec of 16 B | the same bytes without polyplug | ratio | ready after listen |", "|---|---|---|---|---|"];
for (const runtime of RUNTIMES) {
  const args = [...(runtime === "deno" ? ["run", "-A"] : []), pathOf("tests/bench/rest.ts")];
  const { stdout } = await run(found[runtime], args, { env: { ...process.env, PATH: found.path } });
  const { oursUs, floorUs, ratio, readyMs }: Result = JSON.parse(stdout);
  rows.push(`| ${runtime} | ${oursUs.toFixed(0)} µs | ${floorUs.toFixed(0)} µs | ${ratio.toFixed(2)} | ${readyMs.toFixed(1)} ms |`);
}
process.stdout.write(`${rows.join("\n")}\n`);
