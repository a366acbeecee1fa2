/**
 * `polyplug exec`: takes a plugin or an address, a command and a payload, gives the answer's bytes.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { PluginError } from "../../protocol/errors.ts";
import { encodeHex } from "../../protocol/hex.ts";
import { sendingProblem } from "../../protocol/reserved.ts";
import { type AtOptions, forbidWithoutAt, withCaller } from "./at.ts";
import { answer, type CliContext, EXIT, usageError } from "./context.ts";
import { type PayloadOptions, readPayload } from "./payload.ts";
import { withHost } from "./session.ts";
import { visibleBytes, visibleJson } from "../visible.ts";

/** The options of `exec`. */
export interface ExecOptions extends AtOptions, Omit<PayloadOptions, "text"> {
  /** How the answer is written; default: its bytes. */
  readonly as?: string;
}

/** Runs one command and writes its answer. */
export async function exec(context: CliContext, args: readonly string[], options: ExecOptions): Promise<number> {
  const { plugin, command, text } = readArguments(args, options);
  const payload = await readPayload(context, { text, file: options.file, hex: options.hex });
  const { signal } = context.interrupt;
  const bytes = plugin === undefined
    ? await withCaller(context, options, ({ driver, options: call }) => driver.exec(command, payload, call))
    : await withHost(context, (host) => host.get(plugin).exec(command, payload, { signal }));
  write(context, command, bytes, options.as);
  return EXIT.done;
}

interface Arguments {
  /** `undefined` with `--at`. */
  readonly plugin: string | undefined;
  readonly command: string;
  readonly text: string | undefined;
}

function readArguments(args: readonly string[], options: ExecOptions): Arguments {
  const { at, as } = options;
  const [plugin, command, text, ...more] = at === undefined ? args : [undefined, ...args];
  if (command === undefined) throw usageError(at === undefined ? "exec needs NAME and COMMAND" : "exec --at needs COMMAND");
  if (more.length > 0) throw usageError(`There is an argument too many: "${more[0]}"`, "Write a payload with spaces in quotes");
  forbidWithoutAt(options);
  if (as !== undefined && as !== "hex" && as !== "json") throw usageError(`--as is "hex" or "json", not "${as}"`);
  const problem = sendingProblem(command);
  if (problem !== undefined) throw usageError(problem);
  return { plugin, command, text };
}

function write(context: CliContext, command: string, bytes: Bytes, as: string | undefined): void {
  const { stdout } = context.io;
  if (context.options.json === true) return answer(context, { command, ...describe(bytes) }, () => []);
  if (as === "hex") stdout.write(`${encodeHex(bytes)}\n`);
  else if (as === "json") stdout.write(`${jsonFrom(bytes)}\n`);
  else if (stdout.isTTY === true) stdout.write(`${visibleBytes(bytes).replace(/\n$/, "")}\n`);
  else stdout.write(bytes);
}

/** The bytes as hex, and as text where they are text. */
function describe(bytes: Bytes): { readonly bytes: number; readonly hex: string; readonly text?: string } {
  const text = textFrom(bytes);
  return { bytes: bytes.length, hex: encodeHex(bytes), ...(text === undefined ? {} : { text }) };
}

/** The answer as it came, since numbers may lose digits when they are read and written again. */
function jsonFrom(bytes: Bytes): string {
  const text = textFrom(bytes);
  try {
    JSON.parse(text ?? "");
    return visibleJson((text ?? "").trim());
  } catch (error) {
    throw new PluginError("caller.bad_response", "The answer is not JSON", { hint: "Leave --as json out to see it", cause: error });
  }
}

function textFrom(bytes: Bytes): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // Not UTF-8: then hex tells what it is.
  }
}
