/**
 * `conform()`: takes the address of a plugin in any language, gives a report of what it gets right and wrong by the contract.
 * The stage behind `polyplug conform` and `polyplug try`, which start the plugin if need be and print what report.ts writes.
 * @module
 */
import { DEFAULT_MAX_PAYLOAD_BYTES } from "../../protocol/caller.ts";
import { type Channel, endpointFromAddress } from "../../protocol/endpoint.ts";
import type { Dialect } from "../../protocol/caller.ts";
import type { Check, CheckContext, Level } from "./check.ts";
import type { HttpEndpoint } from "./http_line.ts";
import type { Peer, PeerOptions } from "./peer.ts";
import { REST_CHECKS } from "./rest_checks.ts";
import { RestPeer } from "./rest_peer.ts";
import { type CheckResult, runChecks, type RunOptions } from "./run_checks.ts";

export type { Finding, Level } from "./check.ts";
export type { CheckResult } from "./run_checks.ts";

/** What a configuration may say that a plugin speaks. */
export const COMM_TYPES = ["rest", "grpc", "connect", "stdio"] as const;
/** One of them. */
export type CommType = typeof COMM_TYPES[number];
/** The wires that can be checked: those, and what may be offered beside them. */
export const WIRES = ["rest", "grpc", "connect", "stdio", "socket"] as const;
/** One of them. */
export type Wire = typeof WIRES[number];

/** What is known of the plugin. */
export interface ConformTarget {
  /** Where it listens: `http://127.0.0.1:41234` or `unix:/path`; with pipes it says nothing. */
  readonly address: string;
  /** Lends the pipes of a program that was started, for `stdio`, until they are given back. */
  readonly pipes?: () => { readonly channel: Channel; readonly giveBack: () => void };
  /** What is spoken there. Default `rest`. */
  readonly commType?: Wire;
  /** How it writes payloads on gRPC and Connect where the caller does not say. Default `seed`, hex. */
  readonly dialect?: Dialect;
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
  readonly commType: Wire;
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
 * @throws {RangeError} when the address is neither an http URL nor `unix:/path`, or nothing is known of the wire.
 */
export async function conform(target: ConformTarget, options: ConformOptions = {}): Promise<ConformReport> {
  const { level = "core", echo = DEFAULT_ECHO, mayEnd = false, timeoutMs = DEFAULT_TIMEOUT_MS, signal, onResult = () => {} } = options;
  const { token, host = "conform", maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES, commType = "rest", dialect = "seed" } = target;
  const run = await openRun(commType, target, { host, token, timeoutMs, maxPayloadBytes, signal, dialect });
  try {
    signal?.throwIfAborted();
    const results = await run.make({ level, context: { echo, token, maxPayloadBytes }, mayEnd, onResult });
    const count = (kind: CheckResult["kind"]) => results.filter((result) => result.kind === kind).length;
    const counts = { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
    return { address: target.address, commType, level, results, ...counts };
  } finally {
    await run.close();
  }
}

/** A wire's checks and peer, which fit each other. */
interface Run {
  make(options: RunSettings): Promise<readonly CheckResult[]>;
  close(): Promise<void>;
}

type RunSettings = Omit<RunOptions<Peer>, "context"> & { readonly context: Omit<CheckContext<Peer>, "peer"> };

async function openRun(commType: Wire, target: ConformTarget, options: PeerOptions & { readonly dialect: Dialect }): Promise<Run> {
  if (commType === "stdio") return runFrom(await openPipes(target, options));
  const endpoint = endpointOf(target.address);
  switch (commType) {
    case "rest":
      return runFrom({ peer: new RestPeer(endpoint, options), checks: REST_CHECKS });
    case "grpc":
      return runFrom((await import("./rpc_wires.ts")).openGrpcWire(endpoint, options));
    case "connect":
      return runFrom((await import("./rpc_wires.ts")).openConnectWire(endpoint, options));
    case "socket":
      return runFrom((await import("./socket_wire.ts")).openSocketWire(endpoint, options));
    default:
      throw new RangeError(`commType must be one of ${WIRES.join(", ")}, not ${JSON.stringify(commType)}`);
  }
}

function runFrom<P extends Peer>({ peer, checks }: { readonly peer: P; readonly checks: readonly Check<P>[] }): Run {
  return {
    make: ({ context, ...settings }) => runChecks(checks, { ...settings, context: { ...context, peer } }),
    close: () => peer.close(),
  };
}

async function openPipes({ pipes }: ConformTarget, options: PeerOptions) {
  if (pipes === undefined) throw new RangeError("stdio can be checked only of a program that was started here: it has no address");
  const { channel, giveBack } = pipes();
  return (await import("./stdio_wire.ts")).openStdioWire(channel, options, giveBack);
}

function endpointOf(address: string): HttpEndpoint {
  const endpoint = endpointFromAddress(address);
  if (endpoint !== undefined && endpoint.kind !== "pipes") return endpoint;
  throw new RangeError(`The address must be http://HOST:PORT or unix:/path, not ${JSON.stringify(address)}`);
}
