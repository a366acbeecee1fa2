/**
 * What the tests of streams share: a plugin that streams, what it has seen, and how a stream is read.
 * @module
 */
import type { Host, OpenHostOptions, PluginHandle } from "../../../host/mod.ts";
import { bytes, keysOf, text, typescriptPlugin, withHost } from "../../support.ts";

/** The wires that streams go over between a host and a process. */
export const STREAM_WIRES = ["rest", "grpc", "connect", "socket", "stdio"] as const;

/** The plugin. */
export const streams: Record<string, unknown> = typescriptPlugin("tests/fixtures/streams.ts");

/** Parts of 1 MiB that may have been made for one that was read: Linux alone buffers 36 MiB of a TCP connection. */
export const MOST_ON_THE_WAY = 48;

/** A payload of `streams.make`. */
export interface Make {
  readonly parts?: number;
  readonly bytes?: number;
  readonly then?: "fail" | "hang" | "wrong" | "exit" | "wait";
  readonly waitMs?: number;
}

/** As bytes. */
export function make(what: Make): Uint8Array {
  return bytes(JSON.stringify(what));
}

/** What the plugin has seen of its last stream. */
export interface Seen {
  readonly made: number;
  readonly ended: boolean;
  readonly signal: string;
  readonly runs: number;
}

/** Asks it. */
export async function seenBy(handle: PluginHandle): Promise<Seen> {
  return JSON.parse(text(await handle.exec("streams.state")));
}

/** Asks until the handler of the last stream has ended. */
export async function endOf(handle: PluginHandle): Promise<Seen> {
  for (;;) {
    const seen = await seenBy(handle);
    if (seen.ended) return seen;
  }
}

/** Asks until the producer has made no more parts for a while. */
export async function stalled(handle: PluginHandle): Promise<Seen> {
  let last = await seenBy(handle);
  for (let same = 0; same < 5;) {
    await new Promise((resolve) => setTimeout(resolve, 40)); // That nothing happens can only be waited for.
    const seen = await seenBy(handle);
    same = seen.made === last.made ? same + 1 : 0;
    last = seen;
  }
  return last;
}

/** The first bytes of the parts that came, and what the stream ended with. */
export async function read(stream: AsyncIterable<Uint8Array>): Promise<{ readonly parts: readonly number[]; readonly code: string }> {
  const parts: number[] = [];
  try {
    for await (const part of stream) parts.push(part[0] ?? -1);
    return { parts, code: "end" };
  } catch (error) {
    return { parts, code: String((error as { readonly code?: unknown }).code ?? error) };
  }
}

/** Opens a host of that plugin over a wire. */
export async function withStreams(
  wire: string,
  use: (handle: PluginHandle, host: Host) => Promise<void>,
  keys: Record<string, unknown> = {},
  options: Omit<OpenHostOptions, "config"> = {},
): Promise<void> {
  await withHost({ streams: { ...streams, ...keysOf(wire), ...keys } }, async (host) => await use(host.get("streams"), host), options);
}
