/**
 * Stages 4 to 6 of a built-in: takes its spec, gives a `Launch` without a process.
 * @module
 */
import { isPluginError, withMore } from "../../protocol/errors.ts";
import type { LogLevel } from "../../protocol/plugin.ts";
import type { PluginSpec } from "../discover.ts";
import type { Launch, LaunchContext } from "../launch.ts";
import { LaunchCalls } from "../launch_calls.ts";
import { initPlugin } from "../process/init.ts";
import { letFinish } from "../process/stop.ts";
import type { Builtin } from "./builtin.ts";
import type { Engine } from "./engine.ts";
import { type EngineOptions, openInProcess } from "./in_process.ts";
import { openWorker } from "./worker.ts";

/** A spec that has one. */
type BuiltinSpec = PluginSpec & { readonly builtin: Builtin };

/**
 * Starts a built-in: makes its dispatcher or its worker, and gives it its configuration.
 * @throws {PluginError} "spawn.…", "ready.…", or the signal's reason.
 */
export async function launchBuiltin(spec: BuiltinSpec, { log, runnerOf }: LaunchContext, signal: AbortSignal): Promise<Launch> {
  signal.throwIfAborted();
  const started = performance.now();
  const say = (level: LogLevel, message: string, values: Readonly<Record<string, unknown>> = {}) =>
    log({ time: new Date(), plugin: spec.name, level, message, values });
  const engine = await openEngine(spec, { spec, runner: runnerOf(spec.name), log: say }, signal);
  try {
    const running = { exited: engine.exited, failure: undefined, tail: NO_TAIL };
    await initPlugin(engine, { spec, running, timeoutMs: spec.startTimeoutMs - (performance.now() - started), signal });
  } catch (error) {
    await engine.end();
    throw error;
  }
  return createLaunch(spec, engine);
}

const NO_TAIL = { add: () => {}, stdout: () => "", stderr: () => "" };

async function openEngine({ name, builtin }: BuiltinSpec, options: EngineOptions, signal: AbortSignal): Promise<Engine> {
  try {
    return "worker" in builtin ? await openWorker(builtin.worker, options, signal) : openInProcess(builtin, options);
  } catch (error) {
    throw isPluginError(error) ? withMore(error, { plugin: name }) : error;
  }
}

function createLaunch(spec: BuiltinSpec, engine: Engine): Launch {
  const { driver, features, exited } = engine;
  const calls = new LaunchCalls(driver);
  const { shutdownMs, stdinMs, termMs } = spec.stop;
  let stopping: Promise<void> | undefined;
  const stop = (graceMs: number): Promise<void> => {
    if (graceMs === 0 && stopping !== undefined) void engine.end(); // Whoever waited gently waits no longer.
    // A stream that has no end would hold up the plugin's own.
    if (stopping === undefined) {
      void letFinish(Promise.race([calls.allAnswered(), exited]), shutdownMs).then(() => calls.cutStreams());
    }
    return stopping ??= (async () => {
      // There is no signal to send in between, so open calls get the time of all steps.
      const ms = Math.min(graceMs, shutdownMs + stdinMs + termMs);
      if (ms > 0) await letFinish(Promise.race([engine.drain().catch(() => {}), exited]), ms);
      await engine.end();
    })();
  };
  return {
    pid: undefined,
    startedAt: new Date(),
    endpoint: undefined,
    wire: spec.commType,
    features,
    exited,
    calls,
    ping: async (options) => void await driver.ping(options),
    ask: (command, options) => driver.exec(command, undefined, options),
    retire: async () => {
      await letFinish(Promise.race([calls.allAnswered(), exited]), spec.timeoutMs);
      calls.cutStreams();
      await stop(Infinity);
    },
    stop,
  };
}
