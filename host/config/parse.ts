/**
 * Stage 1, parse: takes a `ConfigSource` from locate.ts, gives a `HostConfig` in which every name and type is known to be right.
 * @module
 */
import { closest } from "fastest-levenshtein";
import { parse as parseToml, stringify, TomlError } from "smol-toml";
import * as v from "valibot";
import { PluginError } from "../../protocol/errors.ts";
import { isName } from "../../protocol/names.ts";
import { isReserved } from "../../protocol/reserved.ts";
import type { ConfigInput, ConfigSource } from "./locate.ts";
import { BUILTIN, EVENTS, type EventsTable, HOST, isTable, META, PLUGIN, type PluginTable, SETTINGS, type TableSchema } from "./schema.ts";

/** The whole configuration, checked. */
export interface HostConfig {
  /** The file it came from; `undefined` for an object. */
  readonly path: string | undefined;
  /** Where relative paths start. */
  readonly folder: string;
  /** Whether plugins without any checksum may run. */
  readonly allowUnverified: boolean;
  /** Where data folders are kept, as written. */
  readonly stateDir: string;
  /** How events are kept and given out. */
  readonly events: EventsTable;
  /** Plugins by name, in the order of the file. */
  readonly plugins: ReadonlyMap<string, PluginTable>;
  /** The plugins that each host may use. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  /** What an operator should look at, though nothing is wrong with the types. */
  readonly warnings: readonly Finding[];
}

/** Something to say about one key. */
export interface Finding {
  /** The key's path, for example `plugins.hello.comm_port`. */
  readonly path: string;
  /** What is wrong, to be read after the path. */
  readonly message: string;
}

/** A configuration with what is wrong in it; the tables that are wrong are left out. */
export interface CheckedConfig {
  /** What can be used of it. */
  readonly config: HostConfig;
  /** What is wrong; empty when all of it can be used. */
  readonly errors: readonly Finding[];
}

/**
 * Parses and checks a configuration.
 * @throws {PluginError} "config.invalid" with all findings at once, or with line, column and caret when it is not TOML.
 */
export function parseConfig(source: ConfigSource): HostConfig {
  const { config, errors } = checkConfig(source);
  if (errors.length > 0) throw invalid(source, errors, config.warnings);
  return config;
}

/**
 * Parses and checks a configuration, and gives its faults beside what can be used of it; for `polyplug check`.
 * @throws {PluginError} "config.invalid" when it is not TOML.
 */
export function checkConfig(source: ConfigSource): CheckedConfig {
  const content = typeof source.content === "string" ? parseText(source.content, source.path ?? "") : source.content;
  const errors: Finding[] = [];
  const warnings: Finding[] = [];
  const read = createReader(errors, warnings);
  read.unknownKeys("", content, ["meta", "settings", "plugins", "hosts", "events"]);
  read.table("meta", META, content["meta"] ?? {});
  const events = read.table("events", EVENTS, content["events"] ?? {});
  const settings = read.table("settings", SETTINGS, content["settings"] ?? {});
  const plugins = read.tables("plugins", PLUGIN, content["plugins"]);
  const hosts = read.tables("hosts", HOST, content["hosts"]);
  for (const [name, plugin] of plugins) {
    checkExpose(`plugins.${name}.expose`, plugin, errors);
    checkGrants(`plugins.${name}.grants.plugins`, plugin, {
      known: [...entriesOf(content["plugins"]).map(([each]) => each), ...rolesOf(plugins)],
      warnings,
    });
  }
  // What is written is asked, not what was parsed, so that a fault of type hides no other finding.
  for (const [name, plugin] of entriesOf(content["plugins"])) if (isTable(plugin)) checkCommand(`plugins.${name}`, plugin, errors);
  const known = entriesOf(content["plugins"]).map(([name]) => name);
  checkRoles(plugins, known, errors);
  for (const [name, host] of entriesOf(content["hosts"])) {
    if (isTable(host)) checkHost(`hosts.${name}.plugins`, host["plugins"], known, errors);
  }
  const config = {
    path: source.path,
    folder: source.folder,
    allowUnverified: settings?.allow_unverified ?? false,
    stateDir: settings?.state_dir ?? "state",
    events: events ?? { durable: [] },
    plugins,
    hosts: new Map([...hosts].map(([name, host]) => [name, host.plugins])),
    warnings,
  };
  return { config, errors };
}

