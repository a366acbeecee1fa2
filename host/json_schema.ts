/**
 * `jsonSchema()`: takes a JSON Schema, gives a schema for commands that validates by it. The validator is loaded when it is first needed.
 * @module
 */
import type { Schema as GivenSchema, Validator } from "@cfworker/json-schema";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Schema } from "../protocol/command.ts";
import { messageOf } from "../protocol/errors.ts";

/** A schema that `jsonSchema()` made; `T` is what it takes and gives. */
export interface JsonSchema<T> {
  /** As Standard Schema has it. */
  readonly "~standard": Schema["~standard"] & { readonly types?: { readonly input: T; readonly output: T } };
}

/**
 * Makes a schema of a JSON Schema, draft 2020-12; `T` is what fits it, which nobody checks: `polyplug types` writes both. It transforms
 * nothing, and no code is made of it. A `pattern` runs as a regular expression in this process, so it should be your own.
 *
 * @example
 * ```ts
 * import { jsonSchema, typed } from "@polyplug/core/host";
 *
 * const text = jsonSchema<string>({ type: "string", maxLength: 80 });
 * const contract = { "text.upper": { input: text, output: text } };
 * // const upper = await typed(handle, contract).text.upper("good morning");
 * ```
 */
export function jsonSchema<T>(schema: unknown): JsonSchema<T> {
  let validator: Promise<Validator> | undefined;
  const validate = async (value: unknown): Promise<StandardSchemaV1.Result<unknown>> => {
    try {
      const issues = issuesOf(await (validator ??= validatorFrom(schema)), value);
      return issues.length === 0 ? { value } : { issues };
    } catch (error) {
      return { issues: [{ message: `The JSON Schema cannot be applied: ${firstLine(error)}` }] };
    }
  };
  return { "~standard": { version: 1, vendor: "polyplug", validate } };
}

async function validatorFrom(schema: unknown): Promise<Validator> {
  const { Validator } = await import("@cfworker/json-schema");
  // It writes into what it is given.
  return new Validator(structuredClone(schema) as GivenSchema, "2020-12");
}

/** What only stands around the place where the value is wrong. */
const AROUND: ReadonlySet<string> = new Set(["$ref", "properties", "items", "prefixItems", "allOf", "patternProperties", "if"]);

function issuesOf(validator: Validator, value: unknown): readonly StandardSchemaV1.Issue[] {
  const { valid, errors } = validate(validator, value);
  if (valid) return [];
  const inner = errors.filter(({ keyword }) => !AROUND.has(keyword));
  return (inner.length === 0 ? errors : inner).map(({ instanceLocation, keyword, error }) => ({
    message: keyword === "false" ? "Nothing may be here" : error,
    path: instanceLocation.split("/").slice(1).map(wordFrom),
  }));
}

/** A value that only becomes JSON on its way, with a field that is `undefined` for example, is taken as the JSON that it becomes. */
function validate(validator: Validator, value: unknown): ReturnType<Validator["validate"]> {
  try {
    return validator.validate(value);
  } catch {
    return validator.validate(JSON.parse(JSON.stringify(value) ?? "null"));
  }
}

/** A word of a JSON pointer in a URI. */
function wordFrom(word: string): string {
  return decodeURIComponent(word).replaceAll("~1", "/").replaceAll("~0", "~");
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0] ?? "";
}
