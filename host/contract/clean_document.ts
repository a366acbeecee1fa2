/**
 * A JSON Schema in which all is known and of the right form, as clean_schema.ts makes it: its parts, its text, and whether it can be applied.
 * @module
 */
import { type Form, FORMS, type Given, isObject } from "./keywords.ts";

/** A schema of which every keyword has its right form. */
export type CleanSchema = boolean | CleanObject;
/** The keywords of a schema, those that are read here by their types. */
export interface CleanObject {
  readonly [keyword: string]: unknown;
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly minItems?: number;
  readonly properties?: Readonly<Record<string, CleanSchema>>;
  readonly additionalProperties?: CleanSchema;
  readonly items?: CleanSchema;
  readonly prefixItems?: readonly CleanSchema[];
  readonly anyOf?: readonly CleanSchema[];
  readonly oneOf?: readonly CleanSchema[];
  readonly allOf?: readonly CleanSchema[];
  readonly description?: string;
}

/** A schema, and by their names those that it refers to as `#/$defs/NAME`; `#` is the schema itself. */
export interface CleanDocument {
  readonly root: CleanSchema;
  readonly defs: ReadonlyMap<string, CleanSchema>;
}

/** Why a schema cannot be taken. */
export class SchemaProblem extends Error {}

/** The document as JSON Schema again, without descriptions. */
export function jsonSchemaFrom({ root, defs }: CleanDocument): unknown {
  if (defs.size === 0 || typeof root === "boolean") return withoutText(root);
  const named = Object.fromEntries([...defs].map(([name, schema]) => [name, withoutText(schema)]));
  return { ...withoutText(root) as CleanObject, $defs: named };
}

function withoutText(schema: CleanSchema): unknown {
  if (typeof schema === "boolean") return schema;
  const { description: _text, ...rest } = schema;
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, withoutTextIn(FORMS.get(name), value)]));
}

function withoutTextIn(form: Form | undefined, value: unknown): unknown {
  if (form === "schema") return withoutText(value as CleanSchema);
  if (form === "schemas") return (value as readonly CleanSchema[]).map(withoutText);
  if (form !== "map") return value;
  // What tells the members of a union apart is looked at first, so that the others need not be followed down a tree.
  const fields = Object.entries(value as Given).map(([key, each]) => [key, withoutText(each as CleanSchema)] as const);
  return Object.fromEntries([...fields.filter(([, each]) => isFixed(each)), ...fields.filter(([, each]) => !isFixed(each))]);
}

function isFixed(schema: unknown): boolean {
  return isObject(schema) && ("const" in schema || "enum" in schema);
}

/** Schemas that are applied to the same value as the one that has them. */
function inPlace(schema: CleanObject): readonly CleanSchema[] {
  const one = ["not", "if", "then", "else"].flatMap((name) => name in schema ? [schema[name] as CleanSchema] : []);
  const dependent = Object.values((schema["dependentSchemas"] ?? {}) as Readonly<Record<string, CleanSchema>>);
  return [...schema.allOf ?? [], ...schema.anyOf ?? [], ...schema.oneOf ?? [], ...one, ...dependent];
}

/** Refuses what comes back to itself at the same value, which no validator ends, and what applies schemas by the thousand to one value. */
export function requireApplicable({ root, defs }: CleanDocument, all: readonly CleanSchema[]): void {
  const costs = new Map<string, number>();
  let open = 0;
  const costOf = (schema: CleanSchema): number => {
    if (typeof schema === "boolean") return 1;
    const others = inPlace(schema).reduce((sum, each) => sum + costOf(each), 1);
    const cost = others + (schema.$ref === undefined ? 0 : costOfRef(schema.$ref));
    if (cost > MOST_APPLIED) throw tooMany();
    return cost;
  };
  const costOfRef = (ref: string): number => {
    const known = costs.get(ref);
    if (known === Infinity) throw new SchemaProblem("refers to itself without a field or an item between");
    if (known !== undefined) return known;
    costs.set(ref, Infinity);
    if (++open > MOST_APPLIED) throw tooMany();
    const cost = costOf(resolved({ root, defs }, ref));
    open -= 1;
    costs.set(ref, cost);
    return cost;
  };
  for (const schema of all) costOf(schema);
}

const MOST_APPLIED = 1000;

function tooMany(): SchemaProblem {
  return new SchemaProblem(`applies more than ${MOST_APPLIED} schemas to one value`);
}

/** What a reference of a clean document leads to. */
export function resolved({ root, defs }: CleanDocument, ref: string): CleanSchema {
  return ref === "#" ? root : defs.get(ref.slice("#/$defs/".length)) ?? true;
}
