/**
 * The life of a plugin as a table: takes where it is, what happened and when, gives where it is then and what to do. Pure.
 *
 * | state | event | next state | effects |
 * |---|---|---|---|
 * | idle | wanted | starting, or restarting while it has to wait | launch, or wait |
 * | starting | ready | ready | |
 * | starting | failed, first start | idle, or crashed after too many | reject |
 * | starting | failed, after it ran | restarting, or crashed | wait, or reject |
 * | restarting | due | starting | launch |
 * | ready | sick | unhealthy | kill |
 * | ready, unhealthy | exited | restarting, or crashed; idle when nobody wants it or watches over it | wait, or reject |
 * | ready | unused | idle | retire |
 * | ready, unhealthy | replacing | starting | retire |
 * | idle, starting, restarting, ready, unhealthy, crashed | swapped | ready | |
 * | all but stopping, stopped, inactive | stop | stopping | retire |
 * | stopping | stopped | stopped | |
 * | stopped, crashed | revive | idle, its past forgotten | |
 *
 * Every other event leaves the state as it is.
 * @module
 */
import type { PluginError } from "../../protocol/errors.ts";
import type { PluginState } from "../states.ts";
import { recentEnds, restartDelayMs, type RestartPolicy } from "./backoff.ts";

/** Where a plugin is, and what counts of its past. */
export interface Life {
  readonly state: PluginState;
  /** When it ended by itself, or could not be started. */
  readonly ends: readonly number[];
  /** Why, the last time. */
  readonly reason: PluginError | undefined;
  /** How many of its processes have become ready. */
  readonly launches: number;
  /** Whether it ran before the start that is under way, so that its failure is no answer to who waits. */
  readonly recovers: boolean;
}

/** What can happen to a plugin. */
export type LifeEvent =
  | { readonly kind: "wanted" } // a call or start() waits for a process
  | { readonly kind: "due" } // the delay before a restart has passed
  | { readonly kind: "ready"; readonly pid: number | undefined }
  | { readonly kind: "failed"; readonly reason: PluginError } // the start
  | { readonly kind: "sick"; readonly reason: PluginError } // it does not answer, or wrongly
  | { readonly kind: "exited"; readonly reason: PluginError; readonly wanted: boolean } // by itself; `wanted`: somebody waits for it
  | { readonly kind: "unused" } // on demand, and no call for its idle time
  | { readonly kind: "replacing" } // a reload ends the process before it starts another
  | { readonly kind: "swapped"; readonly pid: number | undefined } // a reload has put another process in its place
  | { readonly kind: "stop" }
  | { readonly kind: "stopped" }
  | { readonly kind: "revive" }; // start() of a plugin that was stopped, or given up

/** What is to be done. */
export type Effect =
  | { readonly kind: "launch" }
  | { readonly kind: "wait"; readonly delayMs: number } // then "due"
  | { readonly kind: "kill" } // the process; "exited" follows
  | { readonly kind: "retire" } // the process, or the start that is under way
  | { readonly kind: "reject"; readonly error: PluginError }; // who waits for a process

/** What the table depends on beside state and event. */
export interface LifeRules {
  readonly policy: RestartPolicy;
  /** Whether it is started again by itself; else an exit leaves it idle, and the next call starts it. */
  readonly supervised: boolean;
  /** Whether it runs only while it is called. */
  readonly onDemand: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now: number;
  /** From 0 to 1. */
  readonly random: number;
  /** The error for calls to a plugin that was given up, for that reason. */
  crashed(reason: PluginError): PluginError;
}

/** One row of the table. */
export interface Step {
  readonly life: Life;
  readonly effects: readonly Effect[];
}

/** A plugin that was never started. */
export function newLife(enabled: boolean): Life {
  return { state: { kind: enabled ? "idle" : "inactive" }, ends: [], reason: undefined, launches: 0, recovers: false };
}

