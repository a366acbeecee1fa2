/**
 * `conform()`: takes the address of a plugin in any language, gives a report of what it gets right and wrong by the contract.
 * The stage behind `polyplug conform` and `polyplug try`, which start the plugin if need be and print what report.ts writes.
 * @module
 */
import { DEFAULT_MAX_PAYLOAD_BYTES } from "../../protocol/caller.ts";
import { endpointFromAddress } from "../../protocol/endpoint.ts";
import type { Level } from "./check.ts";
import type { HttpEndpoint } from "./http_line.ts";
import { REST_CHECKS } from "./rest_checks.ts";
import { RestPeer } from "./rest_peer.ts";
import { type CheckResult, runChecks } from "./run_checks.ts";

export type { Finding, Level } from "./check.ts";
export type { CheckResult } from "./run_checks.ts";

/** What is known of the plugin. */
export interface ConformTarget {
  /** Where it listens: `http://127.0.0.1:41234` or `unix:/path`. */
  readonly address: string;
  /** What it got as POLYPLUG_TOKEN. It is sent to a plugin that says `x-polyplug`, even before its proof was looked at. */
  readonly token?: string;
  /** What it got as POLYPLUG_MAX_PAYLOAD, in bytes. Default 16 MiB. */
  readonly maxPayloadBytes?: number;
  /** The host to call it as, for plugins that list their hosts. Default `conform`. */
  readonly host?: string;
}

/** How it is checked. */
export interface ConformOptions {
  /** Default `core`. */
  readonly level?: Level;
  /** A command that gives back its payload. Default `hello.echo`. */
  readonly echo?: string;
  /** Whether the plugin may be ended by `polyplug.shutdown`, as the last check. Default false: somebody else may still need it. */
  readonly mayEnd?: boolean;
  /** How long one exchange may take, in milliseconds; a large body gets more. Default 10 000. */
  readonly timeoutMs?: number;
  /** Gives the run up; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Gets each result as it comes. */
  readonly onResult?: (result: CheckResult) => void;
}

/** What a run found. */
export interface ConformReport {
  readonly address: string;
  readonly level: Level;
  /** In the order in which the checks were made. */
  readonly results: readonly CheckResult[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What a payload is given back by unless another command is named. */
export const DEFAULT_ECHO = "hello.echo";

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Checks a plugin that runs. A fault of the plugin, even that nobody answers, is a result and not an error.
 * @throws {RangeError} when the address is neither an http URL nor `unix:/path`.
 */
export async function conform(target: ConformTarget, options: ConformOptions = {}): Promise<ConformReport> {
  const { level = "core", echo = DEFAULT_ECHO, mayEnd = false, timeoutMs = DEFAULT_TIMEOUT_MS, signal, onResult = () => {} } = options;
  const { token, host = "conform", maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES } = target;
  const peer = new RestPeer(endpointOf(target.address), { host, token, timeoutMs, maxPayloadBytes, signal });
  try {
    signal?.throwIfAborted();
    const results = await runChecks(REST_CHECKS, { level, context: { peer, echo, token, maxPayloadBytes }, mayEnd, onResult });
    const count = (kind: CheckResult["kind"]) => results.filter((result) => result.kind === kind).length;
    return { address: target.address, level, results, passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
  } finally {
    await peer.close();
  }
}

function endpointOf(address: string): HttpEndpoint {
  const endpoint = endpointFromAddress(address);
  if (endpoint !== undefined && endpoint.kind !== "pipes") return endpoint;
  throw new RangeError(`The address must be http://HOST:PORT or unix:/path, not ${JSON.stringify(address)}`);
}
