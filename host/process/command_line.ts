/**
 * Stage 4, command line: takes `exec_args`, a port and the dialect, gives the arguments that the plugin is started with.
 * @module
 */
import type { Dialect } from "../../protocol/caller.ts";

const FLAG = /^--?port$/;
const FLAG_WITH_VALUE = /^(--?port)=(.*)$/;
const PLACEHOLDER = "{port}";

/** The port that the arguments name themselves, the last one counting; 0 when they name none. */
export function portFromArgs(args: readonly string[]): number {
  let found = 0;
  for (const [index, arg] of args.entries()) {
    const text = FLAG_WITH_VALUE.exec(arg)?.[2] ?? (FLAG.test(arg) ? args[index + 1] : undefined);
    if (text !== undefined && /^\d{1,5}$/.test(text) && Number(text) <= 65535) found = Number(text);
  }
  return found;
}

/** The arguments with the port in them: at `{port}`, else where a port flag stands, else appended. */
export function commandLine(args: readonly string[], port: number, dialect: Dialect | undefined): readonly string[] {
  if (args.some((arg) => arg.includes(PLACEHOLDER))) return args.map((arg) => arg.replaceAll(PLACEHOLDER, String(port)));
  const rewritten = rewriteFlags(args, port);
  if (rewritten !== undefined) return rewritten;
  return [...args, dialect === "goplugin-1" ? "-port" : "--port", String(port)];
}

function rewriteFlags(args: readonly string[], port: number): readonly string[] | undefined {
  const out = [...args];
  let found = false;
  for (const [index, arg] of args.entries()) {
    const joined = FLAG_WITH_VALUE.exec(arg);
    if (joined !== null) out[index] = `${joined[1]}=${port}`;
    else if (FLAG.test(arg)) out[index + 1] = String(port);
    else continue;
    found = true;
  }
  return found ? out : undefined;
}
