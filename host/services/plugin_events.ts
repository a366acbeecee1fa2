/**
 * Events of one plugin through its life: takes its states, asks each new process what it wants, and starts and stops its ticks.
 * @module
 */
import { INFO } from "../../protocol/reserved.ts";
import type { PluginSubscriber } from "../events/subscriber.ts";
import type { Ticker } from "../events/tick.ts";
import type { Launch } from "../launch.ts";
import type { LogSink } from "../logs/record.ts";
import type { PluginCaller } from "../plugin_caller.ts";
import type { Slot } from "../slot.ts";

/** A plugin, and what its states are told to. */
export interface PluginEvents {
  readonly slot: Slot;
  readonly caller: PluginCaller;
  readonly subscriber: PluginSubscriber;
  readonly ticker: Ticker;
  /** Tells a process that has just started the newest settings. */
  readonly tellSettings: () => void;
  readonly log: LogSink;
}

/** What a plugin says of events. */
interface Said {
  readonly takesEvents: boolean;
  /** `undefined` when it says nothing: then the configuration alone does. */
  readonly subscribes: readonly string[] | undefined;
  readonly tickMs?: number;
}

/** Follows its states until the signal fires. */
export async function followPluginEvents(events: PluginEvents, signal: AbortSignal): Promise<void> {
  const { slot, subscriber, ticker, tellSettings } = events;
  let last: Launch | undefined;
  let said: Said | undefined;
  for await (const state of slot.states(signal)) {
    const launch = state.kind === "ready" ? slot.current : undefined;
    if (launch === undefined) {
      ticker.stop();
      continue;
    }
    if (launch !== last || said === undefined) {
      said = await ask(events, launch);
      if (slot.current !== launch) continue;
      last = launch;
      subscriber.started(said, tellSettings);
    } else {
      subscriber.pump(); // It was found unhealthy, and is well again.
    }
    if (said.takesEvents) ticker.start(said.tickMs);
  }
  ticker.stop();
}

/** What its info has of events. */
async function ask({ slot: { spec }, caller, log }: PluginEvents, { features }: Launch): Promise<Said> {
  const takesEvents = features.includes("event");
  if (!takesEvents && (spec.subscribes.length > 0 || spec.tickMs !== undefined)) {
    const message = 'It gets none of the events that its configuration has for it: it lacks the feature "event"';
    log({ time: new Date(), plugin: spec.name, level: "warn", message, values: { code: "events.unsupported" } });
  }
  if (!takesEvents || !features.includes("info")) return { takesEvents, subscribes: undefined };
  try {
    const answer = await caller.exec(INFO, undefined, { timeoutMs: spec.pingTimeoutMs, retry: "never" });
    const { subscribes, tickMs } = JSON.parse(new TextDecoder().decode(answer));
    return {
      takesEvents,
      subscribes: Array.isArray(subscribes) ? subscribes.filter((each) => typeof each === "string") : [],
      ...(typeof tickMs === "number" ? { tickMs } : {}),
    };
  } catch {
    return { takesEvents, subscribes: undefined };
  }
}
