/**
 * What the tests of events share: plugins that listen and publish, and what they have heard.
 * @module
 */
import process from "node:process";
import type { Host } from "../../../host/mod.ts";
import { bytes, keysOf, pythonPlugin, text, typescriptPlugin } from "../../support.ts";

/** The wires on which events go. */
export const WIRES = ["rest", "grpc", "connect", "stdio", "socket"] as const;

/** An event as tests/fixtures/listens.ts has heard it. */
export interface Heard {
  readonly id: string;
  readonly topic: string;
  readonly from: string;
  readonly attempt: number;
  readonly size: number;
  readonly text: string;
  readonly pid: number;
  readonly isRefused: boolean;
}

/** How a listener shall be. */
export interface Listening {
  readonly on?: readonly string[];
  readonly everyMs?: number;
  readonly slowMs?: number;
  readonly file?: string;
}

type Keys = Record<string, unknown>;

/** A plugin that listens to what its configuration and its `on` have; `on` is everything unless it is told. */
export function listener(told: Listening = {}, keys: Keys = {}): Keys {
  const env = { LISTENS: JSON.stringify({ on: ["#"], ...told }) };
  return { ...typescriptPlugin("tests/fixtures/listens.ts"), ...keysOf("socket"), subscribes: ["#"], env, ...keys };
}

/** A plugin that may publish. */
export function publisher(publish: readonly string[] = ["#"], keys: Keys = {}): Keys {
  return { ...typescriptPlugin("tests/fixtures/publishes.ts"), ...keysOf("socket"), grants: { publish }, ...keys };
}

/** A plugin in Python that listens to what its info says. */
export function pythonListener(says: string, keys: Keys = {}): Keys {
  const plugin = pythonPlugin("tests/fixtures/listens.py", [says]);
  return { ...plugin, features: ["event", "info"], subscribes: ["#"], ...keys };
}

/** What a plugin has heard so far. */
export async function heardBy(host: Host, plugin: string): Promise<readonly Heard[]> {
  return JSON.parse(text(await host.get(plugin).exec("listens.heard")));
}

/** What it has heard when it has heard so many. */
export async function heardUntil(host: Host, plugin: string, count: number): Promise<readonly Heard[]> {
  return JSON.parse(text(await host.get(plugin).exec("listens.until", bytes(String(count)))));
}

/** Publishes so many events through a plugin. */
export async function publishMany(
  host: Host,
  plugin: string,
  order: { readonly topic: string; readonly count: number; readonly atOnce?: number; readonly from?: number; readonly pad?: number },
): Promise<{ readonly published: number; readonly failed: readonly string[] }> {
  return JSON.parse(text(await host.get(plugin).exec("publishes.many", bytes(JSON.stringify(order)), { timeoutMs: 120_000 })));
}

/** Kills the plugin's process and resolves with its id when the next one is ready. */
export async function kill(host: Host, plugin: string): Promise<number> {
  const handle = host.get(plugin);
  const pid = host.plugins.find(({ name }) => name === plugin)?.pid ?? NaN;
  process.kill(pid, "SIGKILL");
  for await (const state of handle.states()) if (state.kind === "ready" && state.pid !== pid) break;
  return pid;
}

/** Resolves when it is so; fails after a while. */
export async function eventually(isSo: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`It was not so within ${withinMs} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** How a subscriber is doing; `""` is the application's. */
export function statusOf(host: Host, plugin: string) {
  const found = host.events.subscribers.find((status) => status.plugin === plugin);
  if (found === undefined) throw new Error(`There is no subscriber "${plugin}"`);
  return found;
}

/** The texts of what was heard, each as a number. */
export function numbersOf(heard: readonly Pick<Heard, "text">[]): number[] {
  return heard.map((event) => Number(event.text));
}

/** 0 to `count - 1`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
