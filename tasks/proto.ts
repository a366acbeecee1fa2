/**
 * `deno task proto [--check]`: takes the .proto files of protocol/, gives tests/protocol/gen/: what tests speak with libraries of others, since
 * the library itself writes its few messages by hand. With `--check` nothing is written, and it
 * fails when what is there is not what would be made.
 *
 * The compiler comes by npx and is no development dependency: it is larger than all the others together, and seldom needed.
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const root = join(import.meta.dirname!, "..");
const protocol = join(root, "protocol");
const generated = join(root, "tests", "protocol", "gen");
const tools = ["--package=@bufbuild/buf@1.74.0", "--package=@bufbuild/protoc-gen-es@2.17.0"];
/** The sources run unbuilt, hence TypeScript with `.ts` specifiers and without enums. */
const options = ["target=ts", "import_extension=ts", "erasable_syntax=true"];

process.exitCode = process.argv.includes("--check") ? check() : generate(generated);

/** One file at a time: both describe the same package, as two versions of it do. */
function generate(folder: string): number {
  const plugins = [{ local: "protoc-gen-es", out: folder, opt: options }];
  const template = JSON.stringify({ version: "v2", plugins });
  for (const file of readdirSync(protocol).filter((name) => name.endsWith(".proto"))) {
    const { status, error } = spawnSync("npx", ["-y", ...tools, "buf", "generate", file, "--template", template], {
      cwd: protocol,
      stdio: "inherit",
    });
    if (error) console.error(`Cannot run npx: ${error.message}`);
    if (status !== 0) return 1;
  }
  return 0;
}

function check(): number {
  const folder = mkdtempSync(join(tmpdir(), "polyplug-proto-"));
  try {
    if (generate(folder) !== 0) return 1;
    const read = (place: string) => readdirSync(place).sort().map((name) => [name, readFileSync(join(place, name), "utf8")]);
    if (JSON.stringify(read(folder)) === JSON.stringify(read(generated))) return 0;
    console.error("tests/protocol/gen/ is not what `deno task proto` makes of the .proto files; run it");
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
