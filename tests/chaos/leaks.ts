/**
 * What a process holds: takes nothing, gives counts that must be the same before and after whatever is tested.
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { RUNTIME } from "../support.ts";

/** What is open in this process. */
export interface Held {
  /** File descriptors by what they lead to; numbers of sockets and pipes aside. */
  readonly files: readonly string[];
  readonly listeners: readonly string[];
  /** Timers and the like, where the runtime tells. */
  readonly resources: readonly string[];
}

/** Looks now. */
export function held(): Held {
  const listeners = process.eventNames().map((name) => `${String(name)}: ${process.listenerCount(name)}`);
  // Deno and Bun know the function, but not what to say.
  const resources = RUNTIME === "node" ? process.getActiveResourcesInfo() : [];
  return { files: openFiles().sort(), listeners: listeners.sort(), resources: resources.sort() };
}

function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((number) => {
    try {
      return [readlinkSync(`/proc/self/fd/${number}`).replace(/\d+/, "")];
    } catch {
      return []; // The one that has just read the list.
    }
  });
}

const SETTLE_MS = 3000;

/** Fails when more is held than before; what is being closed gets a moment. */
export async function assertNothingLeaked(before: Held): Promise<void> {
  const givenUp = performance.now() + SETTLE_MS;
  while (performance.now() < givenUp && isMore(held(), before)) await sleep(50);
  const after = held();
  if (isMore(after, before)) assert.deepEqual(after, before);
}

/** Fewer is well: a connection of the runtime's own may have ended. */
function isMore(now: Held, before: Held): boolean {
  return (["files", "listeners", "resources"] as const).some((kind) => now[kind].length > before[kind].length) ||
    now.listeners.join() !== before.listeners.join();
}

/** Memory of this process without its garbage: in all, and what its own objects take. */
export function memoryMiB(): { readonly all: number; readonly objects: number } {
  collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { all: rss / 1024 / 1024, objects: (heapUsed + external) / 1024 / 1024 };
}

/** Else what a runtime has not yet thrown away looks like a leak. */
export function collectGarbage(): void {
  if ("Bun" in globalThis) return (globalThis as unknown as { Bun: { gc(force: boolean): void } }).Bun.gc(true);
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
