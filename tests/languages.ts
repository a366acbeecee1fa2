/**
 * Takes the name of a language that a test needs, gives the test's `skip`: false, or the reason why it cannot run here.
 *
 * With `POLYPLUG_REQUIRE_ALL` set nothing is skipped, so a test whose language is missing fails, and its own error says what is missing.
 * @module
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** The program that each language needs on PATH. */
const programs = { python: "python3", go: "go", java: "java", rust: "cargo" } as const;

/** How the reason of such a skip begins; the test runner looks for it. */
export const missingLanguage = "missing language: ";

/** For `test(name, { skip: languageSkip("python") }, …)`. */
export function languageSkip(language: keyof typeof programs): string | false {
  const program = programs[language];
  if (process.env.POLYPLUG_REQUIRE_ALL || isOnPath(program)) return false;
  return `${missingLanguage}${language} (no "${program}" on PATH)`;
}

/** The same for a tool that a test needs, as a bare machine lacks it: `toolSkip("curl")`. */
export function toolSkip(program: string): string | false {
  return process.env.POLYPLUG_REQUIRE_ALL || isOnPath(program) ? false : `missing tool: ${program}`;
}

/** Whether a program is found on PATH. */
export function isOnPath(program: string): boolean {
  return findOnPath(program) !== undefined;
}

/** The path of a program, when it is found on PATH. */
export function findOnPath(program: string): string | undefined {
  return (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
