/**
 * Callers of the plugins: takes the subjects, calls them until told to end, gives what became of every call.
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isPluginError } from "../../host/mod.ts";
import type { Random } from "./random.ts";
import type { Outcome } from "./rules.ts";
import type { Subject } from "./subject.ts";

/** One who calls. */
export interface LoadOptions {
  readonly subject: Subject;
  readonly random: Random;
  /** The longest pause between two calls. */
  readonly pauseMs: number;
  readonly isOver: () => boolean;
  readonly lag: Lag;
}

/** A call with so little time may be late on a busy machine. */
const IMPATIENT_MS = 1500;

/** Calls one plugin, one call after the other, and accounts for each. */
export async function load({ subject, random, pauseMs, isOver, lag }: LoadOptions, prefix: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (!isOver()) {
    outcomes.push(await callOnce(subject, random, lag, `${prefix}-${outcomes.length}`));
    await sleep(random.between(0, pauseMs));
  }
  return outcomes;
}

async function callOnce(subject: Subject, random: Random, lag: Lag, id: string): Promise<Outcome> {
  const payload = random.bytes(random.next() < 0.1 ? 2000 : random.between(0, 100));
  const timeoutMs = random.next() < 0.3 ? random.between(20, 1000) : random.between(IMPATIENT_MS, 4000);
  const retry = random.pick(["never", "safe", "idempotent"] as const);
  const aborts = random.next() < 0.05;
  const controller = new AbortController();
  const timer = aborts ? setTimeout(() => controller.abort(), random.between(0, 20)) : undefined;
  const began = performance.now();
  const [result, detail] = await subject.handle.exec("chaos.echo", payload, {
    requestId: id,
    timeoutMs,
    retry,
    ...(aborts && { signal: controller.signal }),
  })
    .then(
      (answer) => [isSame(answer, payload) ? "right" : "wrong", ""],
      (error: unknown) => [isPluginError(error) ? error.code : "untyped", String(error)],
    );
  clearTimeout(timer);
  const ended = performance.now();
  const causes = subject.causes(began, ended);
  if (aborts) causes.add("aborted");
  if (timeoutMs < IMPATIENT_MS) causes.add("impatient");
  return {
    id,
    plugin: subject.name,
    retry,
    timeoutMs,
    began,
    ended,
    result: result ?? "",
    detail: detail ?? "",
    causes,
    lagMs: lag.since(began),
  };
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

const LOOK_MS = 20;

/** How late timers fire, all the time. */
export class Lag {
  readonly #seen: { readonly at: number; readonly ms: number }[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const at = performance.now();
      this.#seen.push({ at, ms: Math.max(1, at - last - LOOK_MS) });
      last = at;
    }, LOOK_MS);
  }

  since(began: number): number {
    let most = 1;
    for (let index = this.#seen.length - 1; index >= 0; index--) {
      const seen = this.#seen[index];
      if (seen === undefined || seen.at < began) break;
      most = Math.max(most, seen.ms);
    }
    return most;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
