/**
 * A TOML file as text: its lines, its syntax tree with places, and cuts and insertions that leave every other byte alone.
 * @module
 */
import { type AST, parseTOML } from "toml-eslint-parser";

/** A table's header with its keys, or a key above the first table. */
export type Item = AST.TOMLTable | AST.TOMLKeyValue;

/** The tables and keys of a file in their order, with places that count from 0. */
export function itemsOf(text: string): readonly Item[] {
  // The parser knows no byte order mark.
  return parseTOML(text.replace(/^\ufeff/, " ")).body[0].body;
}

/** The key's words, dotted or not. */
export function keysOf({ key }: AST.TOMLKeyValue): readonly string[] {
  return key.keys.map((each) => each.type === "TOMLBare" ? each.name : each.value);
}

/** The keys that an item holds, and the path that leads to it. */
export function pairsOf(item: Item): { readonly pairs: readonly AST.TOMLKeyValue[]; readonly prefix: readonly (string | number)[] } {
  return item.type === "TOMLTable" ? { pairs: item.body, prefix: item.resolvedKey } : { pairs: [item], prefix: [] };
}

/** The line ending that the file uses first. */
export function newlineOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}

/** Where the line begins that a place is on. */
export function lineStart(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

/** Behind the line break of the line that a place is on. */
export function lineEnd(text: string, at: number): number {
  const found = text.indexOf("\n", at);
  return found < 0 ? text.length : found + 1;
}

/** The line that begins at a place, with its line break; "" at the end of the file. */
export function lineAt(text: string, start: number): string {
  return text.slice(start, lineEnd(text, start));
}

/** The text without what stands between two places. */
export function cut(text: string, start: number, end: number): string {
  return text.slice(0, start) + text.slice(end);
}

/** The text with something more at a place. */
export function insert(text: string, at: number, inserted: string): string {
  return text.slice(0, at) + inserted + text.slice(at);
}
