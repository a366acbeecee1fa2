/**
 * `polyplug check`: takes the configuration, gives everything that is wrong or doubtful in it and in the files it names. Starts nothing.
 * @module
 */
import { isPluginError } from "../../protocol/errors.ts";
import { BUILTIN } from "../config/schema.ts";
import { checkConfig, type Finding as ConfigFinding, type HostConfig } from "../config/parse.ts";
import { discoverPlugins, type PluginSpec } from "../discover.ts";
import { DRIVERS } from "../drivers.ts";
import { verifyPlugin } from "../verify.ts";
import { providerFrom, requireUnique } from "../services/registry.ts";
import { accessOf, describeAccess, hasAccess } from "./access.ts";
import { answer, type CliContext, EXIT, paint } from "./context.ts";
import { errorAsData } from "./failure.ts";
import { findConfig } from "./configuration.ts";
import { visible, visibleLines } from "../visible.ts";

interface Finding {
  readonly level: "error" | "warning" | "note";
  readonly code: string;
  readonly plugin?: string;
  readonly message: string;
  readonly hint?: string;
}

/** Checks the configuration and every plugin of it, or of one host. */
export async function check(context: CliContext): Promise<number> {
  const source = await findConfig(context);
  const { config, errors } = checkedConfig(source);
  const specs = config === undefined ? [] : specsOf(config, context.options.host);
  const ofPlugins = [
    ...await Promise.all(specs.map(findingsOf)),
    ...(config === undefined ? [] : [capabilityFindings(config, context.options.host)]),
  ];
  const findings = [...errors, ...(config?.warnings ?? []).map((each) => configFinding("warning", each)), ...ofPlugins.flat()];
  const count = (level: Finding["level"]) => findings.filter((each) => each.level === level).length;
  const sums = { plugins: specs.length, errors: count("error"), warnings: count("warning") };
  const access = Object.fromEntries(specs.filter(hasAccess).map((spec) => [spec.name, accessOf(spec)]));
  answer(context, { config: source.path, ...sums, findings, access }, () => [
    ...findings.flatMap((each) => linesOf(context, each)),
    ...specs.filter(hasAccess).map((spec) => visible(describeAccess(spec))),
    `${source.path}: ${plural(sums.plugins, "plugin")}, ${plural(sums.errors, "error")}, ${plural(sums.warnings, "warning")}`,
  ]);
  return sums.errors > 0 ? EXIT.failed : EXIT.done;
}

/** A file that is no TOML is one finding; any other fault leaves something to check. */
function checkedConfig(source: Parameters<typeof checkConfig>[0]): { config: HostConfig | undefined; errors: readonly Finding[] } {
  try {
    const { config, errors } = checkConfig(source);
    return { config, errors: errors.map((each) => configFinding("error", each)) };
  } catch (error) {
    if (!isPluginError(error)) throw error;
    return { config: undefined, errors: [findingFrom("error", error)] };
  }
}

/** The plugins of one host, or all of the file: one that no host uses is checked too. Those with a fault of type are reported already. */
function specsOf(config: HostConfig, host: string | undefined): readonly PluginSpec[] {
  const names = host === undefined ? [...config.plugins.keys()] : discoverNames(config, host);
  const all = "all plugins";
  return discoverPlugins({ ...config, hosts: new Map([[all, names.filter((name) => config.plugins.has(name))]]) }, all);
}

function discoverNames(config: HostConfig, host: string): readonly string[] {
  return config.hosts.get(host) ?? discoverPlugins(config, host).map(({ name }) => name);
}

async function findingsOf(spec: PluginSpec): Promise<readonly Finding[]> {
  return [...await verifyFindings(spec), ...driverFindings(spec), ...openFindings(spec)];
}

async function verifyFindings(spec: PluginSpec): Promise<readonly Finding[]> {
  if (spec.exec === "" && spec.attach === undefined && spec.commType !== BUILTIN) return []; // Reported with the configuration.
  try {
    return (await verifyPlugin(spec)).warnings.map((each) => findingFrom("warning", each));
  } catch (error) {
    if (!isPluginError(error)) throw error;
    return [findingFrom("error", error)];
  }
}

/** What two plugins of one host both provide; several hosts may have a provider each. */
function capabilityFindings(config: HostConfig, host: string | undefined): readonly Finding[] {
  const hosts = host === undefined ? [...config.hosts.keys()] : [host].filter((name) => config.hosts.has(name));
  return hosts.flatMap((name) => {
    const enabled = specsOf(config, name).filter((spec) => spec.enabled);
    try {
      requireUnique(enabled.map((spec) => providerFrom(spec)));
      return [];
    } catch (error) {
      return [findingFrom("error", error)];
    }
  });
}

function driverFindings({ name, commType }: PluginSpec): readonly Finding[] {
  if (DRIVERS.has(commType) || commType === BUILTIN) return [];
  const message = `Plugin "${name}" speaks "${commType}", for which polyplug has no driver; an application must bring one`;
  return [{ level: "warning", code: "caller.unknown_comm_type", plugin: name, message }];
}

/** Only what answers can show whether it asks for the token; of these two it is known. */
function openFindings({ name, commType, dialect, address, attach }: PluginSpec): readonly Finding[] {
  const note = (message: string): readonly Finding[] => [{ level: "note", code: "verify.open", plugin: name, message }];
  if (attach?.kind === "tcp") {
    return note(`Plugin "${name}" is attached to without a token: unless it refuses every call, every user of its machine can call it`);
  }
  if (dialect !== "goplugin-1" || commType === BUILTIN || (attach ?? address)?.kind === "unix") return [];
  return note(`Plugin "${name}" speaks goplugin's dialect, which has no token: every user of this machine can call it`);
}

function configFinding(level: "error" | "warning", { path, message }: ConfigFinding): Finding {
  const plugin = /^plugins\.([^.]+)/.exec(path)?.[1];
  return { level, code: "config.invalid", ...(plugin === undefined ? {} : { plugin }), message: `${path} ${message}` };
}

function findingFrom(level: "error" | "warning", error: unknown): Finding {
  const { code, message, plugin, hint } = errorAsData(error);
  return { level, code, message, ...(plugin === undefined ? {} : { plugin }), ...(hint === undefined ? {} : { hint }) };
}

const COLORS = { error: 31, warning: 33, note: 36 } as const;

function linesOf({ io }: CliContext, { level, code, plugin = "", message, hint }: Finding): readonly string[] {
  const head = paint(io.stdout, COLORS[level], `${level}[${code}]:`);
  return [
    `${head} ${visibleLines(message.includes(plugin) ? message : `${plugin}: ${message}`)}`,
    ...(hint === undefined ? [] : [`  hint: ${visible(hint)}`]),
  ];
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
