/**
 * Takes a TOML text and the path of a list of strings, gives the text with one string more or less in it.
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { AST } from "toml-eslint-parser";
import { cut, insert, itemsOf, keysOf, lineEnd, lineStart, newlineOf, pairsOf } from "./toml_text.ts";

/** An element of a list, or a key of an inline table. */
type Element = AST.TOMLContentNode | AST.TOMLKeyValue;
type Path = readonly (string | number)[];

/** Adds a string to the end of a list; the text as it is when there is neither the list nor a table that could have it. */
export function addToList(text: string, path: Path, value: string): string {
  const list = findList(text, path);
  if (list === undefined) return addList(text, path, value);
  const last = list.elements.at(-1);
  if (last === undefined) return addFirst(text, list, value);
  const indent = text.slice(lineStart(text, last.range[0]), last.range[0]);
  // Elements that do not have lines of their own get another one beside them.
  return indent.trim() === ""
    ? addLine(text, list, last, indent + JSON.stringify(value))
    : insert(text, last.range[1], `, ${JSON.stringify(value)}`);
}

/** Removes a string from a list, wherever it stands in it. */
export function removeFromList(text: string, path: Path, value: string): string {
  for (let rest = text;;) {
    const elements = findList(rest, path)?.elements ?? [];
    const index = elements.findIndex((each) => each.type === "TOMLValue" && each.value === value);
    if (index < 0) return rest;
    rest = removeElement(rest, elements, index);
  }
}

/** Removes one element with its comma and, where it has lines of its own, with these. */
export function removeElement(text: string, elements: readonly Element[], index: number): string {
  const element = elements[index];
  if (element === undefined) return text;
  const [start, end] = element.range;
  const comma = commaAfter(text, end);
  const after = lineEnd(text, comma ?? end);
  const line = lineStart(text, start);
  const ownLines = text.slice(line, start).trim() === "" && /^[ \t]*(#.*)?\r?\n?$/.test(text.slice(comma ?? end, after));
  const previous = elements[index - 1]?.range[1];
  if (ownLines) {
    const rest = cut(text, line, after);
    const before = previous === undefined ? undefined : commaAfter(text, previous);
    // The comma that made room for this one goes with it.
    return comma === undefined && before !== undefined ? cut(rest, before - 1, before) : rest;
  }
  const next = elements[index + 1]?.range[0];
  if (next !== undefined) return cut(text, start, text.slice(comma ?? end, next).trim() === "" ? next : comma ?? end);
  const isBeside = previous !== undefined && text.slice(previous, start).replace(",", "").trim() === "";
  return isBeside ? cut(text, previous, end) : cut(text, start, comma ?? end);
}

/** The list, in whichever of TOML's ways the file writes its path. */
function findList(text: string, path: Path): AST.TOMLArray | undefined {
  const search = (pairs: readonly AST.TOMLKeyValue[], prefix: Path): AST.TOMLArray | undefined => {
    for (const { key, value } of pairs.map((pair) => ({ key: [...prefix, ...keysOf(pair)], value: pair.value }))) {
      if (value.type === "TOMLArray" && isDeepStrictEqual(key, path)) return value;
      const inner = value.type === "TOMLInlineTable" ? search(value.body, key) : undefined;
      if (inner !== undefined) return inner;
    }
    return undefined;
  };
  return itemsOf(text).map(pairsOf).map(({ pairs, prefix }) => search(pairs, prefix)).find((found) => found !== undefined);
}

/** Below the header of a table that has no such list yet. */
function addList(text: string, path: Path, value: string): string {
  const table = itemsOf(text).find((item) => item.type === "TOMLTable" && isDeepStrictEqual(item.resolvedKey, path.slice(0, -1)));
  if (table === undefined) return text;
  const end = lineEnd(text, table.key.range[1]);
  const line = `${path.at(-1)} = [${JSON.stringify(value)}]`;
  return text.slice(0, end).endsWith("\n") ? insert(text, end, line + newlineOf(text)) : insert(text, end, newlineOf(text) + line);
}

function addFirst(text: string, list: AST.TOMLArray, value: string): string {
  const close = list.range[1] - 1;
  const start = lineStart(text, close);
  if (start <= list.range[0]) return insert(text, list.range[0] + 1, JSON.stringify(value));
  return insert(text, start, `${text.slice(start, close)}  ${JSON.stringify(value)},${newlineOf(text)}`);
}

/** Below the last element's line, with a comma if that one has a comma. */
function addLine(text: string, list: AST.TOMLArray, last: Element, line: string): string {
  const newline = newlineOf(text);
  const comma = commaAfter(text, last.range[1]);
  const end = lineEnd(text, comma ?? last.range[1]);
  if (end >= list.range[1]) return insert(text, last.range[1], `,${newline}${line}`);
  return comma === undefined ? insert(insert(text, end, line + newline), last.range[1], ",") : insert(text, end, `${line},${newline}`);
}

/** Behind the comma that follows a place, comments and line breaks between them or not. */
function commaAfter(text: string, at: number): number | undefined {
  const found = /^(?:\s|#[^\n]*\n)*,/.exec(text.slice(at));
  return found === null ? undefined : at + found[0].length;
}
