/**
 * Takes a clean JSON Schema, gives the TypeScript type of what fits it. Where a type cannot say it all it says less, and the check at run
 * time the rest.
 * @module
 */
import { type CleanDocument, type CleanObject, type CleanSchema, resolved } from "./clean_document.ts";
import { docComment, fieldName, indented, LINE_WIDTH, newName, pascal, quoted } from "./source_text.ts";

/** Declarations of the type called `name` and of those that it needs; `taken` are names that it must not use, and gets them. */
export function typeDeclarations(document: CleanDocument, name: string, taken: Set<string>): string {
  const names = new Map([["#", name]]);
  for (const def of document.defs.keys()) {
    const own = newName(name + pascal(def), taken);
    taken.add(own);
    names.set(`#/$defs/${def}`, own);
  }
  const types = { document, names, indent: 0 };
  return [...names.keys()].map((ref) => declaration(types, ref)).join("\n");
}

function declaration(types: Types, ref: string): string {
  const schema = resolved(types.document, ref);
  const head = `export type ${types.names.get(ref)} =`;
  const type = fitted(typeOf(types, schema), head.length + 1);
  const comment = docComment(typeof schema === "boolean" ? undefined : schema.description);
  return `${comment}${head}${type.startsWith("\n") ? indented(type) : ` ${type}`};\n`;
}

interface Types {
  readonly document: CleanDocument;
  /** How far in its lines begin. */
  readonly indent: number;
  /** The types' names by reference. */
  readonly names: ReadonlyMap<string, string>;
}

/** A type by its form, since that decides where parentheses are needed. */
type Type =
  | { readonly form: "one"; readonly text: string }
  | { readonly form: "list"; readonly text: string }
  | { readonly form: "union" | "intersection"; readonly members: readonly string[] };

const UNKNOWN: Type = { form: "one", text: "unknown" };
const NEVER: Type = { form: "one", text: "never" };

function typeOf(types: Types, schema: CleanSchema): Type {
  if (typeof schema === "boolean") return schema ? UNKNOWN : NEVER;
  const parts = partsOf(types, schema);
  // The compiler would multiply several unions in one intersection.
  const union = parts.find((part) => part.isUnion);
  return intersection(parts.filter((part) => !part.isUnion || part === union).map((part) => part.type()));
}

/** One thing that a schema says. */
interface Part {
  readonly isUnion: boolean;
  type(): Type;
}

/** What a value must fit at once. */
function partsOf(types: Types, schema: CleanObject): readonly Part[] {
  const { $ref, enum: values, anyOf, oneOf, allOf = [] } = schema;
  const part = (said: CleanSchema, type: () => Type): Part => ({ isUnion: isUnion(types.document, said), type });
  const others: readonly Part[] = [
    ...($ref === undefined ? [] : [part({ $ref }, () => ({ form: "one", text: types.names.get($ref) ?? "unknown" }))]),
    ...("const" in schema ? [part(true, () => literalType(types, schema["const"]))] : []),
    ...(values === undefined ? [] : [part({ enum: values }, () => union(values.map((value) => literalType(types, value))))]),
    ...[anyOf, oneOf].flatMap((choices) =>
      choices === undefined ? [] : [part({ anyOf: choices }, () => union(choices.map((each) => typeOf(types, each))))]
    ),
    ...allOf.map((each) => part(each, () => typeOf(types, each))),
  ];
  const kinds = kindsOf(schema);
  if (kinds === undefined || (others.length > 0 && !saysFields(schema))) return others;
  return [part({ type: kinds }, () => union(kinds.map((kind) => kindType(types, schema, kind)))), ...others];
}

function saysFields({ properties, required, items, prefixItems, additionalProperties }: CleanObject): boolean {
  return (properties ?? required ?? items ?? prefixItems ?? additionalProperties) !== undefined;
}

function kindsOf({ type, properties, required, additionalProperties, items, prefixItems }: CleanObject): readonly string[] | undefined {
  if (type !== undefined) return typeof type === "string" ? [type] : type;
  if ((properties ?? required ?? additionalProperties) !== undefined) return ["object"];
  return (items ?? prefixItems) !== undefined ? ["array"] : undefined;
}

/** It ends, since a clean schema does not come back to itself in place. */
function isUnion(document: CleanDocument, schema: CleanSchema): boolean {
  if (typeof schema === "boolean") return false;
  const { $ref, type, enum: values, anyOf = [], oneOf = [], allOf = [] } = schema;
  if ((typeof type === "object" && type.length > 1) || (values?.length ?? 0) + anyOf.length + oneOf.length > 1) return true;
  return [...anyOf, ...oneOf, ...allOf, ...($ref === undefined ? [] : [resolved(document, $ref)])].some((each) => isUnion(document, each));
}

