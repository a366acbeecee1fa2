/**
 * `polyplug conform`: takes a plugin or an address, gives what it gets right and wrong by the contract.
 * @module
 */
import { endpointFromAddress } from "../../protocol/endpoint.ts";
import {
  conform as runConform,
  type ConformOptions,
  type ConformReport,
  type ConformTarget,
  type Wire,
  WIRES,
} from "../conform/conform.ts";
import { formatReport } from "../conform/report.ts";
import { type AtOptions, dialectFrom, forbidStdio, forbidWithoutAt, readToken } from "./at.ts";
import { answer, type CliContext, EXIT, hasColor, say, usageError } from "./context.ts";
import { createObserver, SOCKET_ALONE } from "./observer.ts";
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
  const settings: ConformOptions = {
    level,
    signal: context.interrupt.signal,
    ...(options.echo === undefined ? {} : { echo: options.echo }),
  };
  const reports = name === undefined ? [await conformAt(context, settings, options)] : await conformPlugin(context, name, settings);
  const form = { color: hasColor(context.io.stdout), columns: context.io.stdout.columns ?? 80 };
  const [first, socket] = reports;
  answer(
    context,
    socket === undefined ? first : { ...first, socket },
    () => [reports.map((each) => formatReport(each, form)).join("\n\n")],
  );
  return reports.some(({ failed }) => failed > 0) ? EXIT.failed : EXIT.done;
}

/** The one of these wires that `--type` names; default `rest`. */
export function wireFrom<W extends Wire>(wires: readonly W[], type: string = "rest"): W {
  const wire = wires.find((each) => each === type);
  if (wire !== undefined) return wire;
  throw usageError(`--type is one of ${wires.join(", ")}, not "${type}"`);
}

async function conformAt(context: CliContext, settings: ConformOptions, options: AtOptions): Promise<ConformReport> {
  const { at = "", type, dialect, tokenFile } = options;
  if (endpointFromAddress(at) === undefined) {
    throw usageError(`--at "${at}" is not an address`, "Write http://127.0.0.1:PORT, or unix:/PATH");
  }
  forbidStdio(type);
  const { host } = context.options;
  const target: ConformTarget = {
    address: at,
    commType: wireFrom(WIRES.filter((each) => each !== "stdio"), type),
    ...(dialect === undefined ? {} : { dialect: dialectFrom(dialect) }),
    ...(tokenFile === undefined ? {} : { token: await readToken(tokenFile) }),
    ...(host === undefined ? {} : { host }),
  };
  return await runConform(target, settings);
}

/** One report, and another when the plugin offers the framed socket beside what it speaks. */
async function conformPlugin(context: CliContext, name: string, settings: ConformOptions): Promise<readonly ConformReport[]> {
  const { drivers, targets } = createObserver();
  const { level, signal } = settings;
  const starting = signal === undefined ? {} : { signal };
  return await withHost(context, async (host) => {
    await host.start(name, starting);
    // What was not started here is not ours to end.
    const mayEnd = host.plugins.some((plugin) => plugin.name === name && plugin.pid !== undefined);
    const [first, beside] = targets();
    if (first.commType === "socket") say(context, SOCKET_ALONE);
    const report = await runConform(first, { ...settings, mayEnd });
    if (beside === undefined) return [report];
    if (mayEnd && level === "full") { // It may have ended by the last check.
      await host.stop(name);
      await host.start(name, starting);
    }
    return [report, await runConform(targets()[1] ?? beside, { ...settings, mayEnd })];
  }, { drivers });
}