/**
 * Parses a configuration for the sake of one plugin: faults elsewhere are none of its.
 * @throws {PluginError} "config.invalid" when it is not TOML, or with the findings about the plugin and the settings.
 */
export function parseConfigOf(source: ConfigSource, plugin: string): HostConfig {
  const { config, errors } = checkConfig(source);
  const own = errors.filter(({ path }) =>
    [`plugins.${plugin}`, "settings"].some((table) => path === table || path.startsWith(`${table}.`))
  );
  if (own.length > 0) throw invalid(source, own, []);
  return config;
}

/**
 * Parses a TOML file.
 * @throws {PluginError} "config.invalid" with line, column and caret.
 */
export function parseText(text: string, path: string): ConfigInput {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = `The configuration "${path}" is not valid TOML at line ${error.line}, column ${error.column}: ${error.message}`;
    throw new PluginError("config.invalid", message.trimEnd(), { cause: error });
  }
}

/** Writes a table as TOML, as it is added to a configuration. */
export function formatToml(table: ConfigInput): string {
  return stringify(table);
}

/** Reads tables by their schemas and gathers what is wrong, instead of stopping at the first fault. */
function createReader(errors: Finding[], warnings: Finding[]) {
  const unknownKeys = (path: string, table: ConfigInput, known: readonly string[]) => {
    for (const key of Object.keys(table).filter((candidate) => !known.includes(candidate))) {
      const where = path === "" ? key : `${path}.${key}`;
      warnings.push({ path: where, message: `is not a known key and is ignored; the nearest known one is "${closest(key, [...known])}"` });
    }
  };
  const unknownKeysWithin = (path: string, table: ConfigInput, entries: v.ObjectEntries) => {
    unknownKeys(path, table, Object.keys(entries));
    for (const [key, schema] of Object.entries(entries)) {
      const inner = table[key];
      const innerEntries = entriesOfOptional(schema);
      if (isTable(inner) && innerEntries !== undefined) unknownKeysWithin(`${path}.${key}`, inner, innerEntries);
    }
  };
  const table = <T>(path: string, schema: TableSchema<T>, value: unknown): T | undefined => {
    if (!isTable(value)) {
      errors.push({ path, message: `must be a table, not ${show(value)}` });
      return undefined;
    }
    unknownKeysWithin(path, value, schema.entries);
    const result = v.safeParse(schema, value, { abortPipeEarly: true });
    if (result.success) return result.output;
    for (const issue of result.issues) {
      const dotted = v.getDotPath(issue);
      errors.push({ path: dotted === null ? path : `${path}.${dotted}`, message: `${issue.message}, not ${show(issue.input)}` });
    }
    return undefined;
  };
  const tables = <T>(path: string, schema: TableSchema<T>, value: unknown = {}): Map<string, T> => {
    if (!isTable(value)) errors.push({ path, message: `must be a table of tables, not ${show(value)}` });
    const found = new Map<string, T>();
    const names: string[] = [];
    for (const [name, entry] of entriesOf(value)) {
      checkName(path, name, names, errors);
      names.push(name);
      const output = table(`${path}.${name}`, schema, entry);
      if (output !== undefined) found.set(name, output);
    }
    return found;
  };
  return { unknownKeys, table, tables };
}

/** The keys of a table within a table, as `v.optional` holds it. */
function entriesOfOptional(schema: v.ObjectEntries[string]): v.ObjectEntries | undefined {
  const { wrapped } = schema as { readonly wrapped?: { readonly entries?: v.ObjectEntries } };
  return wrapped?.entries;
}

const NAME_RULE = 'must be named with 1 to 64 letters, digits, "_" or "-", a letter or digit first, and not as a Windows device';

function checkName(path: string, name: string, before: readonly string[], errors: Finding[]): void {
  if (!isName(name)) errors.push({ path: `${path}.${name}`, message: NAME_RULE });
  const twin = before.find((other) => isTwin(other, name));
  if (twin !== undefined) errors.push({ path: `${path}.${name}`, message: `differs from "${twin}" in upper and lower case alone` });
}

