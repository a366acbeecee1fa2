/**
 * Takes the command line, the environment and what the author passed to `serve()`, gives one settled set of options.
 * @module
 */
import process from "node:process";
import { DEFAULT_MAX_PAYLOAD_BYTES, type Dialect } from "../protocol/caller.ts";
import { VARIABLES } from "../protocol/environment.ts";
import { isLoopbackName } from "../protocol/endpoint.ts";
import type { WayBack } from "./outside.ts";

/** The wires that a plugin can serve. */
export type CommType = "rest" | "grpc" | "connect" | "stdio";

/** What an author may settle; each wins over command line and environment. */
export interface ServeOptions {
  /**
   * The wire to serve; `--comm-type`. Default: what the host says, else `rest`. REST and Connect are served together; `stdio` is this
   * process's own stdin and stdout.
   */
  readonly commType?: CommType;
  /**
   * How payloads are written on gRPC and Connect where the caller does not say; `--dialect`. Default `seed`, hex; `goplugin-1` is raw
   * bytes, as hosts of goplugin 1.0 send them.
   */
  readonly dialect?: Dialect;
  /**
   * The address to listen on, or `unix:` and the path of a socket; `--listen`. Default 127.0.0.1; anything but loopback and a Unix
   * socket needs a host that gave a token.
   */
  readonly listen?: string;
  /** The port to listen on, 0 for any free one; `--port`. Default 0. */
  readonly port?: number;
  /** The largest payload in bytes. Default: what the host says, else 16 MiB. */
  readonly maxPayloadBytes?: number;
  /** Ends the plugin. With it, `serve()` leaves the process's signals and stdin alone: the caller decides when it ends. */
  readonly signal?: AbortSignal;
}

/** Options with every question answered. */
export interface SettledOptions {
  readonly commType: CommType;
  readonly dialect: Dialect;
  readonly listen: string;
  readonly port: number;
  readonly maxPayloadBytes: number;
  /** The launch's secret, when a host started us. */
  readonly token: string | undefined;
  /** What the plugin is called in the host's configuration; `""` without a host. */
  readonly pluginName: string;
  /** The way back to the host, where it grants something. */
  readonly wayBack: WayBack | undefined;
  /** The versions of the contract that the host speaks; `undefined` when nobody said, as when started by hand. */
  readonly hostProtocols: readonly number[] | undefined;
}

const COMM_TYPES: readonly CommType[] = ["rest", "grpc", "connect", "stdio"];
const DIALECTS: readonly Dialect[] = ["seed", "goplugin-1"];
const UNIX = "unix:";

/** What is wrong with the command line or the environment; shown as one line, without a stack. */
export class UsageError extends Error {}

/**
 * Settles the options and removes the host's variables from the environment, so that they do not reach children of the plugin.
 * @throws {UsageError} when a value cannot be used.
 */
export function settleOptions(given: ServeOptions, args: readonly string[] = process.argv.slice(2)): SettledOptions {
  const environment = takeVariables();
  const token = environment.token === "" ? undefined : environment.token;
  const listen = given.listen ?? lastFlag(args, "listen") ?? "127.0.0.1";
  if (listen.startsWith(UNIX) && !listen.startsWith(`${UNIX}/`)) throw new UsageError(`--listen ${listen} needs an absolute path`);
  if (!listen.startsWith(UNIX) && !isLoopbackName(listen) && token === undefined) {
    throw new UsageError(
      `--listen ${listen} would let other machines call this plugin; without a token only 127.0.0.1 and ::1 are allowed`,
    );
  }
  return {
    commType: oneOf(COMM_TYPES, "comm-type", given.commType ?? lastFlag(args, "comm-type") ?? environment.commType ?? "rest"),
    dialect: oneOf(DIALECTS, "dialect", given.dialect ?? lastFlag(args, "dialect") ?? "seed"),
    listen,
    port: given.port ?? portFromText(lastFlag(args, "port")),
    maxPayloadBytes: given.maxPayloadBytes ?? bytesFromText(environment.maxPayload),
    token,
    pluginName: environment.plugin ?? "",
    wayBack: wayBackFrom(environment),
    hostProtocols: environment.protocol?.split(",").map(Number),
  };
}

/** The value of the last `--name V`, `-name V`, `--name=V` or `-name=V`; flags it does not know are the author's own. */
export function lastFlag(args: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (const [index, arg] of args.entries()) {
    if (arg === `--${name}` || arg === `-${name}`) found = args[index + 1] ?? "";
    else if (arg.startsWith(`--${name}=`) || arg.startsWith(`-${name}=`)) found = arg.slice(arg.indexOf("=") + 1);
  }
  return found;
}

function wayBackFrom({ hostUrl, hostSocket, hostToken }: Environment): WayBack | undefined {
  if (hostUrl === undefined || hostToken === undefined) return undefined;
  return { url: hostUrl, socket: hostSocket === "" ? undefined : hostSocket, token: hostToken };
}

type Environment = { readonly [K in keyof typeof VARIABLES]: string | undefined };

function takeVariables(): Environment {
  const taken: Record<string, string | undefined> = {};
  for (const [key, variable] of Object.entries(VARIABLES)) {
    taken[key] = process.env[variable];
    // Not where the plugin keeps its data: its author reads that one.
    if (variable !== VARIABLES.dataDir) delete process.env[variable];
  }
  return taken as Environment;
}

function oneOf<T extends string>(known: readonly T[], flag: string, given: string): T {
  const found = known.find((each) => each === given);
  if (found !== undefined) return found;
  throw new UsageError(`--${flag} ${given} is not served by this version; it serves ${known.join(", ")}`);
}

function portFromText(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 0 && port <= 65535) return port;
  throw new UsageError(`--port must be a number from 0 to 65535, not "${text}"`);
}

function bytesFromText(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MAX_PAYLOAD_BYTES;
  const bytes = Number(text);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError(`${VARIABLES.maxPayload} must be a number of bytes, not "${text}"`);
}
