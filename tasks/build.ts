/**
 * `deno task build [FOLDER]`: takes the library's sources, gives the folder that npm publishes, `npm/` unless another is named.
 *
 * npm needs JavaScript, since Node and Deno refuse TypeScript under `node_modules`. It comes from plain `tsc`, one file a source file,
 * beside its types. The manifest is the repository's without what only developers need; its entries lead to the built files.
 * @module
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";

/** What is read of the repository's manifest. */
interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  /** Set, so that nobody publishes the sources by `npm publish` in the wrong folder. */
  readonly private?: unknown;
  readonly devDependencies?: unknown;
  readonly scripts?: unknown;
}

const root = join(import.meta.dirname!, "..");
/** For people; the contract goes along, since plugins in other languages are written after it. */
const documents = [
  "README.md",
  "CHANGES.md",
  "LICENSE",
  "protocol/README.md",
  "protocol/plugin.proto",
  "protocol/plugin_seed.proto",
];

process.exitCode = build(resolve(process.argv[2] ?? join(root, "npm")));

function build(folder: string): number {
  // Only an earlier build is replaced: a mistyped name must not cost anybody a folder.
  if (existsSync(folder) && !existsSync(join(folder, "mod.js"))) {
    console.error(`"${folder}" is there and is no earlier build; remove it, or name another folder`);
    return 1;
  }
  rmSync(folder, { recursive: true, force: true });
  const { status, error } = spawnSync(tsc(), ["-p", join(root, "tsconfig.build.json"), "--outDir", folder], { stdio: "inherit" });
  if (error) console.error(`Cannot run tsc: ${error.message}; run \`npx -y deno install\` first`);
  if (status !== 0) return 1;
  for (const document of documents) cpSync(join(root, document), join(folder, document));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest(), undefined, 2)}\n`);
  console.log(`Built ${folder}`);
  return 0;
}

function tsc(): string {
  return join(root, "node_modules", ".bin", "tsc");
}

function manifest(): Record<string, unknown> {
  const found: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { private: _private, devDependencies: _tools, scripts: _scripts, exports, dependencies, ...rest } = found;
  return {
    ...rest,
    exports: Object.fromEntries(Object.entries(exports).map(([entry, source]) => [entry, builtEntry(source)])),
    bin: { polyplug: "host/cli/main.js" },
    files: ["mod.js", "mod.d.ts", "host", "plugin", "protocol", "CHANGES.md"],
    // `import.meta.main` came with it.
    engines: { node: ">=24.2" },
    // A name with a scope would be private otherwise.
    publishConfig: { access: "public" },
    dependencies,
  };
}

/** The types first: who asks for them takes the first condition that fits. */
function builtEntry(source: string): Readonly<Record<"types" | "default", string>> {
  return { types: source.replace(/\.ts$/, ".d.ts"), default: source.replace(/\.ts$/, ".js") };
}
