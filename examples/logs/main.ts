/**
 * The host of the logs example: takes a log file, prints a report that three plugins made of it, one in Python, and checks their
 * figures against a count made without them. `deno run -A main.ts`, `bun main.ts` or `node main.ts`; `--help` lists the flags.
 * @module
 */
import { basename } from "node:path";
import process from "node:process";
import { type Host, isPluginError, openHost, type PluginHandle } from "@polyplug/core/host";
import { findDifferences, type Found } from "./compare.ts";
import { countLog } from "./count.ts";
import { type Flags, HELP, parseFlags, UsageError } from "./flags.ts";
import { inspectLog, LogError } from "./log_file.ts";
import type { BatchHead } from "./messages.ts";
import { runPipeline } from "./pipeline.ts";

/** Runs the example and gives its exit code: 0 done, 1 failed, 2 wrong usage. What is wrong is one line on stderr. */
export async function runLogs(args: readonly string[]): Promise<number> {
  try {
    const flags = parseFlags(args);
    if (flags.help) process.stdout.write(HELP);
    return flags.help ? 0 : await reportLog(flags);
  } catch (error) {
    if (error instanceof UsageError) return fail(error.message, 2);
    if (error instanceof LogError) return fail(error.message, 1);
    if (isPluginError(error)) return fail(error.hint === undefined ? error.message : `${error.message}. ${error.hint}`, 1);
    throw error;
  }
}

async function reportLog(flags: Flags): Promise<number> {
  const { since } = flags;
  const log = await inspectLog(flags.log);
  const head: BatchHead = { format: log.format, year: flags.year ?? log.modifiedYear };
  await using host = await openHost("logs", { config: flags.config });
  const plugins = { filter: pickFilter(host, flags.filter), store: host.get("log-store"), report: host.get("log-report") };
  const { text, found } = await runPipeline(plugins, { log, head, since, title: basename(log.path) });
  process.stdout.write(`${text}\n`);
  const differences = findDifferences(found, await countLog(log.path, { ...head, since }));
  if (differences.length > 0) return fail(`the plugins and a count without them differ: ${differences.slice(0, 5).join("; ")}`, 1);
  process.stdout.write(agreement(found));
  return 0;
}

/** The filter that was asked for; else the one in Python, or its twin where there is no Python. */
function pickFilter(host: Host, name: string | undefined): PluginHandle {
  try {
    return host.get(name ?? "log-filter");
  } catch (error) {
    if (name !== undefined || !isPluginError(error) || error.code !== "spawn.not_found") throw error;
    process.stderr.write("There is no Python here (no python3 on PATH), so the lines are read by the filter's twin in TypeScript.\n\n");
    return host.get("log-filter-ts");
  }
}

function agreement({ summary: { total, addresses, names, hours } }: Found): string {
  const figures = `total ${total}, addresses ${addresses.length}, names ${names.length}, hours ${hours.length}`;
  return `Checked: a count made without plugins agrees (${figures}).\n`;
}

function fail(message: string, code: number): number {
  process.stderr.write(`logs: ${message.replaceAll(/\s*\n\s*/g, " ")}\n`);
  return code;
}

if (import.meta.main) {
  // Whoever read our output has had enough, as `head` does.
  process.stdout.on("error", () => process.exit(1));
  process.exitCode = await runLogs(process.argv.slice(2));
}
