/**
 * Keeps the rules of the design true: takes the library's sources as text, and fails with the places that break a rule.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { findInCode, type Import, readLibrary, root, type Source } from "./library_sources.ts";

const library = readLibrary();
const denoManifest = readJson("deno.json");
const npmManifest = readJson("package.json");

test("host/ and plugin/ never import each other", () => {
  assertNone([
    ...findImports(room("host"), ({ target }) => isIn(target, "plugin")),
    ...findImports(room("plugin"), ({ target }) => isIn(target, "host")),
  ]);
});

test("protocol/ imports neither side", () => {
  assertNone(findImports(room("protocol"), ({ target }) => target !== undefined && !isIn(target, "protocol")));
});

test("protocol/ imports node:* only in caller.ts, clients.ts and server.ts of a wire, and for the file of a socket", () => {
  const others = room("protocol").filter(({ path }) => !/^protocol\/([^/]+\/(caller|clients|server)|socket_file)\.ts$/.test(path));
  assertNone(findImports(others, ({ specifier }) => specifier.startsWith("node:")));
});

test("node:child_process is imported in host/process/spawn.ts alone", () => {
  const others = library.filter(({ path }) => path !== "host/process/spawn.ts");
  assertNone(findImports(others, ({ specifier }) => /^(node:)?child_process$/.test(specifier)));
});

test("no runtime's own globals in the library", () => {
  const runtimeGlobal = /\b(?:Deno|Bun)\s*(?:\?\.|\.\w|\[)|\bglobalThis\b.*\b(?:Deno|Bun)\b|\btypeof\s+(?:Deno|Bun)\b/;
  assertNone(library.flatMap((source) => findInCode(source, runtimeGlobal)));
});

test("the library imports node:* and its declared dependencies alone", () => {
  const declared = [...Object.keys(npmManifest.dependencies), ...Object.keys(npmManifest.peerDependencies)];
  const isKnown = (specifier: string) => declared.some((name) => specifier === name || specifier.startsWith(`${name}/`));
  assertNone(findImports(library, ({ specifier }) => !/^(\.|node:)/.test(specifier) && !isKnown(specifier)));
});

test("an optional dependency is imported only when it is needed, so that the library works without it", () => {
  const optional = Object.keys(npmManifest.peerDependenciesMeta);
  assert.deepEqual(Object.keys(npmManifest.peerDependencies), optional);
  const statements = /^\s*(?:import|export)\s[^;]*?["']([^"']+)["']/gm;
  const imported = library.flatMap(({ path, text }) => [...text.matchAll(statements)].map(([, name]) => `${path}: ${name}`));
  assert.ok(imported.some((each) => each.endsWith(": valibot")));
  assertNone(imported.filter((each) => optional.some((name) => each.endsWith(`: ${name}`) || each.includes(`: ${name}/`))));
});

test("process.versions is read only where HTTP chooses its client and server, and where a worker may be left behind", () => {
  const mayRead = ["protocol/rest/clients.ts", "protocol/rest/server.ts", "host/builtins/worker.ts"];
  const others = library.filter(({ path }) => !mayRead.includes(path));
  assertNone(others.flatMap((source) => findInCode(source, /\bprocess\s*\??\.\s*versions\b/)));
});

test("process is imported from node:process wherever it is used", () => {
  const importsIt = ({ imports, code }: Source) =>
    imports.some(({ specifier }) => specifier === "node:process") && /\bimport process from\b/.test(code);
  // A parameter or variable of that name is somebody's child process.
  const declaresIt = ({ code }: Source) => /\b(?:const|let)\s+process\b|[({,]\s*process\s*[:,})]/.test(code);
  const others = library.filter((source) => !importsIt(source) && !declaresIt(source));
  assertNone(others.flatMap((source) => findInCode(source, /(?<![.\w$])process\s*(?:\?\.|\.\w|\[)/)));
});

test("library files import their values without cycles", () => {
  assertNone(findCycles());
});

test("timers live where the design has them", () => {
  const mayHaveTimers =
    /^(?:host\/(?:bounded|call|retry)\.ts|protocol\/deadlines\.ts|host\/cli\/config_file\.ts|host\/(?:supervise|events|process|packages)\/.+|plugin\/stop\.ts|protocol\/dispatch\.ts|protocol\/[^/]+\/server\.ts|protocol\/rest\/body\.ts)$/;
  const others = library.filter(({ path }) => !mayHaveTimers.test(path));
  assertNone(others.flatMap((source) => findInCode(source, /\b(?:setTimeout|setInterval|setImmediate)\b|\bAbortSignal\s*\.\s*timeout\b/)));
});

test("the library has no default exports", () => {
  assertNone(library.flatMap((source) => findInCode(source, /\bexport\s+default\b|\bexport\b.*\bas\s+default\b/)));
});

test("the library has no enums", () => {
  assertNone(library.flatMap((source) => findInCode(source, /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/)));
});

test("the library re-exports by name, never with a star", () => {
  assertNone(library.flatMap((source) => findInCode(source, /\bexport\s+(?:type\s+)?\*/)));
});

