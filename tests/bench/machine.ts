/**
 * Where the figures come from: the processor, the memory and the versions of the runtimes, and nothing that names the machine.
 * @module
 */
import { execFile } from "node:child_process";
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";
import { promisify } from "node:util";
import type { Runtimes } from "../../tasks/runtimes.ts";

const run = promisify(execFile);

/** One sentence about the machine. */
export async function describeMachine(found: Runtimes): Promise<string> {
  const processors = cpus();
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const versions = await Promise.all([
    run(found.deno, ["--version"]).then(({ stdout }) => `Deno ${stdout.split(" ")[1]}`),
    run(found.bun, ["-v"]).then(({ stdout }) => `Bun ${stdout.trim()}`),
    run(found.node, ["-v"]).then(({ stdout }) => `Node ${stdout.trim().slice(1)}`),
  ]);
  const system = `${platform()} ${release().split("-")[0]} on ${arch()}`;
  return `${processors.length} cores (${processors[0]?.model.trim() ?? "unknown"}), ${memory}, ${system}; ${versions.join(", ")}`;
}

/** How many programs wanted the processor in the last minute: what else goes on while figures are taken. */
export function load(): number {
  return loadavg()[0] ?? 0;
}
