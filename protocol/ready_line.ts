/**
 * The ready line: one JSON object on one line of a plugin's stdout that says where it listens.
 * @module
 */
import { PROTOCOL_VERSION } from "./reserved.ts";

/** What a ready line says; keys that are absent are `undefined`. */
export interface ReadyLine {
  /** The version of the contract that the plugin speaks. */
  readonly polyplug: number;
  /** The wire it serves. */
  readonly commType: string | undefined;
  /** Where it listens: a URL or `unix:/path`. */
  readonly address: string | undefined;
  /** Where it offers the framed socket: `unix:/path`. */
  readonly socket: string | undefined;
}

/** Reads a line of stdout; `undefined` when it is ordinary output. */
export function parseReadyLine(line: string): ReadyLine | undefined {
  if (!line.startsWith("{") || !line.includes('"polyplug"')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // A line that only looks alike is the plugin's own output.
  }
  if (typeof value !== "object" || value === null || !("polyplug" in value) || typeof value.polyplug !== "number") return undefined;
  return { polyplug: value.polyplug, commType: text(value, "comm_type"), address: text(value, "address"), socket: text(value, "socket") };
}

/** Writes the ready line of a plugin that listens. */
export function formatReadyLine(commType: string, place: { readonly address: string } | { readonly socket: string }): string {
  return JSON.stringify({ polyplug: PROTOCOL_VERSION, comm_type: commType, ...place });
}

/** Writes the line of a plugin that shares no version with its host and will exit. */
export function formatVersionLine(): string {
  return JSON.stringify({ polyplug: PROTOCOL_VERSION });
}

function text(value: object, key: string): string | undefined {
  const found: unknown = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  return typeof found === "string" ? found : undefined;
}
