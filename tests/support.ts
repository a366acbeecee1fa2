/**
 * What the tests share: plugins on the runtime that runs the test, hosts of one plugin, temporary folders, proof that no process is left.
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Host, openHost, type OpenHostOptions } from "../host/mod.ts";

/** The three runtimes that run hosts and plugins. */
export const RUNTIMES = ["deno", "bun", "node"] as const;
/** One of them. */
export type Runtime = typeof RUNTIMES[number];

/** The runtime that runs this test. */
export const RUNTIME: Runtime = "deno" in process.versions ? "deno" : "bun" in process.versions ? "bun" : "node";

/** The repository's root. */
export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** The path of a file of the repository. */
export function pathOf(file: string): string {
  return join(ROOT, file);
}

/** The keys of a plugin that make it be called over this wire. */
export function keysOf(wire: string): Record<string, unknown> {
  return wire === "socket" ? { socket: true } : { comm_type: wire };
}

/** The configuration of a plugin that is a TypeScript file of the repository, run by a runtime; Deno says nothing of what it fetches. */
export function typescriptPlugin(file: string, args: readonly string[] = [], runtime: Runtime = RUNTIME): Record<string, unknown> {
  const path = pathOf(file);
  return { exec: runtime, exec_args: [...(runtime === "deno" ? ["run", "-A", "-q"] : []), path, ...args], exec_file: path };
}

/** The configuration of a plugin that is a Python file of the repository. */
export function pythonPlugin(file: string, args: readonly string[] = []): Record<string, unknown> {
  const path = pathOf(file);
  return { exec: "python3", exec_args: [path, ...args], exec_file: path };
}

/** Builds a plugin in Go, by default the plain one, which knows nothing of polyplug, and gives its program. */
export async function buildGoPlugin(folder: string, sources = "examples/hello/hello-go"): Promise<string> {
  const program = join(folder, "plugin-go");
  await promisify(execFile)("go", ["build", "-o", program, "main.go"], { cwd: pathOf(sources) });
  return program;
}

/**
 * A configuration in which the host `test` may use all plugins, without checksums, its state in a folder of its own. Plugins are called
 * over their own wire, and not over the framed socket, unless they say `socket = true`.
 */
export function configOf(given: Record<string, Record<string, unknown>>, stateDir: string): Record<string, unknown> {
  const plugins = Object.fromEntries(Object.entries(given).map(([name, plugin]) => [name, { socket: false, ...plugin }]));
  return { settings: { allow_unverified: true, state_dir: stateDir }, plugins, hosts: { test: { plugins: Object.keys(plugins) } } };
}

/** Opens a host for these plugins, hands it to `use`, closes it, and fails when a process of it is left. */
export async function withHost<T>(
  plugins: Record<string, Record<string, unknown>>,
  use: (host: Host, marker: string) => Promise<T>,
  options: Omit<OpenHostOptions, "config"> = {},
): Promise<T> {
  return await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const marked = Object.entries(plugins).map((
      [name, plugin],
    ) => [name, { ...plugin, env: { ...(plugin["env"] ?? {}), TEST_MARKER: marker } }]);
    const host = await openHost("test", { ...options, config: configOf(Object.fromEntries(marked), join(folder, "state")) });
    try {
      return await use(host, marker);
    } finally {
      await host.close();
      await assertNoneLeft(marker);
    }
  });
}

/** Hands a fresh folder to `use` and removes it afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "polyplug-test-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The ids of living processes, zombies aside, whose environment has the text in it. */
export async function processesWith(text: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(pids.map(async (pid) => {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (!environment.includes(text)) return undefined;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
    return state === "Z" || state === "" ? undefined : Number(pid);
  }));
  return found.filter((pid) => pid !== undefined);
}

/** Fails when a living process carries the marker in its environment. */
export async function assertNoneLeft(marker: string): Promise<void> {
  const left = await processesWith(marker);
  if (left.length > 0) throw new Error(`${left.length} processes are left: ${left.join(", ")}`);
}

/** How late timers fire here and now, in milliseconds, at the worst of some: an upper bound in time is its figure plus ten times this. */
export async function measureLagMs(): Promise<number> {
  const started = performance.now();
  const late = [5, 10, 15, 20].map((ms) =>
    new Promise<number>((resolve) => setTimeout(() => resolve(performance.now() - started - ms), ms))
  );
  return Math.max(1, ...await Promise.all(late));
}

/** UTF-8 bytes of a text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** The text of UTF-8 bytes. */
export function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}
