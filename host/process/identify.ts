/**
 * Stage 6, trust: takes a driver to what answers, gives what it says of itself once it has proved that it is the program that was started.
 * @module
 */
import type { CallOptions, DriverCaller, Identity } from "../../protocol/caller.ts";
import { PluginError } from "../../protocol/errors.ts";
import { createNonce, equalsSecret, proofFromToken } from "../../protocol/proof.ts";
import { PROTOCOL_VERSION } from "../../protocol/reserved.ts";
import type { PluginSpec } from "../discover.ts";

/** What the question needs to know. */
export interface IdentifyOptions {
  readonly spec: PluginSpec;
  /** The launch's secret; without one no proof is asked for. */
  readonly token: string | undefined;
  /** Gives the ping up. */
  readonly signal: AbortSignal;
}

/**
 * One ping. A plugin that speaks polyplug must prove that it is the one that was started, and is trusted then; a plain one cannot.
 * @throws {PluginError} "ready.impostor", "ready.protocol", "caller.timeout", or as the driver does.
 */
export async function identify(driver: DriverCaller, { spec, token, signal }: IdentifyOptions): Promise<Identity> {
  const nonce = token === undefined ? undefined : createNonce();
  const identity = await bounded(spec.pingTimeoutMs, signal, async (options) => {
    if (driver.identify !== undefined) return await driver.identify(nonce, options);
    await driver.ping(options);
    return { features: [] };
  });
  if (identity.protocol === undefined && identity.proof === undefined) return identity;
  requireProtocol(spec, identity.protocol ?? PROTOCOL_VERSION);
  if (token === undefined || nonce === undefined) return identity;
  if (!equalsSecret(identity.proof ?? "", await proofFromToken(token, nonce))) throw impostor(spec);
  driver.trust?.(token);
  return identity;
}

/**
 * The versions of the contract must be the same.
 * @throws {PluginError} "ready.protocol".
 */
export function requireProtocol(spec: PluginSpec, version: number): void {
  if (version === PROTOCOL_VERSION) return;
  const message = `Plugin "${spec.name}" speaks version ${version} of the contract, this host version ${PROTOCOL_VERSION}`;
  throw new PluginError("ready.protocol", message, {
    plugin: spec.name,
    hint: "Install a version of the plugin, or of the host, that shares one",
  });
}

/** Gives a ping its deadline; one that hangs must not keep the search from the next. */
async function bounded(timeoutMs: number, ended: AbortSignal, ping: (options: CallOptions) => Promise<Identity>): Promise<Identity> {
  const controller = new AbortController();
  const late = new PluginError("caller.timeout", `It did not answer ping within ${timeoutMs} ms`);
  const timer = setTimeout(() => controller.abort(late), timeoutMs);
  const gaveUp = rejected([controller.signal, ended]);
  try {
    return await Promise.race([ping({ timeoutMs, signal: controller.signal }), gaveUp]);
  } finally {
    clearTimeout(timer);
    controller.abort(late);
  }
}

/** Rejects with the reason of the first signal that fires. */
async function rejected(signals: readonly AbortSignal[]): Promise<never> {
  await new Promise<void>((resolve) => {
    for (const signal of signals) signal.addEventListener("abort", () => resolve(), { once: true });
    if (signals.some((signal) => signal.aborted)) resolve();
  });
  throw signals.find((signal) => signal.aborted)?.reason;
}

function impostor(spec: PluginSpec): PluginError {
  const message = `What answers for plugin "${spec.name}" cannot prove that it is the program that was started`;
  const hint = "Another program listens where the plugin should; end it, or give the plugin another comm_port";
  return new PluginError("ready.impostor", message, { plugin: spec.name, hint });
}
