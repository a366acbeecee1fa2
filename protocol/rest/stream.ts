/**
 * A stream in REST as both sides write it: lines of JSON, one for each part, and a last one that says how it ended.
 *
 *     {"part":"<hex>"}
 *     {"end":true}   or   {"error":{"code":"<code>","message":"<text>"}}
 * @module
 */
import { answerTooLarge, lostError } from "../call_error.ts";
import type { Bytes, DriverOptions } from "../caller.ts";
import { isPluginError, messageOf, PluginError } from "../errors.ts";
import { decodeHex, encodeHex } from "../hex.ts";
import { errorFromPeer } from "../peer_error.ts";
import { readLines } from "./lines.ts";
import { jsonCap } from "./wire.ts";

/** The content type of a stream. */
export const NDJSON_TYPE = "application/x-ndjson";
/** The status of an answer that is a stream. */
export const STREAM_STATUS = 200;

/** The lines of a stream whose first part has come, asked for one at a time. */
export async function* encodeStream(first: IteratorResult<Bytes>, parts: AsyncIterator<Bytes>): AsyncGenerator<Bytes, void, void> {
  try {
    let next = first;
    for (; next.done !== true; next = await parts.next()) yield encoder.encode(`{"part":"${encodeHex(next.value)}"}\n`);
    yield encoder.encode('{"end":true}\n');
  } catch (error) {
    const { code, message } = isPluginError(error) ? error : { code: "exec.failed", message: messageOf(error) };
    yield encoder.encode(`${JSON.stringify({ error: { code, message } })}\n`);
  } finally {
    await parts.return?.();
  }
}

/** Whether a content type names the form of a stream. */
export function isNdjson(contentType: string | null): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === NDJSON_TYPE;
}

/**
 * Reads the parts of a stream.
 * @throws {PluginError} its error; "caller.lost" when its last line is missing, "caller.too_large", "caller.bad_response".
 */
export async function* decodeStream(body: AsyncIterable<Uint8Array>, options: DriverOptions): AsyncGenerator<Bytes, void, void> {
  const limit = options.maxPayloadBytes;
  const tooLarge = () => answerTooLarge(limit);
  let last: Line | undefined;
  for await (const text of readLines(body, { capBytes: jsonCap(limit), tooLarge })) {
    if (last !== undefined) throw badLine("There is a line behind the last one", text);
    const line = parseLine(text);
    if (line.part === undefined) last = line;
    else if (line.part.length > limit) throw tooLarge();
    else yield line.part;
  }
  if (last === undefined) throw lostError("the stream ended without its last line");
  if (last.error !== undefined) throw errorFromPeer(last.error.code, last.error.message, options);
}

/** A part, or the last line: its error, or neither. */
interface Line {
  readonly part?: Bytes;
  readonly error?: { readonly code: unknown; readonly message: string };
}

function parseLine(text: string): Line {
  const value = parseRecord(text);
  if (typeof value?.["part"] === "string") {
    const part = decodeHex(value["part"]);
    if (part === undefined) throw badLine('Its "part" is not hex', text);
    return { part };
  }
  if (value?.["end"] === true) return {};
  const error = value?.["error"];
  if (typeof error !== "object" || error === null) throw badLine('It has neither "part" nor "end" nor "error"', text);
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return { error: { code: code ?? "exec.failed", message: typeof message === "string" ? message : "It did not say why it failed" } };
}

function parseRecord(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined; // What is not JSON says nothing.
  }
}

function badLine(what: string, text: string): PluginError {
  const line = text.length <= 120 ? text : `${text.slice(0, 120)}…`;
  return new PluginError("caller.bad_response", `A line of the stream is wrong. ${what}: ${line}`);
}

const encoder = new TextEncoder();
