/**
 * `deno task build:examples`: takes the hello plugins that must be built, builds those whose language this machine has, and writes
 * `examples/hello/config.local.toml`: config.toml plus what was built, with its checksums, for the host `main`.
 *
 * A missing language is said and left out; with `POLYPLUG_REQUIRE_ALL` set it is a failure. Exits with 1 after a failure.
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parse, stringify } from "smol-toml";
import { isOnPath } from "../tests/languages.ts";

/** What the configuration is read as; the host checks it, not this task. */
interface Config {
  readonly plugins: Readonly<Record<string, unknown>>;
  readonly hosts: Readonly<Record<string, { readonly plugins: readonly string[] }>>;
}

const folder = join(import.meta.dirname!, "..", "examples", "hello");

/** How a plugin is built, in the folder of its name, and how it is run from the folder above, where the configuration is. */
interface Example {
  readonly name: string;
  readonly steps: readonly (readonly [program: string, ...args: string[]])[];
  readonly env?: Readonly<Record<string, string>>;
  /** What was built, and what its checksum is taken of. */
  readonly file: string;
  readonly exec: string;
  readonly args?: readonly string[];
}

const examples: readonly Example[] = [
  {
    name: "hello-go",
    steps: [["go", "build", "-o", "build/hello-go", "."]],
    // Needs no C compiler then.
    env: { CGO_ENABLED: "0" },
    file: "hello-go/build/hello-go",
    exec: "hello-go/build/hello-go",
  },
  {
    name: "hello-java",
    steps: [
      ["javac", "-d", "build/classes", "HelloJava.java"],
      ["jar", "--create", "--file", "build/hello.jar", "--main-class", "HelloJava", "-C", "build/classes", "."],
    ],
    file: "hello-java/build/hello.jar",
    exec: "java",
    args: ["-jar", "hello-java/build/hello.jar"],
  },
  {
    name: "hello-rust",
    steps: [["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", "target"]],
    file: "hello-rust/target/release/hello-rust",
    exec: "hello-rust/target/release/hello-rust",
  },
];

process.exitCode = main();

function main(): number {
  const missingIsWrong = Boolean(process.env.POLYPLUG_REQUIRE_ALL);
  const verdicts = examples.map((example) => ({ example, verdict: build(example, missingIsWrong) }));
  writeConfig(verdicts.filter(({ verdict }) => verdict === "ok").map(({ example }) => example));
  return verdicts.some(({ verdict }) => verdict === "FAIL") ? 1 : 0;
}

/** Builds one, and says what became of it. */
function build({ name, steps, env, file }: Example, missingIsWrong: boolean): "ok" | "skip" | "FAIL" {
  const missing = steps.map(([program]) => program).find((program) => !isOnPath(program));
  if (missing !== undefined) return say(missingIsWrong ? "FAIL" : "skip", `${name}: there is no "${missing}" on PATH`);
  const started = performance.now();
  const failed = steps.find((step) => !runs(step, join(folder, name), env));
  if (failed !== undefined) return say("FAIL", `${name}: \`${failed.join(" ")}\` did not work`);
  return say("ok", `${name}: examples/hello/${file}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

function say<Verdict extends string>(verdict: Verdict, what: string): Verdict {
  console.log(`${verdict.padEnd(4)} ${what}`);
  return verdict;
}

function runs([program, ...args]: readonly [string, ...string[]], cwd: string, env: Readonly<Record<string, string>> = {}): boolean {
  const { status, error } = spawnSync(program, args, { cwd, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } });
  if (error) console.error(`Cannot run ${program}: ${error.message}`);
  return status === 0;
}

/** By rename, so that who reads the file has the old one or the new one. */
function writeConfig(built: readonly Example[]): void {
  const config = parse(readFileSync(join(folder, "config.toml"), "utf8")) as unknown as Config;
  const plugins = { ...config.plugins, ...Object.fromEntries(built.map((example) => [example.name, pluginFrom(example)])) };
  const hosts = { ...config.hosts, main: { plugins: Object.keys(plugins) } };
  const path = join(folder, "config.local.toml");
  const fresh = join(folder, `config.${process.pid}.local.toml`);
  writeFileSync(
    fresh,
    `# Made of config.toml by \`deno task build:examples\`, which writes it anew.\n\n${stringify({ ...config, plugins, hosts })}`,
  );
  renameSync(fresh, path);
  say("ok", `examples/hello/config.local.toml: ${Object.keys(plugins).join(", ")}`);
}

function pluginFrom({ exec, args = [], file }: Example): Readonly<Record<string, unknown>> {
  const sha256 = createHash("sha256").update(readFileSync(join(folder, file))).digest("hex");
  return { exec, exec_args: args, exec_file: file, sha256, comm_type: "rest" };
}
