/**
 * `polyplug exec`: takes a plugin or an address, a command and a payload, gives the answer's bytes, or its parts as they come.
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
  /** Whether the answer comes in parts. */
  readonly stream?: boolean;
}

/** Runs one command and writes its answer. */
export async function exec(context: CliContext, args: readonly string[], options: ExecOptions): Promise<number> {
  const { plugin, command, text } = readArguments(args, options);
  const payload = await readPayload(context, { text, file: options.file, hex: options.hex });
  const { signal } = context.interrupt;
  if (options.stream === true) {
    const write = (stream: AsyncIterable<Bytes>) => writeParts(context, stream, options.as);
    if (plugin !== undefined) await withHost(context, (host) => write(host.get(plugin).stream(command, payload, { signal })));
    else await withCaller(context, options, ({ driver, options: call }) => write(driver.stream?.(command, payload, call) ?? noStreams()));
    return EXIT.done;
  }
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

function noStreams(): never {
  throw new PluginError("caller.unsupported", "This wire has no streams", { hint: "Leave --stream out" });
}

/** Each part as an answer is written, with --json on a line of its own; the next one is read once it was taken. */
async function writeParts(context: CliContext, stream: AsyncIterable<Bytes>, as: string | undefined): Promise<void> {
  const { stdout } = context.io;
  for await (const part of stream) {
    const chunk = context.options.json === true ? `${visibleJson(JSON.stringify(describe(part)))}\n` : chunkFrom(context, part, as);
    await new Promise<void>((resolve) => stdout.write(chunk, resolve) === false || resolve());
  }
}

function write(context: CliContext, command: string, bytes: Bytes, as: string | undefined): void {
  if (context.options.json === true) answer(context, { command, ...describe(bytes) }, () => []);
  else context.io.stdout.write(chunkFrom(context, bytes, as));
}

/** The bytes as they are, but to a person, or as a form that was asked for. */
function chunkFrom({ io }: CliContext, bytes: Bytes, as: string | undefined): string | Uint8Array {
  if (as === "hex") return `${encodeHex(bytes)}\n`;
  if (as === "json") return `${jsonFrom(bytes)}\n`;
  return io.stdout.isTTY === true ? `${visibleBytes(bytes).replace(/\n$/, "")}\n` : bytes;
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
