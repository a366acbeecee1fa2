/**
 * `polyplug conform`: takes a plugin or an address, gives what it gets right and wrong by the contract.
 * @module
 */
import { DEFAULT_MAX_PAYLOAD_BYTES, type Driver } from "../../protocol/caller.ts";
import { addressFromEndpoint, endpointFromAddress } from "../../protocol/endpoint.ts";
import {
  COMM_TYPES,
  type CommType,
  conform as runConform,
  type ConformReport,
  type ConformTarget,
  type Level,
} from "../conform/conform.ts";
import { formatReport } from "../conform/report.ts";
import { DRIVERS } from "../drivers.ts";
import { type AtOptions, dialectFrom, forbidWithoutAt, readToken } from "./at.ts";
import { answer, type CliContext, EXIT, hasColor, usageError } from "./context.ts";
import { withHost } from "./session.ts";

/** The options of `conform`. */
export interface ConformCommandOptions extends AtOptions {
  readonly level?: string;
  /** A command that gives back its payload. */
  readonly echo?: string;
}

/** Checks a plugin that it starts, or a program that runs; exit code 1 when something is wrong with it. */
export async function conform(context: CliContext, name: string | undefined, options: ConformCommandOptions): Promise<number> {
  const { level = "core", at } = options;
  if (level !== "core" && level !== "full") throw usageError(`--level is "core" or "full", not "${level}"`);
  if ((name === undefined) === (at === undefined)) throw usageError("conform takes one plugin, or --at ADDRESS");
  forbidWithoutAt(options);
  const report = name === undefined ? await conformAt(context, level, options) : await conformPlugin(context, name, { ...options, level });
  const form = { color: hasColor(context.io.stdout), columns: context.io.stdout.columns ?? 80 };
  answer(context, report, () => [formatReport(report, form)]);
  return report.failed > 0 ? EXIT.failed : EXIT.done;
}

/** The wire that `--type` names; default `rest`. */
export function commTypeFrom(type: string = "rest"): CommType {
  const commType = COMM_TYPES.find((each) => each === type);
  if (commType !== undefined) return commType;
  throw usageError(`--type is one of ${COMM_TYPES.join(", ")}, not "${type}"`);
}

async function conformAt(context: CliContext, level: Level, options: ConformCommandOptions): Promise<ConformReport> {
  const { at = "", type, dialect, tokenFile, echo } = options;
  if (endpointFromAddress(at) === undefined) {
    throw usageError(`--at "${at}" is not an address`, "Write http://127.0.0.1:PORT, or unix:/PATH");
  }
  const { host } = context.options;
  const target: ConformTarget = {
    address: at,
    commType: commTypeFrom(type),
    ...(dialect === undefined ? {} : { dialect: dialectFrom(dialect) }),
    ...(tokenFile === undefined ? {} : { token: await readToken(tokenFile) }),
    ...(host === undefined ? {} : { host }),
  };
  return await runConform(target, { level, signal: context.interrupt.signal, ...(echo === undefined ? {} : { echo }) });
}

async function conformPlugin(context: CliContext, name: string, { level, echo }: { level: Level; echo?: string }): Promise<ConformReport> {
  const { drivers, target } = createObserver();
  const { signal } = context.interrupt;
  return await withHost(context, async (host) => {
    await host.start(name, { signal });
    // What was not started here is not ours to end.
    const mayEnd = host.plugins.some((plugin) => plugin.name === name && plugin.pid !== undefined);
    return await runConform(target(), { level, mayEnd, signal, ...(echo === undefined ? {} : { echo }) });
  }, { drivers });
}

/** Drivers that note where the host found the plugin, how it speaks with it, and the token that it trusts it with. */
export function createObserver(): { readonly drivers: Readonly<Record<string, Driver>>; readonly target: () => ConformTarget } {
  let seen: ConformTarget = { address: "", maxPayloadBytes: DEFAULT_MAX_PAYLOAD_BYTES };
  const observed = (commType: CommType, open: Driver): Driver => async (endpoint, options) => {
    const caller = await open(endpoint, options);
    const { host, maxPayloadBytes, dialect } = options;
    seen = { address: addressFromEndpoint(endpoint), commType, host, maxPayloadBytes, ...(dialect === undefined ? {} : { dialect }) };
    const trust = caller.trust?.bind(caller);
    caller.trust = (token) => {
      seen = { ...seen, token };
      trust?.(token);
    };
    return caller;
  };
  const drivers = COMM_TYPES.map((commType) => [commType, observed(commType, requireDriver(commType))]);
  return { drivers: Object.fromEntries(drivers), target: () => seen };
}

function requireDriver(commType: CommType): Driver {
  const driver = DRIVERS.get(commType);
  if (driver === undefined) throw new TypeError(`There is no driver for ${commType}`);
  return driver;
}
