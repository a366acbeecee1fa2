/**
 * Takes a TOML text and the path of a table, gives the text with that table added or removed.
 * @module
 */
import type { AST } from "toml-eslint-parser";
import { removeElement } from "./toml_lists.ts";
import { cut, type Item, itemsOf, keysOf, lineAt, lineEnd, lineStart, newlineOf, pairsOf } from "./toml_text.ts";

/** Where a table is: `plugins` and the plugin's name. */
export type TablePath = readonly [parent: string, name: string];

/** Adds tables, written as TOML, below the last table of the same parent, else at the end of the file. */
export function insertTables(text: string, parent: string, tables: string): string {
  const newline = newlineOf(text);
  const { at, next } = endOfTables(text, parent);
  const before = text.slice(0, at);
  const isFirst = before === "" || before === "\ufeff";
  // A file whose tables stand close gets no empty lines.
  const isClose = next !== undefined && !/^[ \t]*\r?\n/.test(text.slice(at));
  const open = before.endsWith("\n") || isFirst ? "" : newline;
  const gap = isFirst || isClose ? "" : newline;
  return before + open + gap + tables.trimEnd().replaceAll("\n", newline) + newline + text.slice(at);
}

/** Removes a table, its sub-tables and its keys, and the comments that touch them. */
export function removeTables(text: string, path: TablePath): string {
  // Each cut moves the places of what follows.
  for (let rest = text;;) {
    const next = removeOne(rest, path);
    if (next === undefined) return rest;
    rest = next;
  }
}

function endOfTables(text: string, parent: string): { readonly at: number; readonly next: Item | undefined } {
  const items = itemsOf(text);
  const index = items.findLastIndex((item) => item.type === "TOMLTable" && item.resolvedKey[0] === parent);
  const [last, next] = [items[index], items[index + 1]];
  return last === undefined || next === undefined ? { at: text.length, next: undefined } : { at: endOfLines(text, last, next), next };
}

function removeOne(text: string, path: TablePath): string | undefined {
  const items = itemsOf(text);
  for (const [index, item] of items.entries()) {
    const { pairs, prefix } = pairsOf(item);
    if (item.type === "TOMLTable" && isWithin(prefix, path)) return removeLines(text, item, items[index + 1]);
    const edited = pairs.map((pair) => removePair(text, pair, prefix, path)).find((each) => each !== undefined);
    if (edited !== undefined) return edited;
  }
  return undefined;
}

function isWithin(key: readonly (string | number)[], [parent, name]: TablePath): boolean {
  return key[0] === parent && key[1] === name;
}

/** A key that leads into the table is a line; one of an inline table is an element. */
function removePair(text: string, pair: AST.TOMLKeyValue, prefix: readonly (string | number)[], path: TablePath): string | undefined {
  const key = [...prefix, ...keysOf(pair)];
  if (isWithin(key, path)) return cut(text, lineStart(text, pair.range[0]), lineEnd(text, pair.range[1]));
  if (pair.value.type !== "TOMLInlineTable") return undefined;
  const index = pair.value.body.findIndex((inner) => isWithin([...key, ...keysOf(inner)], path));
  return index < 0 ? undefined : removeElement(text, pair.value.body, index);
}

/** With one empty line above, or at the top of the file below, so that adding and removing a table is no change. */
function removeLines(text: string, table: Item, next: Item | undefined): string {
  const start = startOfLines(text, table);
  const end = endOfLines(text, table, next);
  const above = start === 0 ? 0 : lineStart(text, start - 1);
  if (start > 0) return cut(text, text.slice(above, start).trim() === "" ? above : start, end);
  const below = lineAt(text, end).trim() === "" ? lineEnd(text, end) : end;
  return cut(text, text.startsWith("\ufeff") ? 1 : 0, below);
}

/** A table's lines begin with the comments that touch it from above, but not with those that begin the file. */
function startOfLines(text: string, table: Item): number {
  const header = lineStart(text, table.range[0]);
  let start = header;
  while (start > 0 && isComment(text, lineStart(text, start - 1))) start = lineStart(text, start - 1);
  return start === 0 ? header : start;
}

/** A table's lines end with the comments that touch it from below and do not touch the next table. */
function endOfLines(text: string, table: Item, next: Item | undefined): number {
  const end = lineEnd(text, table.range[1]);
  let comments = end;
  while (isComment(text, comments)) comments = lineEnd(text, comments);
  return next !== undefined && comments >= lineStart(text, next.range[0]) ? end : comments;
}

function isComment(text: string, start: number): boolean {
  return /^[ \t]*#/.test(lineAt(text, start));
}
