/**
 * Schemas that the host's services share.
 * @module
 */
import * as v from "valibot";
import type { Bytes } from "../../protocol/caller.ts";
import { decodeHex } from "../../protocol/hex.ts";
import { isPattern, isTopic } from "../../protocol/topics.ts";

/** A whole number, 0 or more. */
export const COUNT: v.GenericSchema<number> = v.pipe(v.number(), v.integer(), v.minValue(0));

/** Hex, as bytes. */
export const HEX: v.GenericSchema<string, Bytes> = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = decodeHex(dataset.value);
    if (bytes !== undefined) return bytes;
    addIssue({ message: "is not hex" });
    return NEVER;
  }),
);

/** A topic that an event may have. */
export const TOPIC: v.GenericSchema<string> = v.pipe(v.string(), v.check(isTopic, "is no topic: words joined by dots, at most 32"));

/** A pattern of topics. */
export const PATTERN: v.GenericSchema<string> = v.pipe(v.string(), v.check(isPattern, 'is no pattern: words, "*" or "#", joined by dots'));

/** `{}`. */
export const NOTHING: v.GenericSchema<Record<never, never>> = v.object({});
