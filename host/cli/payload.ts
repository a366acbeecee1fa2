/**
 * Takes what the command line says of a payload, gives its bytes.
 * @module
 */
import { readFile } from "node:fs/promises";
import { concatBytes } from "../../protocol/bytes.ts";
import type { Bytes } from "../../protocol/caller.ts";
import { messageOf, PluginError } from "../../protocol/errors.ts";
import { decodeHex } from "../../protocol/hex.ts";
import { type CliContext, usageError } from "./context.ts";

/** The places where a payload may be; at most one of them is used. */
export interface PayloadOptions {
  /** The argument: text, or `-` for stdin. */
  readonly text?: string | undefined;
  readonly file?: string | undefined;
  readonly hex?: string | undefined;
}

/** Reads the payload; empty when nothing says what it is. */
export async function readPayload(context: CliContext, { text, file, hex }: PayloadOptions): Promise<Bytes> {
  const given = [text, file, hex].filter((each) => each !== undefined);
  if (given.length > 1) throw usageError("The payload is given twice", "Use one of PAYLOAD, --file and --hex");
  if (file !== undefined) return await fromFile(file);
  if (hex !== undefined) return fromHex(hex);
  return text === "-" ? await fromStdin(context) : new TextEncoder().encode(text ?? "");
}

async function fromFile(path: string): Promise<Bytes> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new PluginError("cli.not_readable", `Cannot read --file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function fromHex(text: string): Bytes {
  const bytes = decodeHex(text.replace(/\s+/g, ""));
  if (bytes === undefined) throw usageError(`--hex "${text}" is not hex`, "Write an even number of the digits 0-9, a-f");
  return bytes;
}

/** Reads stdin to its end, or until somebody interrupts it. */
async function fromStdin({ io, interrupt: { signal } }: CliContext): Promise<Bytes> {
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return await Promise.race([readAll(io.stdin), interrupted]);
}

async function readAll(input: AsyncIterable<Uint8Array | string>): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
  return concatBytes(chunks, chunks.reduce((sum, { length }) => sum + length, 0));
}
