/**
 * Stage 5 for a plugin that already runs (under a debugger, in a container): takes where it listens, gives a `Launch` without a process.
 * Nothing is spawned, verified or stopped.
 * @module
 */
import type { Driver } from "../protocol/caller.ts";
import type { PluginSpec } from "./discover.ts";
import type { Launch } from "./launch.ts";
import { LaunchCalls } from "./launch_calls.ts";
import { waitUntilReady } from "./process/ready.ts";
import type { PluginExit } from "./process/spawn.ts";
import { letFinish } from "./process/stop.ts";

/**
 * Connects to a running plugin. The host gave it no token, so it asks for no proof.
 * @throws {PluginError} "ready.timeout", "ready.protocol", or the signal's reason.
 */
export async function attachLaunch(
  spec: PluginSpec,
  openDriver: Driver,
  options: { readonly onNotice: (message: string) => void; readonly signal: AbortSignal },
): Promise<Launch> {
  const readyLine = new Promise<never>(() => {});
  const connection = await waitUntilReady({
    ...options,
    spec,
    running: undefined,
    port: undefined,
    openDriver,
    token: undefined,
    readyLine,
    socketLine: readyLine,
  });
  const { endpoint, wire, driver, features } = connection;
  const calls = new LaunchCalls(driver);
  const exited = Promise.withResolvers<PluginExit>();
  const stop = async (): Promise<void> => {
    try {
      await driver.close();
    } finally {
      exited.resolve({ code: null, signal: null, at: new Date(), stderr: "" });
    }
  };
  return {
    pid: undefined,
    startedAt: new Date(),
    endpoint,
    wire,
    features,
    exited: exited.promise, // When it was let go of; whether it still runs, the next call or ping finds out.
    calls,
    ping: async (pingOptions) => void await driver.ping(pingOptions),
    ask: (command, askOptions) => driver.exec(command, undefined, askOptions),
    retire: async () => {
      await letFinish(calls.allAnswered(), spec.timeoutMs);
      await stop();
    },
    stop,
  };
}