test("the library has no any", () => {
  assertNone(library.flatMap((source) => findInCode(source, /:\s*any\b|\b(?:as|satisfies)\s+any\b|[<,|&]\s*any\s*[>,\[|&]/)));
});

test("library files and folders have snake_case names", () => {
  const snakeCase = /^(?:[a-z][a-z0-9]*(?:_[a-z0-9]+)*\/)*[a-z][a-z0-9]*(?:_[a-z0-9]+)*\.ts$/;
  assertNone(library.map(({ path }) => path).filter((path) => !snakeCase.test(path)));
});

test("no library file has a name that says nothing", () => {
  assertNone(library.map(({ path }) => path).filter((path) => /^(?:utils?|helpers?|common|misc|index)\.ts$/.test(basename(path))));
});

test("every library file begins by saying what it takes and gives", () => {
  assertNone(
    library.filter(({ text }) => !/^(?:#![^\n]*\n)?\/\*\*/.test(text)).map(({ path }) => `${path}:1`),
  );
});

test("deno.json and package.json agree on name and version", () => {
  assert.deepEqual([denoManifest.name, denoManifest.version], [npmManifest.name, npmManifest.version]);
});

test("deno.json and package.json agree on entries, and each entry exists", () => {
  assert.deepEqual(denoManifest.exports, npmManifest.exports);
  assertNone(Object.values<string>(denoManifest.exports).filter((entry) => !existsSync(join(root, entry))));
});

test("deno.json and package.json agree on dependencies and their ranges", () => {
  const wanted = Object.entries(npmManifest.dependencies).map(([name, range]) => [name, `npm:${name}@${range}`]);
  assert.deepEqual(denoManifest.imports, Object.fromEntries(wanted));
});

function room(name: string): Source[] {
  return library.filter(({ path }) => isIn(path, name));
}

function isIn(path: string | undefined, name: string): boolean {
  return path?.startsWith(`${name}/`) ?? false;
}

function findImports(sources: readonly Source[], offends: (each: Import) => boolean): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports.filter(offends).map(({ line, specifier }) => `${path}:${line}: imports "${specifier}"`)
  );
}

/** Each cycle once, as the files it leads through. */
function findCycles(): string[] {
  const sources = new Map(library.map((source) => [source.path, source]));
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      return;
    }
    if (finished.has(path)) return;
    for (const { target, isType } of sources.get(path)?.imports ?? []) {
      if (target && !isType) visit(target, [...trail, path]);
    }
    finished.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return cycles;
}

function readJson(name: string) {
  return JSON.parse(readFileSync(join(root, name), "utf8"));
}

function assertNone(offenders: readonly string[]): void {
  assert.ok(offenders.length === 0, `\n${offenders.join("\n")}`);
}
