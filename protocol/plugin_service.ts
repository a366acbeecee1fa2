/**
 * A plugin as every wire's server sees it: takes its dispatcher and who may call, gives a `Service`.
 * @module
 */
import type { Dispatcher } from "./dispatch.ts";
import { checkHost, checkToken } from "./guard.ts";
import { proofFromToken } from "./proof.ts";
import type { Service } from "./server.ts";

/** What a plugin's service is made of. */
export interface PluginServiceOptions {
  /** Runs the calls. */
  readonly dispatcher: Dispatcher;
  /** The only hosts that may call; empty for every host. */
  readonly hosts: readonly string[];
  /** The launch's secret; without one every program of this machine may call. */
  readonly token: string | undefined;
  /** The largest payload, in bytes. */
  readonly maxPayloadBytes: number;
  /** What the plugin says that it knows; default: what its dispatcher does. */
  readonly features?: readonly string[];
}

/** Makes the service. */
export function createPluginService(options: PluginServiceOptions): Service {
  const { dispatcher, token, maxPayloadBytes, features = dispatcher.features } = options;
  return {
    features,
    maxPayloadBytes,
    get draining() {
      return dispatcher.draining;
    },
    greet: (header) => checkHost(header, options),
    admit(header) {
      checkToken(header, options);
      checkHost(header, options);
      return dispatcher;
    },
    prove: (nonce) => token === undefined ? Promise.resolve(undefined) : proofFromToken(token, nonce),
  };
}
