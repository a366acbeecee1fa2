/**
 * What the tests of orphans see of guardians and of their ends: which process guards a host, and whether a process is there.
 * @module
 */
import { readdir, readFile } from "node:fs/promises";

/** The ids of the guardians that a process has started and that are alive. */
export async function guardiansOf(host: number): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return command.includes("\0polyplug-guardian:") && (await statOf(pid))?.parent === host ? pid : undefined;
  }));
  return found.filter((pid) => pid !== undefined);
}

/** Whether a process is there and no zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  return await statOf(pid) !== undefined;
}

/** How many ticks of the processor a process has used; `undefined` when it is not alive. */
export async function ticksOf(pid: number): Promise<number | undefined> {
  return (await statOf(pid))?.ticks;
}

async function statOf(pid: number): Promise<{ readonly parent: number; readonly ticks: number } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // "pid (name) state ppid …"; the name may itself have spaces and brackets in it.
  const [state, parent, , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === undefined || state === "" || state === "Z" || state === "X") return undefined;
  return { parent: Number(parent), ticks: Number(user) + Number(system) };
}
