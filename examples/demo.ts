/**
 * What `deno task demo` runs: takes nothing, shows the hello plugin in each language and then the logs example. What stands behind
 * `deno task demo` goes to the logs example, for example `deno task demo --log /var/log/auth.log`.
 * @module
 */
import { fileURLToPath } from "node:url";
import process from "node:process";
import { type Host, isPluginError, openHost } from "@polyplug/core/host";
import { findRuntimes } from "../tasks/runtimes.ts";
import { runLogs } from "./logs/main.ts";

const LANGUAGES: readonly (readonly [plugin: string, language: string])[] = [
  ["hello-deno", "TypeScript on Deno"],
  ["hello-bun", "TypeScript on Bun"],
  ["hello-node", "TypeScript on Node"],
  ["hello-python", "Python"],
];
const GREETING = "Hello, world!";

async function demo(args: readonly string[]): Promise<number> {
  const { path } = await findRuntimes();
  process.env.PATH = path;
  print("Hello: the same two calls to a plugin in each language, started and stopped here.\n");
  const missing = await greetAll();
  print("\nLogs: a log file goes through a filter, a store and a reporter, each a plugin.\n");
  const code = await runLogs(args);
  if (missing.length > 0) print(`\nNot shown, since it is not installed here: ${missing.join(", ")}.`);
  return code;
}

/** Greets with each plugin and gives the languages that are missing. */
async function greetAll(): Promise<string[]> {
  const config = fileURLToPath(new URL("./hello/config.toml", import.meta.url));
  await using host = await openHost("main", { config });
  const missing: string[] = [];
  for (const [plugin, language] of LANGUAGES) {
    if (host.rejected.get(plugin)?.code === "spawn.not_found") missing.push(language);
    else print(`  ${plugin.padEnd(12)}  ${language.padEnd(18)}  ${await greet(host, plugin)}`);
  }
  return missing;
}

async function greet(host: Host, name: string): Promise<string> {
  const plugin = host.get(name);
  const startMs = await timed(() => plugin.ping());
  let greeting = "";
  const callMs = await timed(async () => greeting = new TextDecoder().decode(await plugin.exec("hello.world")));
  if (greeting !== GREETING) throw new Error(`"${name}" said ${JSON.stringify(greeting)}, not ${JSON.stringify(GREETING)}`);
  return `${greeting}  start ${startMs.toFixed(0)} ms, first call ${callMs.toFixed(1)} ms`;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<number> {
  try {
    return await demo(process.argv.slice(2));
  } catch (error) {
    const hint = isPluginError(error) && error.hint !== undefined ? `. ${error.hint}` : "";
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}${hint}\n`);
    return 1;
  }
}

// Whoever read our output has had enough, as `head` does.
process.stdout.on("error", () => process.exit(1));
process.exitCode = await main();
