/**
 * Takes the command line of the example, gives its options or a `UsageError`.
 * @module
 */
import { fileURLToPath } from "node:url";

/** What `--help` prints. */
export const HELP = `Reads a log of sshd or Apache through three plugins and reports on it.

  --log FILE      the log; default: the sample beside this example
  --year YEAR     the year of sshd lines, which carry none; default: that of the file's last change
  --since TIME    leaves out what is older, for example 2025-03-14T02:00:00
  --filter NAME   the plugin that reads the lines; default: log-filter (Python), or log-filter-ts without Python
  --config FILE   another configuration for polyplug
`;

/** A fault in the command line; exit code 2. */
export class UsageError extends Error {}

/** The command line, settled. */
export interface Flags {
  readonly help: boolean;
  readonly log: string;
  readonly year: number | undefined;
  readonly since: string | undefined;
  readonly filter: string | undefined;
  readonly config: string;
}

const NAMES = ["log", "year", "since", "filter", "config"];

/**
 * Reads `--name value` and `--name=value`.
 * @throws {UsageError} when a flag is unknown or its value cannot be used.
 */
export function parseFlags(args: readonly string[]): Flags {
  const given = new Map<string, string>();
  const rest = args.flatMap(splitFlag);
  while (rest.length > 0) {
    const flag = rest.shift() ?? "";
    const name = flag.startsWith("--") ? flag.slice(2) : "";
    if (name === "help") given.set(name, "");
    else if (!NAMES.includes(name)) throw new UsageError(`Unknown argument "${flag}"; --help lists the known ones`);
    else given.set(name, valueOf(flag, rest.shift()));
  }
  return {
    help: given.has("help"),
    log: given.get("log") ?? fileURLToPath(new URL("./sample.log", import.meta.url)),
    year: yearFrom(given.get("year")),
    since: timeFrom(given.get("since")),
    filter: given.get("filter"),
    config: given.get("config") ?? fileURLToPath(new URL("./config.toml", import.meta.url)),
  };
}

function splitFlag(arg: string): string[] {
  const at = arg.startsWith("--") ? arg.indexOf("=") : -1;
  return at < 0 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)];
}

function valueOf(flag: string, value: string | undefined): string {
  if (value === undefined || value === "") throw new UsageError(`${flag} needs a value`);
  return value;
}

function yearFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9]{4}$/.test(text)) throw new UsageError(`--year must have four digits, not "${text}"`);
  return Number(text);
}

function timeFrom(text: string | undefined): string | undefined {
  if (text === undefined || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text)) return text;
  throw new UsageError(`--since must be a time like 2025-03-14T02:00:00, not "${text}"`);
}
