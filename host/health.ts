/**
 * `host.health()`: takes the slots of a host, gives what is wrong with each plugin and its parts.
 * @module
 */
import { messageOf } from "../protocol/errors.ts";
import { HEALTH } from "../protocol/reserved.ts";
import { bounded } from "./bounded.ts";
import type { Launch } from "./launch.ts";
import type { Slot } from "./slot.ts";
import type { PluginState } from "./states.ts";

/** How long a plugin may take to say how it is, so that all is told within a second. */
const ANSWER_MS = 900;

/** What is wrong, by the names of host, plugin and part joined with dots; `null` for what is well, or is not needed now. */
export type HealthTree = Readonly<Record<string, string | null>>;

/** Asks every plugin that runs; the others are what their state says. */
export async function healthOfHost(host: string, slots: readonly Slot[]): Promise<HealthTree> {
  const enabled = slots.filter(({ state }) => state.kind !== "inactive");
  const plugins = await Promise.all(enabled.map(async (slot) => Object.entries(await healthOfPlugin(`${host}.${slot.spec.name}`, slot))));
  return Object.fromEntries([[host, null], ...plugins.flat()]);
}

async function healthOfPlugin(name: string, { spec, state, current }: Slot): Promise<HealthTree> {
  if (current === undefined) return { [name]: trouble(state) };
  try {
    const parts = await bounded("for its health", spec.name, { timeoutMs: ANSWER_MS }, (left, signal) => {
      return partsOf(current, { timeoutMs: left(), signal });
    });
    return Object.fromEntries([[name, null], ...Object.entries(parts).map(([part, wrong]) => [`${name}.${part}`, wrong])]);
  } catch (error) {
    return { [name]: messageOf(error) };
  }
}

/** What is wrong with a plugin that cannot be asked now. */
function trouble(state: PluginState): string | null {
  if ("reason" in state) return state.reason.message;
  if (state.kind === "starting") return "it is starting";
  return state.kind === "stopping" || state.kind === "stopped" ? "it was stopped" : null;
}

/** A plugin that does not tell its health is well when it answers. */
async function partsOf(launch: Launch, options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<HealthTree> {
  if (!launch.features.includes("health")) {
    await launch.ping(options);
    return {};
  }
  const parts: unknown = JSON.parse(new TextDecoder().decode(await launch.ask(HEALTH, options)));
  if (typeof parts === "object" && parts !== null && !Array.isArray(parts)) {
    return Object.fromEntries(Object.entries(parts).map(([part, wrong]) => [part, wrong === null ? null : asText(wrong)]));
  }
  throw new TypeError(`It told its health as ${JSON.stringify(parts)}, not as an object`);
}

function asText(wrong: unknown): string {
  return typeof wrong === "string" ? wrong : JSON.stringify(wrong);
}
