/**
 * Reads the library's source files as text, and gives each with its imports and its code without comments, for architecture.test.ts.
 * @module
 */
import { globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** The folder of the project. */
export const root: string = join(import.meta.dirname!, "..");

/** One import or re-export. */
export interface Import {
  readonly line: number;
  readonly specifier: string;
  /** The library file that it names, from the project's folder; undefined for packages and `node:*`. */
  readonly target: string | undefined;
  /** `import type` is erased; `import { type X }` is not, with `verbatimModuleSyntax`. */
  readonly isType: boolean;
}

/** One source file of the library. */
export interface Source {
  /** From the project's folder, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and plain strings blanked, so that prose cannot offend; lines stay where they are. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** All of mod.ts, host/, plugin/ and protocol/ as far as they exist. */
export function readLibrary(): Source[] {
  return globSync(["mod.ts", "{host,plugin,protocol}/**/*.ts"], { cwd: root })
    .map((path) => path.replaceAll("\\", "/"))
    .sort()
    .map(readSource);
}

/** The places, as `file:line`, where the code matches. */
export function findInCode({ path, code }: Source, pattern: RegExp): string[] {
  return code.split("\n").flatMap((line, index) => pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []);
}

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  return { path, text, code: blank(text, { strings: true }), imports: findImports(path, blank(text, { strings: false })) };
}

/** Template literals stay: they hold code. */
function blank(text: string, { strings }: { strings: boolean }): string {
  const tokens = /\/\/[^\n]*|\/\*.*?\*\/|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/gs;
  return text.replaceAll(tokens, (token) => {
    const keeps = token.startsWith("`") || (!strings && !token.startsWith("/"));
    return keeps ? token : token.replaceAll(/[^\n]/g, " ");
  });
}

function findImports(path: string, code: string): Import[] {
  const statements = code.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^;"'`]*?\bfrom\s*)?["']([^"']+)["']/gm);
  const calls = code.matchAll(/\bimport\s*\(\s*()["'`]([^"'`]+)["'`]/g);
  return [...statements, ...calls].map(({ 0: whole, 1: type, 2: specifier = "", index }) => ({
    line: code.slice(0, index + whole.length).split("\n").length,
    specifier,
    target: specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : undefined,
    isType: Boolean(type),
  }));
}
