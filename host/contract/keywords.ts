/**
 * The keywords of JSON Schema that a contract can hold, each with the form of its value.
 * @module
 */

/** What the value of a keyword is. */
export type Form = "any" | "anys" | "count" | "number" | "schema" | "schemas" | "map" | "strings" | "text" | "type" | "ref";

/** The form of each keyword's value. */
export const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ["description", "text"],
  ["$ref", "ref"],
  ["type", "type"],
  ["const", "any"],
  ["enum", "anys"],
  ["required", "strings"],
  ...["properties", "dependentSchemas"].map((name) => [name, "map"] as const),
  ...["prefixItems", "anyOf", "oneOf", "allOf"].map((name) => [name, "schemas"] as const),
  ...[
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "not",
    "if",
    "then",
    "else",
  ]
    .map((name) => [name, "schema"] as const),
  ...["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"]
    .map((name) => [name, "count"] as const),
  ...["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"].map((name) => [name, "number"] as const),
]);

const TYPES: ReadonlySet<unknown> = new Set(["null", "boolean", "object", "array", "number", "string", "integer"]);

/** Whether a value has this form; those that are schemas are read and not asked. */
export function hasForm(form: Form, value: unknown): boolean {
  switch (form) {
    case "any":
      return true;
    case "anys":
      return isList(value);
    case "count":
      return Number.isInteger(value) && (value as number) >= 0;
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "text":
      return typeof value === "string";
    case "strings":
      return isList(value) && value.every((each) => typeof each === "string");
    case "type":
      return isList(value) ? value.length > 0 && value.every((each) => TYPES.has(each)) : TYPES.has(value);
    default:
      return false;
  }
}

/** An object that somebody else wrote. */
export interface Given {
  readonly [key: string]: unknown;
}

/** Whether a value is a list. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Whether a value is an object, and no list. */
export function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !isList(value);
}
