/**
 * `openExecutor()`: several hosts of one configuration in one application, each with its own processes.
 * @module
 */
import { requireApiVersion } from "./api_version.ts";
import { locateConfig } from "./config/locate.ts";
import { parseConfig } from "./config/parse.ts";
import { type Host, openHostFrom, type OpenHostOptions } from "./host.ts";

/** Several hosts that live and end together. */
export interface Executor {
  /**
   * One of the hosts.
   * @throws {RangeError} when the executor was not opened with it.
   */
  fromHost(name: string): Host;
  /** Closes every host; failures are gathered in an `AggregateError`. */
  close(): Promise<void>;
  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens several hosts of one configuration. When one cannot be opened, none stays open.
 * @throws {PluginError} as `openHost`.
 */
export async function openExecutor(options: OpenHostOptions & { readonly hosts: readonly string[] }): Promise<Executor> {
  requireApiVersion(options.api);
  const config = parseConfig(await locateConfig(options.config));
  const hosts = new Map<string, Host>();
  const close = async (): Promise<void> => {
    const results = await Promise.allSettled([...hosts.values()].map((host) => host.close()));
    const reasons = results.flatMap((result) => result.status === "rejected" ? [result.reason] : []);
    if (reasons.length > 0) throw new AggregateError(reasons, `${reasons.length} of the hosts could not be closed`);
  };
  try {
    for (const name of new Set(options.hosts)) hosts.set(name, await openHostFrom(name, config, options));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    fromHost(name) {
      const host = hosts.get(name);
      if (host === undefined) {
        throw new RangeError(`The executor was not opened with host "${name}"; it has: ${[...hosts.keys()].join(", ")}`);
      }
      return host;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