function checkCommand(path: string, table: ConfigInput, errors: Finding[]): void {
  const { exec, exec_file, attach } = table;
  if (table["comm_type"] === BUILTIN) return checkBuiltin(path, { exec, exec_file, attach }, errors);
  for (const key of ["attach", "address"].filter((each) => table["comm_type"] === "stdio" && table[each] !== undefined)) {
    errors.push({
      path: `${path}.${key}`,
      message: 'cannot be used with comm_type = "stdio", which needs a program that this host starts',
    });
  }
  if (exec === undefined && attach === undefined) {
    errors.push({ path: `${path}.exec`, message: "is missing: the command that starts the plugin" });
  }
  if (typeof exec === "string" && exec !== "" && exec_file === undefined && !/[/\\]/.test(exec)) {
    errors.push({
      path: `${path}.exec_file`,
      message: `is missing: "${exec}" is looked up on PATH, so the plugin's own file must be named`,
    });
  }
}

/** The application brings it, so nothing is started or attached to. */
function checkBuiltin(path: string, program: ConfigInput, errors: Finding[]): void {
  for (const key of Object.keys(program).filter((each) => program[each] !== undefined)) {
    errors.push({ path: `${path}.${key}`, message: `stands beside comm_type = "${BUILTIN}", which has no program of its own` });
  }
}

/** Each command has a path, which some in front of the host may take in any case. */
function checkExpose(path: string, { expose }: PluginTable, errors: Finding[]): void {
  for (const [at, command] of expose.entries()) {
    const twin = expose.slice(0, at).find((each) => isTwin(each, command));
    if (twin !== undefined) errors.push({ path, message: `has "${twin}" and "${command}", which are one path` });
    if (isReserved(command)) errors.push({ path, message: `has "${command}", and "polyplug." belongs to the framework` });
  }
}

function rolesOf(plugins: ReadonlyMap<string, PluginTable>): readonly string[] {
  return [...plugins.values()].flatMap(({ role }) => role === undefined ? [] : [role]);
}

/** Plugins and roles are found by the same names. */
function checkRoles(plugins: ReadonlyMap<string, PluginTable>, known: readonly string[], errors: Finding[]): void {
  const roles = rolesOf(plugins);
  for (const [name, { role }] of plugins) {
    if (role === undefined) continue;
    const path = `plugins.${name}.role`;
    const plugin = known.find((each) => isTwin(each, role));
    if (plugin !== undefined) errors.push({ path, message: `is the name of plugin "${plugin}"; a role has a name of its own` });
    const twin = roles.slice(0, roles.indexOf(role)).find((each) => isTwin(each, role));
    if (twin !== undefined) errors.push({ path, message: `differs from the role "${twin}" in upper and lower case alone` });
  }
}

function isTwin(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** No error, since the other one may be registered later. */
function checkGrants(path: string, { grants }: PluginTable, { known, warnings }: { known: readonly string[]; warnings: Finding[] }): void {
  for (const name of Object.keys(grants.plugins).filter((each) => !known.includes(each))) {
    warnings.push({ path: `${path}.${name}`, message: "is not among the plugins, so that nothing can be called there" });
  }
}

function checkHost(path: string, names: unknown, known: readonly string[], errors: Finding[]): void {
  const texts = Array.isArray(names) ? names.filter((name): name is string => typeof name === "string") : [];
  for (const name of texts.filter((text) => !known.includes(text))) {
    errors.push({ path, message: `names "${name}", which is not among the plugins: ${known.join(", ") || "there are none"}` });
  }
}

/** All faults in one error; the warnings go along as its hint, since a mistyped key is often why another is missing. */
function invalid(source: ConfigSource, errors: readonly Finding[], warnings: readonly Finding[]): PluginError {
  const what = source.path === undefined ? "The configuration" : `The configuration "${source.path}"`;
  const count = errors.length === 1 ? "1 error" : `${errors.length} errors`;
  const lines = errors.map(({ path, message }) => `  ${path} ${message}`);
  const hint = warnings.map(({ path, message }) => `${path} ${message}`).join("\n");
  return new PluginError("config.invalid", [`${what} has ${count}:`, ...lines].join("\n"), hint === "" ? {} : { hint });
}

function entriesOf(value: unknown): readonly (readonly [name: string, value: unknown])[] {
  return isTable(value) ? Object.entries(value) : [];
}

function show(value: unknown): string {
  // JSON has no inf and nan, which TOML has, and no bigint, which a parser may give.
  const text = typeof value === "object" || typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
