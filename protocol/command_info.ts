/**
 * What a plugin tells of one command: takes the command, gives its name with the JSON Schemas of what crosses the wire.
 * @module
 */
import type { StandardJSONSchemaV1 } from "@standard-schema/spec";
import type { Command, Schema } from "./command.ts";
import type { CommandInfo, RawHandler } from "./plugin.ts";

/** Describes a command. One whose bytes are no JSON has no schemas, since a reader of them would send JSON. */
export async function commandInfo(name: string, given: RawHandler | Command | undefined): Promise<CommandInfo> {
  if (given === undefined || typeof given === "function") return { name };
  const { schemas } = given;
  const { description, input, codec } = schemas;
  const [output, stream] = "part" in schemas ? [schemas.part, { stream: true }] : [schemas.output, {}];
  const told = { name, ...(description === undefined ? {} : { description }), ...stream };
  if (codec !== undefined) return told;
  return { ...told, ...await described("input", input), ...await described("output", output) };
}

async function described<K extends string>(key: K, schema: Schema): Promise<{ readonly [P in K]?: unknown }> {
  const found = await jsonSchemaFrom(schema);
  return (found === undefined ? {} : { [key]: found }) as { readonly [P in K]?: unknown };
}

/**
 * The JSON Schema of what a schema takes, for the sender sends the value as it was before it is transformed. `undefined` when the library
 * has none, or none for this: a plugin must not fail to start because it cannot describe itself.
 */
async function jsonSchemaFrom(schema: Schema): Promise<unknown> {
  try {
    const { vendor } = schema["~standard"];
    const { jsonSchema } = schema["~standard"] as Partial<StandardJSONSchemaV1.Props>;
    if (jsonSchema !== undefined) return jsonSchema.input({ target: TARGET });
    if (vendor !== "valibot") return undefined;
    // An optional package, which is asked for only now, since it may not be there.
    const { toJsonSchema }: ValibotConverter = await import("@valibot/to-json-schema");
    return toJsonSchema(schema, { typeMode: "input", target: TARGET });
  } catch {
    return undefined;
  }
}

interface ValibotConverter {
  toJsonSchema(schema: Schema, options: { readonly typeMode: "input"; readonly target: typeof TARGET }): unknown;
}

const TARGET = "draft-2020-12";