function kindType(types: Types, schema: CleanObject, kind: string): Type {
  if (kind === "object") return objectType(types, schema);
  if (kind === "array") return arrayType(types, schema);
  return { form: "one", text: kind === "integer" ? "number" : kind };
}

function objectType(types: Types, { properties = {}, required = [], additionalProperties = true }: CleanObject): Type {
  const names = [...new Set([...Object.keys(properties), ...required])];
  const inner = { ...types, indent: types.indent + 2 };
  const fields = names.map((name) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] ?? true : true;
    const comment = docComment(typeof schema === "boolean" ? undefined : schema.description);
    return comment +
      field(inner, { head: `readonly ${fieldName(name)}${required.includes(name) ? "" : "?"}:`, type: typeOf(inner, schema) });
  });
  if (names.length > 0 && typeof additionalProperties === "boolean") return { form: "one", text: braced(fields) };
  // The type of the others must fit the fields above too.
  const others = names.length > 0 ? UNKNOWN : typeOf(inner, additionalProperties);
  return { form: "one", text: braced([...fields, field(inner, { head: "readonly [key: string]:", type: others })]) };
}

function field({ indent }: Types, { head, type }: { readonly head: string; readonly type: Type }): string {
  const text = fitted(type, indent + head.length + 1);
  return `${head}${text.startsWith("\n") ? indented(text) : ` ${text}`};`;
}

function braced(fields: readonly string[]): string {
  return `{${indented(fields.map((field) => `\n${field}`).join(""))}\n}`;
}

function arrayType(types: Types, { prefixItems, items = true, minItems = 0 }: CleanObject): Type {
  const rest: Type = { form: "list", text: `readonly ${inList(typeOf(types, items))}[]` };
  if (prefixItems === undefined) return rest;
  const members = prefixItems.map((item, at) => {
    const type = typeOf(types, item);
    return at < minItems && type.form !== "union" ? fitted(type, 0) : `${inList(type)}${at < minItems ? "" : "?"}`;
  });
  const more = items === false ? [] : [`...${inList(typeOf(types, items))}[]`];
  return { form: "list", text: `readonly [${[...members, ...more].join(", ")}]` };
}

function inList(type: Type): string {
  if (type.form === "one") return type.text;
  const text = fitted(type, 0);
  return text.startsWith("\n") ? `(${indented(text)}\n)` : `(${text})`;
}

function literalType(types: Types, value: unknown): Type {
  if (typeof value === "string") return { form: "one", text: quoted(value) };
  if (typeof value !== "object" || value === null) return { form: "one", text: JSON.stringify(value) };
  if (Array.isArray(value)) {
    return {
      form: "list",
      text: `readonly [${value.map((each) => fitted(literalType(types, each), 0)).join(", ")}]`,
    };
  }
  const inner = { ...types, indent: types.indent + 2 };
  const fields = Object.entries(value).map(([name, each]) =>
    field(inner, { head: `readonly ${fieldName(name)}:`, type: literalType(inner, each) })
  );
  return { form: "one", text: fields.length === 0 ? "{ readonly [key: string]: never }" : braced(fields) };
}

function union(given: readonly Type[]): Type {
  const members = [...new Set(given.flatMap((type) => type.form === "union" ? type.members : [memberText(type)]))];
  if (members.includes("unknown")) return UNKNOWN;
  const possible = members.filter((member) => member !== "never");
  return possible.length > 1 ? { form: "union", members: possible } : { form: "one", text: possible[0] ?? "never" };
}

function intersection(given: readonly Type[]): Type {
  const said = given.filter((type) => type.form !== "one" || type.text !== "unknown");
  if (said.length === 0) return UNKNOWN;
  if (said.length === 1) return said[0] ?? UNKNOWN;
  const members = [...new Set(said.flatMap((type) => type.form === "intersection" ? type.members : [inList(type)]))];
  return members.length > 1 ? { form: "intersection", members } : { form: "one", text: members[0] ?? "unknown" };
}

function memberText(type: Type): string {
  return "text" in type ? type.text : `(${type.members.join(" & ")})`;
}

/** The type's text; a union that does not fit behind `column` has a line for each member and begins with a line break. */
function fitted(type: Type, column: number): string {
  if ("text" in type) return type.text;
  if (type.form === "intersection") return type.members.join(" & ");
  const line = type.members.join(" | ");
  if (!line.includes("\n") && line.length + column < LINE_WIDTH) return line;
  return type.members.map((member) => `\n| ${member}`).join("");
}
