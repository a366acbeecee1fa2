/**
 * Takes a process group and how long each step may take, gives the proof that nobody of it is left.
 * @module
 */
import type { StopTimes } from "../discover.ts";
import { isGroupAlive } from "./group.ts";
import type { RunningProcess } from "./spawn.ts";

/** What the ladder needs beside the process. */
export interface StopOptions {
  /** How long each step may take. */
  readonly times: StopTimes;
  /** Milliseconds before SIGKILL in all; each step gets at most what is left of it. */
  readonly graceMs: number;
  /**
   * The first step: asks the plugin to end, or lets open calls finish. Gives whether the plugin will now end by itself.
   * The signal fires when the step's time is over.
   */
  readonly ask: (signal: AbortSignal) => Promise<boolean>;
}

const FIRST_LOOK_MS = 2;
const LONGEST_PAUSE_MS = 50;
/** SIGKILL cannot be refused, but a process in an uninterruptible wait takes its time. */
const KILL_MS = 5000;

/**
 * Ends a process and its whole group: ask, close stdin, SIGTERM, SIGKILL, each skipped once nobody is alive.
 * Resolves when the leader's exit was seen and the group is empty.
 */
export async function stopProcess(running: RunningProcess, options: StopOptions): Promise<void> {
  await letEnd(running, options);
  await killGroup(running);
}

/** Waits for open calls to be answered, for so long. */
export async function letFinish(answered: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([answered, new Promise((resolve) => timer = setTimeout(resolve, ms))]);
  clearTimeout(timer);
}

/** Ends what is left of a process group at once; the kernel reaches those too who fork and exit between two looks. */
export async function killGroup(running: RunningProcess): Promise<void> {
  running.signalGroup("SIGKILL");
  if (await gone(running, KILL_MS)) running.unguard();
}

/** Every step but the last. */
async function letEnd(running: RunningProcess, options: StopOptions): Promise<void> {
  const deadline = performance.now() + options.graceMs;
  const within = (ms: number) => Math.max(0, Math.min(ms, deadline - performance.now()));
  if (await askToEnd(running, within(options.times.shutdownMs), options.ask)) return;
  const steps: readonly [ms: number, step: () => void][] = [
    [options.times.stdinMs, () => running.closeStdin()],
    [options.times.termMs, () => running.signalGroup("SIGTERM")],
  ];
  for (const [ms, step] of steps) {
    const time = within(ms);
    if (time <= 0) continue;
    step();
    if (await gone(running, time)) return;
  }
}

/** Asks, and waits for the end for as long as the step has left: a plugin that was asked answers first and ends later. */
async function askToEnd(running: RunningProcess, ms: number, ask: StopOptions["ask"]): Promise<boolean> {
  if (ms <= 0 || !running.alive) return await gone(running, 0);
  const started = performance.now();
  const controller = new AbortController();
  const over = Promise.withResolvers<false>();
  const timer = setTimeout(() => {
    over.resolve(false);
    controller.abort();
  }, ms);
  // Who cannot be asked, or does not heed the signal, is told by the next step.
  const willEnd = await Promise.race([ask(controller.signal).catch(() => false), over.promise]);
  clearTimeout(timer);
  return await gone(running, willEnd ? ms - (performance.now() - started) : 0);
}

async function gone(running: RunningProcess, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (let pause = FIRST_LOOK_MS;; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    if (running.exit !== undefined && !(await isGroupAlive(running.pid))) return true;
    const left = deadline - performance.now();
    if (left <= 0) return false;
    await Promise.race([sleep(Math.min(pause, left)), ...(running.exit === undefined ? [running.exited] : [])]);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
