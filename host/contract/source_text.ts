/**
 * Takes names, texts and values that somebody else wrote, gives TypeScript in which they are data: nothing of them can become code, end a
 * comment or turn the direction of the text.
 * @module
 */
import { visible, visibleJson } from "../visible.ts";

/** How wide a line may be. */
export const LINE_WIDTH = 140;

/** A string literal. */
export function quoted(text: string): string {
  return visibleJson(JSON.stringify(text));
}

/** The name of a field in a type. */
export function fieldName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

/** Text for a comment, on one line; what begins with "@" would be an instruction. */
export function commentText(text: string): string {
  return visible(text).replaceAll("*/", "*\\/").replace(/(^|[^\w])@/g, "$1\\@");
}

/** A documentation comment with a line break behind it; nothing for no text. */
export function docComment(text: string | undefined): string {
  const lines = (text ?? "").slice(0, LONGEST_COMMENT).split("\n").map((line) => commentText(line).trim());
  const [first = "", ...more] = trimmed(lines);
  if (first === "") return "";
  if (more.length === 0) return `/** ${first} */\n`;
  return `/**\n${[first, ...more].map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */\n`;
}

function trimmed(lines: readonly string[]): readonly string[] {
  return lines.slice(lines.findIndex((line) => line !== ""), lines.findLastIndex((line) => line !== "") + 1);
}

/** A comment is no place for a book. */
const LONGEST_COMMENT = 2000;

/** Where an expression begins: how far in its line is, and how far in itself. */
export interface Place {
  readonly indent: number;
  readonly column: number;
}

/** A JSON value as an expression, over several lines where one does not hold it. */
export function literal(value: unknown, { indent, column }: Place): string {
  const line = literalLine(value);
  if (column + line.length < LINE_WIDTH || typeof value !== "object" || value === null) return line;
  const inner = indent + 2;
  const member = (head: string, each: unknown) => head + literal(each, { indent: inner, column: inner + head.length });
  if (Array.isArray(value)) return wrapped("[", value.map((each) => member("", each)), "]");
  return wrapped("{", Object.entries(value).map(([name, each]) => member(`${keyName(name)}: `, each)), "}");
}

function literalLine(value: unknown): string {
  if (typeof value !== "object" || value === null) return visibleJson(JSON.stringify(value));
  if (Array.isArray(value)) return `[${value.map(literalLine).join(", ")}]`;
  const fields = Object.entries(value).map(([name, each]) => `${keyName(name)}: ${literalLine(each)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

function wrapped(open: string, members: readonly string[], close: string): string {
  return `${open}${indented(members.map((member) => `\n${member},`).join(""))}\n${close}`;
}

/** The name of a field in an expression, where `__proto__` would set the prototype. */
export function keyName(name: string): string {
  return name === "__proto__" ? '["__proto__"]' : fieldName(name);
}

/** The text with each line but the first further in. */
export function indented(text: string): string {
  return text.replaceAll("\n", "\n  ");
}

/** A name that nobody has yet. */
export function newName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${wanted}${count}`;
  return name;
}

/** The letters and digits of a text as one word with a capital for each part. */
export function pascal(text: string): string {
  return text.split(/[^A-Za-z0-9]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("").slice(0, LONGEST_NAME);
}

const LONGEST_NAME = 60;
