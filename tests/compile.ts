/**
 * Takes TypeScript files of a folder, gives what the compiler finds wrong with them, as strict as can be.
 * @module
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathOf } from "./support.ts";

const STRICT = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noUnusedLocals: true, skipLibCheck: true };
const MODULES = { module: "NodeNext", verbatimModuleSyntax: true, allowImportingTsExtensions: true, noEmit: true };
const TYPES = { lib: ["ESNext", "DOM", "DOM.Iterable", "DOM.AsyncIterable"], types: ["node"], typeRoots: [pathOf("node_modules/@types")] };

/** Compiles the files, to which it adds a manifest and the compiler's settings. */
export async function typeErrors(folder: string, files: readonly string[]): Promise<readonly string[]> {
  const compilerOptions = { target: "ESNext", ...STRICT, ...MODULES, ...TYPES };
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const output = await new Promise<string>((resolve) => {
    execFile(
      pathOf("node_modules/.bin/tsc"),
      ["-p", "tsconfig.json"],
      { cwd: folder },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    );
  });
  return output.split("\n").filter((line) => line.trim() !== "");
}
