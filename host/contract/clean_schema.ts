/**
 * Takes a JSON Schema that a plugin wrote, gives what of it a contract can hold: the keywords that are known, each of the right form, with
 * every reference resolved. What would let the plugin stop its host is left out or refused.
 * @module
 */
import { messageOf } from "../../protocol/errors.ts";
import { type CleanDocument, type CleanSchema, requireApplicable, SchemaProblem } from "./clean_document.ts";
import { type Form, FORMS, type Given, hasForm, isList, isObject } from "./keywords.ts";
import { newName, pascal } from "./source_text.ts";

/** @throws {SchemaProblem} for a schema that is none, refers to what is not in it, or is too large. */
export function cleanSchema(given: unknown): CleanDocument {
  requireSmall(given);
  const first = new Cleaner(given, false);
  const clean = first.document();
  return first.isLooser ? new Cleaner(given, true).document() : clean;
}

/**
 * Conditions that are not taken over: a plugin's regular expression could hold up the host, as could comparing each item with each other.
 * Without them more fits, and that turns what is said by "not", "if" or "exactly one" into its opposite, so that goes too.
 */
const LOOSENING: ReadonlySet<string> = new Set(["pattern", "patternProperties", "uniqueItems", "dependentRequired", "dependencies"]);
const NEEDS_ALL: ReadonlySet<string> = new Set(["not", "if", "then", "else", "maxContains"]);
/** References that other keywords decide. */
const UNRESOLVABLE = ["$dynamicRef", "$recursiveRef"];

class Cleaner {
  readonly #given: unknown;
  /** Whether what needs every condition is left out. */
  readonly #loosens: boolean;
  /** The names of what is referred to, by its pointer. */
  readonly #names = new Map<string, string>();
  readonly #all: CleanSchema[] = [];
  /** Whether a condition was left out. */
  isLooser = false;

  constructor(given: unknown, loosens: boolean) {
    this.#given = given;
    this.#loosens = loosens;
  }

  document(): CleanDocument {
    const root = this.#schema(this.#given);
    const defs = new Map<string, CleanSchema>();
    // Those that are found while others are cleaned come after them.
    for (const [pointer, name] of this.#names) defs.set(name, this.#schema(this.#find(pointer)));
    requireApplicable({ root, defs }, this.#all);
    return { root, defs };
  }

  #schema(given: unknown): CleanSchema {
    if (typeof given === "boolean") return given;
    if (!isObject(given)) throw new SchemaProblem(`has ${described(given)} where a schema must be`);
    const schema = nullable(withTuple(given));
    for (const name of UNRESOLVABLE) if (Object.hasOwn(schema, name)) throw new SchemaProblem(`uses "${name}"`);
    if (given !== this.#given && Object.hasOwn(schema, "$id")) throw new SchemaProblem('has a schema with an "$id" of its own in it');
    const clean = Object.fromEntries(Object.entries(schema).flatMap(([name, value]) => this.#keyword(name, value, schema)));
    this.#all.push(clean);
    return clean;
  }

  #keyword(name: string, value: unknown, around: Given): readonly (readonly [string, unknown])[] {
    if (LOOSENING.has(name)) this.isLooser = true;
    const form = FORMS.get(name);
    if (form === undefined || (this.#loosens && NEEDS_ALL.has(name))) return [];
    if (this.#loosens && name === "oneOf") return "anyOf" in around ? [] : [["anyOf", this.#read("schemas", name, value)]];
    // The fields that patterns name are others than these for it.
    if (/^(additional|unevaluated)Properties$/.test(name) && "patternProperties" in around) return [];
    return [[name, this.#read(form, name, value)]];
  }

  #read(form: Form, name: string, value: unknown): unknown {
    if (form === "schema") return this.#schema(value);
    if (form === "schemas" && isList(value) && value.length > 0) return value.map((each) => this.#schema(each));
    if (form === "map" && isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#schema(each)]));
    if (form === "ref" && typeof value === "string") return this.#reference(value);
    if (!hasForm(form, value)) throw new SchemaProblem(`has ${described(value)} as "${name}"`);
    return value;
  }

  #reference(pointer: string): string {
    if (pointer === "#") return pointer;
    this.#find(pointer);
    const name = this.#names.get(pointer) ?? this.#newName(pointer);
    this.#names.set(pointer, name);
    return `#/$defs/${name}`;
  }

  #newName(pointer: string): string {
    const wanted = pascal(wordFrom(pointer.split("/").at(-1) ?? ""));
    return newName(/^[A-Z]/.test(wanted) ? wanted : `Part${wanted}`, new Set(this.#names.values()));
  }

  #find(pointer: string): unknown {
    let found = this.#given;
    if (!pointer.startsWith("#/")) throw new SchemaProblem(`refers to ${described(pointer)}, which is not in it`);
    for (const word of pointer.slice(2).split("/")) {
      const key = wordFrom(word);
      if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) {
        throw new SchemaProblem(`refers to ${described(pointer)}, which is not in it`);
      }
      found = (found as Given)[key];
    }
    return found;
  }
}

/** Older drafts wrote tuples as `items` and `additionalItems`. */
function withTuple(given: Given): Given {
  const { items, additionalItems, ...rest } = given;
  if (!isList(items) || items.length === 0) return given;
  return { ...rest, prefixItems: items, ...(additionalItems === undefined ? {} : { items: additionalItems }) };
}

/** OpenAPI's way to say that `null` fits too. */
function nullable(given: Given): Given {
  return given["nullable"] === true && typeof given["type"] === "string" ? { ...given, type: [given["type"], "null"] } : given;
}

function requireSmall(given: unknown): void {
  const isDeep = (value: unknown, left: number): boolean =>
    typeof value === "object" && value !== null && (left === 0 || Object.values(value).some((each) => isDeep(each, left - 1)));
  if (isDeep(given, DEEPEST)) throw new SchemaProblem(`is nested more than ${DEEPEST} levels deep`);
  const { length } = JSON.stringify(given);
  if (length > LARGEST) throw new SchemaProblem(`has ${length} characters, more than ${LARGEST}`);
}

const DEEPEST = 100;
const LARGEST = 256 * 1024;

function wordFrom(word: string): string {
  try {
    return decodeURIComponent(word).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch (error) {
    throw new SchemaProblem(`refers to ${described(word)}: ${messageOf(error)}`);
  }
}

function described(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
