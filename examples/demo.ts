/**
 * What `deno task demo` runs: takes nothing, shows the hello plugin in each language and then the logs example. What stands behind
 * `deno task demo` goes to the logs example, for example `deno task demo --log /var/log/auth.log`. Languages whose plugin must be
 * built are shown once `deno task build:examples` has built it.
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Host, isPluginError, openHost } from "@polyplug/core/host";
import { findRuntimes } from "../tasks/runtimes.ts";
import { runLogs } from "./logs/main.ts";

type Languages = readonly (readonly [plugin: string, language: string])[];

const LANGUAGES: Languages = [
  ["hello-deno", "TypeScript on Deno"],
  ["hello-bun", "TypeScript on Bun"],
  ["hello-node", "TypeScript on Node"],
  ["hello-grpc", "TypeScript over gRPC"],
  ["hello-connect", "TypeScript over Connect"],
  ["hello-python", "Python"],
];
const BUILT_LANGUAGES: Languages = [
  ["hello-go", "Go"],
  ["hello-java", "Java"],
  ["hello-rust", "Rust"],
  ["hello-python-grpc", "Python over gRPC"],
  ["hello-go-grpc", "Go over gRPC"],
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
  const missing = await greetWith("./hello/config.toml", LANGUAGES);
  const built = "./hello/config.local.toml";
  if (existsSync(new URL(built, import.meta.url))) missing.push(...await greetWith(built, BUILT_LANGUAGES));
  return missing;
}

/** Greets with those plugins of a configuration that it has. */
async function greetWith(file: string, languages: Languages): Promise<string[]> {
  await using host = await openHost("main", { config: fileURLToPath(new URL(file, import.meta.url)) });
  const known = new Set([...host.plugins.map(({ name }) => name), ...host.rejected.keys()]);
  const missing: string[] = [];
  for (const [plugin, language] of languages.filter(([plugin]) => known.has(plugin))) {
    if (host.rejected.get(plugin)?.code === "spawn.not_found") missing.push(language);
    else print(`  ${plugin.padEnd(17)}  ${language.padEnd(23)}  ${await greet(host, plugin)}`);
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