/** What follows from an event. */
export function step(life: Life, event: LifeEvent, rules: LifeRules): Step {
  const { state } = life;
  if (!MAY[event.kind].includes(state.kind)) return { life, effects: [] };
  switch (event.kind) {
    case "wanted":
      return wanted(life, rules);
    case "due":
      return starting(life, state.kind === "restarting" ? state.attempt : 1);
    case "ready":
    case "swapped":
      return ready(life, event.pid);
    case "failed":
    case "exited":
      return ended(life, event, rules);
    case "sick":
      return to(life, { kind: "unhealthy", pid: "pid" in state ? state.pid : undefined, reason: event.reason }, [{ kind: "kill" }]);
    case "unused":
      return to(life, { kind: "idle" }, [{ kind: "retire" }]);
    case "replacing":
      return to({ ...life, recovers: true }, { kind: "starting", attempt: 1 }, [{ kind: "retire" }]);
    case "stop":
      return to({ ...life, recovers: false }, { kind: "stopping" }, [{ kind: "retire" }]);
    case "stopped":
      return to(life, { kind: "stopped" });
    case "revive":
      return to({ ...life, ends: [], reason: undefined, recovers: false }, { kind: "idle" });
  }
}

/** The states in which an event means something. */
const MAY: Readonly<Record<LifeEvent["kind"], readonly PluginState["kind"][]>> = {
  wanted: ["idle"],
  due: ["restarting"],
  ready: ["starting"],
  failed: ["starting"],
  sick: ["ready"],
  exited: ["ready", "unhealthy"],
  unused: ["ready"],
  replacing: ["ready", "unhealthy"],
  swapped: ["idle", "starting", "restarting", "ready", "unhealthy", "crashed"],
  stop: ["idle", "starting", "restarting", "ready", "unhealthy", "crashed"],
  stopped: ["stopping"],
  revive: ["stopped", "crashed"],
};

function to(life: Life, state: PluginState, effects: readonly Effect[] = []): Step {
  return { life: { ...life, state }, effects };
}

function starting(life: Life, attempt: number): Step {
  return to(life, { kind: "starting", attempt }, [{ kind: "launch" }]);
}

function ready(life: Life, pid: number | undefined): Step {
  const launches = life.launches + 1;
  return { life: { ...life, state: { kind: "ready", pid, launch: launches }, launches, recovers: false }, effects: [] };
}

/** Starts at once, unless it has ended by itself a moment ago and nobody has waited since. */
function wanted(life: Life, rules: LifeRules): Step {
  const ends = recentEnds(life.ends, rules.now, rules.policy);
  const last = rules.supervised ? ends.at(-1) : undefined;
  if (last === undefined || life.reason === undefined) return starting({ ...life, ends }, 1);
  // Of a plugin on demand that has served well since, the delay is over.
  const delayMs = last + (restartDelayMs(ends.length, rules.random, rules.policy) ?? rules.policy.maxDelayMs) - rules.now;
  return delayMs > 0 ? restarting({ ...life, ends }, delayMs, life.reason) : starting({ ...life, ends }, 1);
}

/** It ended by itself, or could not be started. */
function ended(life: Life, event: LifeEvent & { readonly reason: PluginError }, rules: LifeRules): Step {
  const { reason } = event;
  const isFirstStart = event.kind === "failed" && !life.recovers;
  const tell: readonly Effect[] = event.kind === "failed" && (isFirstStart || !rules.supervised) ? [{ kind: "reject", error: reason }] : [];
  if (!rules.supervised) return to({ ...life, recovers: false }, { kind: "idle" }, tell);
  const past = { ...life, reason, ends: [...recentEnds(life.ends, rules.now, rules.policy), rules.now] };
  const delayMs = restartDelayMs(past.ends.length, rules.random, rules.policy);
  if (delayMs === undefined) {
    return to(past, { kind: "crashed", reason }, isFirstStart ? tell : [{ kind: "reject", error: rules.crashed(reason) }]);
  }
  const isUnwanted = event.kind === "exited" && rules.onDemand && !event.wanted;
  if (isFirstStart || isUnwanted) return to({ ...past, recovers: false }, { kind: "idle" }, tell);
  return restarting({ ...past, recovers: true }, delayMs, reason);
}

function restarting(life: Life, delayMs: number, reason: PluginError): Step {
  const attempt = life.state.kind === "starting" ? life.state.attempt + 1 : 1;
  return to(life, { kind: "restarting", attempt, delayMs, reason }, [{ kind: "wait", delayMs }]);
}
