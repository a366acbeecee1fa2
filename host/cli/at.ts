/**
 * `--at ADDRESS`: takes where a program listens, gives a caller to it. Nothing is started, verified or stopped.
 * @module
 */
import { readFile } from "node:fs/promises";
import {
  type CallOptions,
  DEFAULT_MAX_PAYLOAD_BYTES,
  DEFAULT_TIMEOUT_MS,
  type Dialect,
  type Driver,
  type DriverCaller,
  type Identity,
} from "../../protocol/caller.ts";
import { endpointFromAddress } from "../../protocol/endpoint.ts";
import { isPluginError, messageOf, PluginError, withMore } from "../../protocol/errors.ts";
import { createNonce, equalsSecret, proofFromToken } from "../../protocol/proof.ts";
import { bounded } from "../bounded.ts";
import { DRIVERS, openSocket, SOCKET, STDIO } from "../drivers.ts";
import { type CliContext, usageError } from "./context.ts";

/** The options that go with `--at`. */
export interface AtOptions {
  readonly at?: string;
  /** The wire; default `rest`. */
  readonly type?: string;
  /** How payloads are written on gRPC and Connect; default: as the program says, else `seed`. */
  readonly dialect?: string;
  /** A file with the program's token. */
  readonly tokenFile?: string;
}

/** A program that answers, or has proved that it holds the token. */
export interface Reached {
  readonly driver: DriverCaller;
  readonly options: CallOptions;
}

/** Connects, proves the token where there is one, hands the caller to `use` and closes it; all of it within one call's deadline. */
export async function withCaller<T>(
  context: CliContext,
  { at = "", type = "rest", dialect, tokenFile }: AtOptions,
  use: (reached: Reached) => Promise<T>,
): Promise<T> {
  const endpoint = endpointFromAddress(at);
  if (endpoint === undefined) throw usageError(`--at "${at}" is not an address`, "Write http://127.0.0.1:PORT, or unix:/PATH");
  const open = findDriver(type);
  const token = tokenFile === undefined ? undefined : await readToken(tokenFile);
  const host = context.options.host ?? "";
  const chosen = dialect === undefined ? undefined : dialectFrom(dialect);
  const driver = await open(endpoint, { host, plugin: at, dialect: chosen, maxPayloadBytes: DEFAULT_MAX_PAYLOAD_BYTES });
  const { signal } = context.interrupt;
  try {
    return await bounded(`to ${at}`, at, { timeoutMs: DEFAULT_TIMEOUT_MS, signal }, async (left, bound) => {
      const options = { signal: bound, timeoutMs: left() };
      if (token !== undefined) await prove(driver, at, token, options);
      return await use({ driver, options });
    });
  } catch (error) {
    throw explained(error, context, { type, token, isUnix: endpoint.kind === "unix" });
  } finally {
    await driver.close();
  }
}

/** Asks for the identity; without a token there is no nonce and no proof. */
export async function identify({ driver, options }: Reached): Promise<Identity> {
  if (driver.identify !== undefined) return await driver.identify(undefined, options);
  await driver.ping(options);
  return { features: [] };
}

/** Refuses the options that go with `--at` where it is missing. */
export function forbidWithoutAt({ at, type, dialect, tokenFile }: AtOptions): void {
  if (at === undefined && (type ?? dialect ?? tokenFile) !== undefined) {
    throw usageError(
      "--type, --dialect and --token-file go with --at alone",
      "A plugin's own comm_type and dialect stand in its configuration",
    );
  }
}

/** What a program that runs can speak, the framed socket included. */
const WIRES: ReadonlyMap<string, Driver> = new Map([...DRIVERS, [SOCKET, openSocket] as const].filter(([name]) => name !== STDIO));

/** A program that runs has its pipes with whoever started it. */
export function forbidStdio(type: string | undefined): void {
  if (type !== STDIO) return;
  throw usageError(
    "--at cannot be used with --type stdio",
    "Who starts a program has its pipes: name a plugin of the configuration, or use try",
  );
}

function findDriver(type: string): Driver {
  forbidStdio(type);
  const driver = WIRES.get(type);
  if (driver !== undefined) return driver;
  const known = [...WIRES.keys()].join(", ");
  throw new PluginError("caller.unknown_comm_type", `There is no driver for --type ${type}; there are: ${known}`);
}

/** The dialect that `--dialect` names. */
export function dialectFrom(dialect: string): Dialect {
  if (dialect === "seed" || dialect === "goplugin-1") return dialect;
  throw usageError(`--dialect "${dialect}" is neither seed nor goplugin-1`);
}

/** Reads a program's token. */
export async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new PluginError("cli.not_readable", `Cannot read --token-file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

/** The token goes to nobody who has not shown that he holds it. */
async function prove(driver: DriverCaller, at: string, token: string, options: CallOptions): Promise<void> {
  const nonce = createNonce();
  const identity = await driver.identify?.(nonce, options);
  if (equalsSecret(identity?.proof ?? "", await proofFromToken(token, nonce))) return driver.trust?.(token);
  throw new PluginError(
    "ready.impostor",
    `What answers at ${at} cannot prove that it holds the token; it was sent neither token nor call`,
    {
      hint: "Check that the file has the token of this program, which changes at each start",
    },
  );
}

function explained(
  error: unknown,
  { options }: CliContext,
  { type, token, isUnix }: { type: string; token: string | undefined; isUnix: boolean },
): unknown {
  if (!isPluginError(error)) return error;
  const wires = [...WIRES.keys()].filter((each) => isUnix || each !== SOCKET);
  const others = wires.filter((each) => each !== type).map((each) => `--type ${each}`).join(" or ");
  const otherWire = `If the program does not speak ${type}, try ${others}`;
  const hints: Readonly<Record<string, string | undefined>> = {
    "caller.refused": "Start the program, or correct --at",
    "caller.bad_response": otherWire,
    "exec.not_found": otherWire,
    "exec.unauthenticated": token === undefined ? "The program has a token: name the file that holds it with --token-file" : undefined,
    "exec.forbidden": options.host === undefined ? "--host NAME says for which host you call" : undefined,
  };
  const lost = error.code === "caller.lost" ? `. ${otherWire}` : "";
  const hint = error.hint === undefined ? hints[error.code] : `${asOptions(error.hint, others)}${lost}`;
  return hint === undefined ? error : withMore(error, { hint });
}

/** Where there is no configuration to change, an option says the same. */
function asOptions(hint: string, others: string): string {
  return hint.replace(/dialect = "(\S+)" in its configuration/, "--dialect $1")
    .replace("compare comm_type in the plugin's configuration", `try ${others}`);
}
