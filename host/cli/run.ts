/**
 * `polyplug run`: takes a host's plugins, starts and watches over them, shows what they write and what becomes of them, until Ctrl-C.
 * SIGHUP reloads what was configured anew; with --watch saving a file does.
 * @module
 */
import { basename } from "node:path";
import { PluginError } from "../../protocol/errors.ts";
import { isBuiltin } from "../builtins/builtin.ts";
import type { PluginSpec } from "../discover.ts";
import type { Host } from "../host.ts";
import { inTurns } from "../running_host.ts";
import { type CliContext, EXIT, say, tellError } from "./context.ts";
import { Reloads } from "./reloads.ts";
import { createScreen, follow, type Life } from "./screen.ts";
import { withHost } from "./session.ts";
import type { FileWatch } from "./watch_files.ts";
import { watchPlugins } from "./watch_plugins.ts";

/** The options of `run`. */
export interface RunOptions {
  /** Whether plugins are reloaded when their files are saved. */
  readonly watch?: boolean;
}

/** Runs the named plugins, or all that are enabled, programs and not on demand, in the foreground. */
export async function run(context: CliContext, names: readonly string[], { watch = false }: RunOptions = {}): Promise<number> {
  const { interrupt } = context;
  const screen = createScreen(context, { afterExit: "it is not started before it is called or reloaded" });
  const developed = new Set<string>();
  return await withHost(context, async (host, specs) => {
    const plugins = choosePlugins(host, specs, names);
    screen.align(plugins.map(({ name }) => name));
    const followed = new AbortController();
    const over = Promise.withResolvers<false>();
    const onChange = () => void (!watch && [...lives.values()].every(({ isOver }) => isOver) && over.resolve(false));
    const lives = new Map(plugins.map(({ name }) => [name, follow(host, name, screen, { signal: followed.signal, onChange })]));
    lives.forEach((life) => life.begun());
    const onConfigured = async () => await watched?.renew();
    const reloads = await Reloads.open(context, { host, screen, plugins, lives, all: names.length === 0, developed, onConfigured });
    const watched = watch ? await watchRun(context, reloads) : undefined;
    interrupt.onHangup(() => void reloads.configure({ why: "SIGHUP", asked: true }));
    await inTurns(plugins, ({ name }) => start(context, host, name, lives.get(name)));
    const interrupted = await Promise.race([over.promise, fired(interrupt.signal)]);
    interrupt.onHangup(undefined);
    watched?.close();
    say(context, interrupted ? "Stopping; Ctrl-C again ends everything at once" : "No plugin runs any more");
    await host.stopAll();
    followed.abort();
    await Promise.all([...lives.values()].map((life) => life.shown));
    return EXIT.failed; // When it was interrupted, main says so.
  }, { onLog: (record) => screen.log(record), supervise: true, developed });
}

/** A wrong name is told before anything is started. */
function choosePlugins(host: Host, specs: readonly PluginSpec[], names: readonly string[]): readonly PluginSpec[] {
  for (const name of names) host.get(name);
  if (names.length > 0) return specs.filter(({ name }) => names.includes(name));
  const enabled = specs.filter((spec) => spec.enabled && !host.rejected.has(spec.name) && !isBuiltin(spec));
  const always = enabled.filter(({ idleTimeMs }) => idleTimeMs === undefined);
  if (always.length > 0) return always;
  throw new PluginError("host.inactive", `Host "${host.name}" has no plugin that can be started`, {
    hint: enabled.length > 0
      ? `These run when they are called; name one to start it: ${enabled.map(({ name }) => name).join(", ")}`
      : "polyplug check says what stands against each",
  });
}

/** One that cannot be started is told, and the others run. */
async function start(context: CliContext, host: Host, name: string, life: Life | undefined): Promise<void> {
  const { signal } = context.interrupt;
  try {
    if (!signal.aborted) await host.start(name, { signal });
  } catch (error) {
    if (!signal.aborted) tellError(context, error);
  } finally {
    life?.settled();
  }
}

/** A watch that follows the configuration. */
interface RunWatch extends FileWatch {
  /** Watches what is configured now. */
  renew(): Promise<void>;
}

async function watchRun(context: CliContext, reloads: Reloads): Promise<RunWatch> {
  const onProblem = (error: unknown) => tellError(context, error);
  const open = () =>
    watchPlugins({
      plugins: reloads.plugins,
      onFile: (names, path) => {
        for (const name of names) reloads.saved(name, `${basename(path)} was saved`).catch(onProblem);
      },
      onConfig: (path) => void reloads.configure({ why: `${basename(path)} was saved`, asked: false }),
      onProblem,
    });
  let isClosed = false;
  let watch = await open();
  let last: Promise<void> = Promise.resolve();
  const renewOnce = async () => {
    const next = await open(); // Before the old one ends, so that no save is missed.
    watch.close();
    watch = next;
    if (isClosed) watch.close();
  };
  const renew = () => last = last.then(renewOnce).catch(onProblem);
  return {
    renew,
    close: () => {
      isClosed = true;
      watch.close();
    },
  };
}

function fired(signal: AbortSignal): Promise<true> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(true);
    signal.addEventListener("abort", () => resolve(true), { once: true });
  });
}
