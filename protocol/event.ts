/**
 * An event, and how `polyplug.event` carries it.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { PluginError } from "./errors.ts";
import { decodeHex, encodeHex } from "./hex.ts";

/** Something that happened. */
export interface PluginEvent {
  /** The same at each try. */
  readonly id: string;
  /** What it is about: words joined by dots. */
  readonly topic: string;
  /** Who published it: a plugin's name, or the host's. */
  readonly from: string;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** What its publisher says. */
  readonly data: Bytes;
}

/** Writes an event as the payload of `polyplug.event`. */
export function encodeEvent({ id, topic, from, attempt, data }: PluginEvent): Bytes {
  return encoder.encode(JSON.stringify({ id, topic, from, attempt, data: encodeHex(data) }));
}

/**
 * Reads it.
 * @throws {PluginError} "exec.bad_request".
 */
export function decodeEvent(payload: Bytes): PluginEvent {
  const value = parse(payload);
  const data = typeof value["data"] === "string" ? decodeHex(value["data"]) : undefined;
  const { id, topic, from, attempt } = value;
  if (
    typeof id !== "string" || typeof topic !== "string" || typeof from !== "string" || typeof attempt !== "number" || data === undefined
  ) {
    throw new PluginError("exec.bad_request", "The event lacks one of id, topic, from, attempt and data", { origin: "plugin" });
  }
  return { id, topic, from, attempt, data };
}

function parse(payload: Bytes): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(decoder.decode(payload));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new PluginError("exec.bad_request", "The event is no JSON object", { origin: "plugin" });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
