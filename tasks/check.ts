/**
 * `deno task check`: takes the sources as they are, runs every static check over them, and exits with 1 when one finds something.
 *
 * All of them run, so that one look shows everything. `deno fmt`, without `--check`, puts the format right.
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findRuntimes } from "./runtimes.ts";

process.chdir(join(import.meta.dirname!, ".."));
const { deno, path } = await findRuntimes();

// The rooms of the library come one by one; what is not there yet cannot be checked.
const rooms = ["mod.ts", "host", "plugin", "protocol"].filter((room) => existsSync(room));
const entries = ["mod.ts", "host/mod.ts", "plugin/mod.ts", "protocol/mod.ts", "host/cli/main.ts"].filter((entry) => existsSync(entry));
/** What is right for an example or a test, but not for a library that others load. */
const libraryRules = "no-console,no-node-globals,no-process-global";
const tsc = join("node_modules", ".bin", "tsc");

const checks: readonly { title: string; command: readonly string[] }[] = [
  { title: "format", command: [deno, "fmt", "--check"] },
  { title: "lint", command: [deno, "lint"] },
  // Without the tags of deno.json, which the call before has checked.
  { title: "lint of the library", command: [deno, "lint", "--rules-tags=", `--rules-include=${libraryRules}`, ...rooms] },
  { title: "documentation of the entries", command: [deno, "doc", "--lint", ...entries] },
  { title: "types", command: [tsc, "-p", "tsconfig.json"] },
  { title: "declarations of the library", command: [tsc, "-p", "tsconfig.library.json"] },
  { title: "types as Deno has them", command: [deno, "check"] },
];

const findings = checks.filter(({ title, command }) => !passes(title, command));
for (const { title } of checks) console.log(`${findings.some((each) => each.title === title) ? "FAIL" : "ok  "} ${title}`);
process.exitCode = findings.length ? 1 : 0;

function passes(title: string, [program, ...args]: readonly string[]): boolean {
  console.log(`--- ${title}`);
  const { status, error } = spawnSync(program!, args, { stdio: "inherit", env: { ...process.env, PATH: path } });
  if (error) console.error(`Cannot run ${program}: ${error.message}`);
  return status === 0;
}
