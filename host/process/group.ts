/**
 * Tells whether anybody in a process group is alive. Zombies do not count: where nobody reaps them they stay for ever.
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import process from "node:process";

/** Whether a process of the group is alive. */
export async function isGroupAlive(group: number): Promise<boolean> {
  try {
    process.kill(-group, 0);
  } catch {
    return false; // ESRCH: nobody; EPERM: not ours any more.
  }
  return process.platform === "linux" ? await hasLivingMember(group) : true;
}

async function hasLivingMember(group: number): Promise<boolean> {
  const entries = await readdir("/proc").catch(() => []);
  const pids = entries.filter((entry) => /^\d+$/.test(entry));
  if (pids.length === 0) return true; // Without /proc there is nothing better than the signal.
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // "pid (name) state ppid pgrp …"; the name may itself have spaces and brackets in it.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(pgrp) === group && state !== "Z" && state !== "X") return true;
  }
  return false;
}
