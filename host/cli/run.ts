/**
 * `polyplug run`: takes a host's plugins, starts them and shows what they write and what becomes of them, until Ctrl-C.
 * @module
 */
import { PluginError } from "../../protocol/errors.ts";
import type { Host } from "../host.ts";
import { inTurns } from "../running_host.ts";
import { type CliContext, EXIT, say, tellError } from "./context.ts";
import { createScreen, follow } from "./screen.ts";
import { withHost } from "./session.ts";

/** Runs the named plugins, or all that are enabled, in the foreground. */
export async function run(context: CliContext, names: readonly string[]): Promise<number> {
  const screen = createScreen(context, { afterExit: "it is not started again" });
  return await withHost(context, async (host) => {
    const wanted = choosePlugins(host, names);
    screen.align(wanted);
    const followed = new AbortController();
    const lives = wanted.map((name) => follow(host, name, screen, followed.signal));
    const ended = Promise.all(lives.map((life) => life.ended));
    await inTurns(wanted, (name) => start(context, host, name));
    lives.forEach((life) => life.started());
    const interrupted = await Promise.race([ended.then(() => false), fired(context.interrupt.signal)]);
    say(context, interrupted ? "Stopping; Ctrl-C again ends everything at once" : "No plugin runs any more");
    await host.stopAll();
    followed.abort();
    await Promise.all(lives.map((life) => life.shown));
    return EXIT.failed; // When it was interrupted, main says so.
  }, { onLog: (record) => screen.log(record) });
}

/** A wrong name is told before anything is started. */
function choosePlugins(host: Host, names: readonly string[]): readonly string[] {
  for (const name of names) host.get(name);
  if (names.length > 0) return [...new Set(names)];
  const enabled = host.plugins.filter(({ state }) => state.kind !== "inactive").map(({ name }) => name);
  if (enabled.length > 0) return enabled;
  throw new PluginError("host.inactive", `Host "${host.name}" has no plugin that can be started`, {
    hint: "polyplug check says what stands against each",
  });
}

/** One that cannot be started is told, and the others run. */
async function start(context: CliContext, host: Host, name: string): Promise<void> {
  const { signal } = context.interrupt;
  try {
    if (!signal.aborted) await host.start(name, { signal });
  } catch (error) {
    if (!signal.aborted) tellError(context, error);
  }
}

function fired(signal: AbortSignal): Promise<true> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(true);
    signal.addEventListener("abort", () => resolve(true), { once: true });
  });
}
