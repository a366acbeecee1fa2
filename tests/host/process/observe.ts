/**
 * What the tests of processes see of them from outside.
 * @module
 */
import assert from "node:assert/strict";
import { type Host, isPluginError, type PluginError, type PluginHandle, type PluginState } from "../../../host/mod.ts";
import { processesWith } from "../../support.ts";

/** Starts a plugin and gives the error; a start that succeeds, or fails with anything but a `PluginError` about this plugin, fails the test. */
export async function startError(host: Host, plugin: string): Promise<PluginError> {
  const error: unknown = await host.start(plugin).then(() => new Error(`"${plugin}" was started`), (reason: unknown) => reason);
  if (isPluginError(error) && error.plugin === plugin) return error;
  throw error;
}

/** Resolves once as many processes carry the marker; nothing announces them, so this looks again and again. */
export async function processesSeen(marker: string, count = 1): Promise<readonly number[]> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const pids = await processesWith(marker);
    if (pids.length >= count) return pids;
    assert.ok(performance.now() < deadline, `only ${pids.length} of ${count} processes were seen`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves at the first state of this kind, the current one included. */
export async function reached(handle: PluginHandle, kind: PluginState["kind"]): Promise<PluginState> {
  for await (const state of handle.states()) {
    if (state.kind === kind) return state;
  }
  throw new Error("The states ended");
}
