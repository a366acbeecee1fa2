/**
 * What a call may end with: takes what was done to its plugin while it was open, gives the faults of its outcome.
 * @module
 */
import type { PluginState } from "../../host/mod.ts";

/** What is done to a plugin. */
export type FaultKind = "kill" | "stop" | "pause" | "exit" | "hang" | "garbage" | "slow start" | "bad start" | "port thief" | "reload";

/** What can lead to an error: a fault, a state in which the plugin was, or what the caller itself did. */
export type Cause = FaultKind | `is ${PluginState["kind"]}` | "aborted" | "impatient";

/** Faults after which a process ends, or its connection does. */
const ENDS: readonly Cause[] = [
  "kill",
  "stop",
  "pause",
  "exit",
  "hang",
  "garbage",
  "slow start",
  "bad start",
  "port thief",
  "is unhealthy",
];
/** A start that is the first one, or the first one after `start()`, tells who waits why it failed. */
const STARTS: readonly Cause[] = ["bad start", "port thief", "kill", "pause", "exit"];

/** Each error that a call may end with, and what must have happened to its plugin meanwhile. Every other error is a fault. */
export const RULES: Readonly<Record<string, readonly Cause[]>> = {
  "caller.aborted": ["aborted"],
  "caller.bad_response": ["garbage"],
  "caller.lost": ENDS,
  "caller.refused": ENDS,
  // A start, of a plugin on demand for example, may take longer than a call has.
  "caller.timeout": [...ENDS, "is starting", "impatient"],
  "exec.unavailable": ["stop"],
  "host.crashed": ["is crashed"],
  "host.stopped": ["stop"],
  "ready.exited": STARTS,
  "ready.port_taken": ["port thief"],
  "ready.impostor": ["port thief"],
};

/** Errors that say that the call did not run. */
const NOT_RUN = /^(caller\.refused|exec\.unavailable|host\..*|ready\..*)$/;

/** One call and what became of it. */
export interface Outcome {
  readonly id: string;
  readonly plugin: string;
  readonly retry: "never" | "safe" | "idempotent";
  readonly timeoutMs: number;
  readonly began: number;
  readonly ended: number;
  /** `right`, `wrong`, an error's code, or the text of one that has none. */
  readonly result: string;
  readonly detail: string;
  readonly causes: ReadonlySet<Cause>;
  /** How late timers fired meanwhile. */
  readonly lagMs: number;
}

const LATE_MS = 250;

/** What is wrong with an outcome; `ran` is how often the plugin's processes ran the call. */
export function wrongWith(outcome: Outcome, ran: number): string[] {
  const { result, retry, timeoutMs, began, ended, causes, lagMs } = outcome;
  const wrong: string[] = [];
  const lateMs = ended - began - timeoutMs;
  if (lateMs > LATE_MS + 10 * lagMs) {
    wrong.push(`it ended ${lateMs.toFixed(0)} ms after its deadline, timers were ${lagMs.toFixed(0)} ms late`);
  }
  if (result === "right" && ran === 0) wrong.push("it was answered and never ran");
  if (retry !== "idempotent" && ran > 1) wrong.push(`it ran ${ran} times`);
  if (retry !== "idempotent" && ran > 0 && NOT_RUN.test(result)) wrong.push(`${result} says that it did not run, but it did`);
  if (result === "right") return wrong;
  const allowed = RULES[result];
  if (allowed === undefined) wrong.push(`no rule allows ${result}`);
  else if (!allowed.some((cause) => causes.has(cause))) wrong.push(`${result} is allowed only with: ${allowed.join(", ")}`);
  return wrong;
}

/** One line on an outcome, for who has to find out. */
export function lineOf({ id, retry, timeoutMs, began, ended, result, detail, causes }: Outcome, wrong: readonly string[]): string {
  const when = `${began.toFixed(0)} to ${ended.toFixed(0)} ms`;
  return `${id} (${when}, limit ${timeoutMs}, ${retry}; ${[...causes].join(", ") || "nothing was done"}): ${
    wrong.join("; ")
  }: ${result} ${detail}`;
}
