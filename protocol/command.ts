/**
 * Typed commands: take a schema of what comes and one of what goes, give a command that never runs on wrong input.
 * @module
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Bytes } from "./caller.ts";
import { refusal } from "./errors.ts";
import type { Awaitable, PluginContext, RawHandler } from "./plugin.ts";

/** A schema of any library that speaks Standard Schema: valibot, zod, arktype. */
export type Schema = StandardSchemaV1;
/** What a schema takes. */
export type InferInput<S extends Schema> = NonNullable<S["~standard"]["types"]>["input"];
/** What a schema gives. */
export type InferOutput<S extends Schema> = NonNullable<S["~standard"]["types"]>["output"];

/** How values become bytes and come back. */
export interface Codec {
  /** The bytes of a value. */
  encode(value: unknown): Uint8Array;
  /** The value of bytes; throws when they are none. */
  decode(bytes: Uint8Array): unknown;
}

/** What a command takes and gives. */
export interface Schemas {
  /** What it does, one line for people. */
  readonly description?: string;
  /** Of what the caller sends. */
  readonly input: Schema;
  /** Of what the handler gives. */
  readonly output: Schema;
  /** How both cross the wire. Default: JSON. */
  readonly codec?: Codec;
}

/** What a command takes that answers with a stream, and what each part of that is. */
export interface StreamSchemas {
  /** What it does, one line for people. */
  readonly description?: string;
  /** Of what the caller sends. */
  readonly input: Schema;
  /** Of each part that the handler gives. */
  readonly part: Schema;
  /** How both cross the wire. Default: JSON. */
  readonly codec?: Codec;
}

/** A command with schemas, as `command()` makes it. */
export interface Command<S extends Schemas | StreamSchemas = Schemas | StreamSchemas> {
  /** What it takes and gives. */
  readonly schemas: S;
  /** Runs the handler on input that has passed its schema; the type hides the handler's, so that inference stays simple. */
  run(input: unknown, ctx: PluginContext): unknown;
}

/**
 * Makes a typed command. Wrong input is refused with "exec.invalid_input" and the path of the field; the handler never sees it.
 *
 * @example
 * ```ts
 * import { command, definePlugin } from "@polyplug/core/plugin";
 * import * as v from "valibot";
 *
 * const greet = command({ input: v.object({ name: v.string() }), output: v.string() }, ({ name }) => `Hello ${name}!`);
 * export const hello = definePlugin({ name: "hello", version: "1.0.0", commands: { "hello.greet": greet } });
 * ```
 */
export function command<S extends Schemas>(
  schemas: S,
  handler: (input: InferOutput<S["input"]>, ctx: PluginContext) => Awaitable<InferInput<S["output"]>>,
): Command<S>;
/** Makes a typed command that answers with a stream, from an async generator for example. */
export function command<S extends StreamSchemas>(
  schemas: S,
  handler: (input: InferOutput<S["input"]>, ctx: PluginContext) => AsyncIterable<InferInput<S["part"]>>,
): Command<S>;
export function command(schemas: Schemas | StreamSchemas, handler: (input: unknown, ctx: PluginContext) => unknown): Command {
  return { schemas, run: handler };
}

/** JSON; no bytes stand for nothing at all. */
export const JSON_CODEC: Codec = {
  encode: (value) => value === undefined ? NOTHING : encoder.encode(JSON.stringify(value)),
  decode: (bytes) => bytes.length === 0 ? undefined : JSON.parse(decoder.decode(bytes)),
};

/** A command as the dispatcher runs it. */
export function handlerFrom(given: RawHandler | Command): RawHandler {
  if (typeof given === "function") return given;
  const { schemas } = given;
  const { encode } = schemas.codec ?? JSON_CODEC;
  if ("part" in schemas) {
    return async function* (payload, ctx) {
      for await (const part of given.run(await readInput(schemas, payload), ctx) as AsyncIterable<unknown>) {
        await requireOutput(schemas.part, part);
        yield encode(part);
      }
    };
  }
  return async (payload, ctx) => {
    const result = await given.run(await readInput(schemas, payload), ctx);
    await requireOutput(schemas.output, result);
    return encode(result) as Bytes;
  };
}

async function readInput({ input, codec = JSON_CODEC }: Schemas | StreamSchemas, payload: Bytes): Promise<unknown> {
  const value = decode(codec, payload);
  const checked = await input["~standard"].validate(value);
  if (checked.issues === undefined) return checked.value;
  throw refusal("exec.invalid_input", `The input does not fit: ${describeIssues(checked.issues)}`);
}

function decode(codec: Codec, payload: Bytes): unknown {
  try {
    return codec.decode(payload);
  } catch {
    throw refusal("exec.invalid_input", codec === JSON_CODEC ? "The input is not JSON" : "The input cannot be decoded");
  }
}

/** The value that is checked is sent as it is: only the receiver transforms. */
async function requireOutput(schema: Schema, value: unknown): Promise<void> {
  const checked = await schema["~standard"].validate(value);
  if (checked.issues !== undefined) throw refusal("exec.failed", `The handler's answer does not fit: ${describeIssues(checked.issues)}`);
}

/** Each issue with the path of its field. */
export function describeIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  const said = issues.slice(0, MOST_ISSUES).map(({ path, message }) => {
    const keys = path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
    return keys === undefined || keys === "" ? message : `${keys}: ${message}`;
  });
  return [...said, ...(issues.length > MOST_ISSUES ? [`and ${issues.length - MOST_ISSUES} more`] : [])].join("; ");
}

/** The message of an error stays short. */
const MOST_ISSUES = 5;
const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
