/**
 * Runs the pool example as a person does: a child on the runtime that runs this test, its plugins, and what its HTTP application says.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { parse, stringify } from "smol-toml";
import { programArgs } from "../cli/cli.ts";
import { assertNoneLeft, buildGoPlugin, pathOf, processesWith, withFolder } from "../support.ts";

/** A plugin's table in the configuration. */
export type Table = Readonly<Record<string, unknown>> & { readonly exec: string; readonly exec_args?: readonly string[] };

/** A pool's folder, in which each of its lives has the same configuration. */
export interface PoolFolder {
  readonly folder: string;
  readonly config: string;
  /** In the environment of the pool and of its plugins. */
  readonly marker: string;
}

/** A pool that runs. */
export interface RunningPool {
  readonly origin: string;
  /** All that it has said on stderr, which is what its plugins say. */
  log(): string;
  /** Ends it and waits until it has ended. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
}

/** How many items there are in each state. */
export type Counts = Readonly<Record<"open" | "merged" | "committed", number>>;

/** Hands `use` a pool's folder with the example's own configuration, the signer built; fails when a process is left afterwards. */
export async function withPoolFolder(
  use: (pool: PoolFolder) => Promise<void>,
  change: (name: string, plugin: Table, folder: string) => Table = (_name, plugin) => plugin,
): Promise<void> {
  await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const { plugins, hosts } = parse(await readFile(pathOf("examples/pool/config.toml"), "utf8")) as Record<string, Record<string, Table>>;
    const signer = await buildGoPlugin(folder, "examples/pool/signer");
    const more = { env: { TEST_MARKER: marker }, restart: { max: 1000 }, cwd: pathOf("examples/pool") };
    const changed = {
      ...plugins,
      swap: change("swap", { ...plugins!["swap"]!, ...more, exec_file: pathOf("examples/pool/swap.py") }, folder),
      signer: change("signer", { ...plugins!["signer"]!, ...more, exec: signer, exec_file: signer }, folder),
    };
    const config = join(folder, "config.toml");
    await writeFile(config, stringify({ settings: { allow_unverified: true }, plugins: changed, hosts }));
    try {
      await use({ folder, config, marker });
      await assertNoneLeft(marker);
    } finally {
      for (const pid of await processesWith(marker)) kill(pid);
    }
  });
}

/** Starts the example's own program and waits until it listens. */
export async function startPool({ config, marker }: PoolFolder): Promise<RunningPool> {
  const child = spawn(process.execPath, programArgs("examples/pool/main.ts", ["0", config]), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TEST_MARKER: marker },
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => log += chunk);
  const ended = once(child, "close");
  const [origin] = await Promise.race([once(createInterface(child.stdout), "line"), ended]);
  if (child.exitCode !== null) throw new Error(`The pool has ended with code ${child.exitCode}: ${log}`);
  return { origin: String(origin), log: () => log, end: (signal) => end(child, ended, signal) };
}

async function end(child: ChildProcess, ended: Promise<unknown>, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  child.kill(signal);
  await ended;
}

/** Submits items; one that is there already is no second one. */
export async function submit(origin: string, items: readonly { readonly id: string; readonly amount: number }[]): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${origin}/items`, { method: "POST", headers, body: JSON.stringify(items) });
  if (answer.status !== 202) throw new Error(`The pool answered ${answer.status}: ${await answer.text()}`);
  await answer.body?.cancel();
}

/** Follows what happens in the pool until its counts are such, and gives them. */
export async function until(origin: string, areSuch: (counts: Counts) => boolean): Promise<Counts> {
  const controller = new AbortController();
  const { body } = await fetch(`${origin}/flow`, { signal: controller.signal });
  let rest = "";
  try {
    for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const data of lines.filter((line) => line.startsWith("data: ")).map((line) => JSON.parse(line.slice(6)))) {
        const counts: Counts = data.counts ?? data;
        if (areSuch(counts)) return counts;
      }
    }
  } finally {
    controller.abort();
  }
  throw new Error("The pool's flow has ended");
}

/** Submits items, and waits until something has been committed with more on its way. */
export async function submitAndFlow(origin: string, items: Parameters<typeof submit>[1]): Promise<void> {
  const watching = Promise.withResolvers<void>();
  let before: number | undefined;
  const flowing = until(origin, ({ committed, open }) => {
    before ??= committed;
    watching.resolve();
    return committed > before && open > 0;
  });
  await Promise.race([watching.promise, flowing]);
  await submit(origin, items);
  await flowing;
}

/** The process of a plugin that runs a program with this in its name, once it is there. */
export async function findPlugin({ marker }: PoolFolder, name: string): Promise<number> {
  while (true) {
    const pids = await processesWith(marker);
    const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")));
    // A shell that is about to become the program names it too.
    const found = pids.find((_pid, index) => commands[index]!.includes(name) && !commands[index]!.startsWith("/bin/sh"));
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false; // It has just ended.
  }
}
