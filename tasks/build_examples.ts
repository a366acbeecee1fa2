/**
 * `deno task build:examples`: takes the examples' plugins that must be built, builds those whose language this machine has, and writes
 * a `config.local.toml` beside each example's config.toml: the same plus what was built, with its checksums, for the example's host. It
 * also builds what the tests have in Go.
 *
 * A missing language is said and left out; with `POLYPLUG_REQUIRE_ALL` set it is a failure. Exits with 1 after a failure.
 * @module
 */
import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parse, stringify } from "smol-toml";
import { isOnPath } from "../tests/languages.ts";

/** What the configuration is read as; the host checks it, not this task. */
interface Config {
  readonly plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly hosts: Readonly<Record<string, { readonly plugins: readonly string[] }>>;
}

const root = join(import.meta.dirname!, "..");

/** What is built, how, and in which folder of the repository. */
interface Build {
  readonly name: string;
  readonly folder: string;
  readonly steps: readonly Step[];
  readonly env?: Readonly<Record<string, string>>;
  /** A part of the language that may be missing though its program is there: what fails without it, and what to say then. */
  readonly needs?: { readonly step: Step; readonly otherwise: string };
}

type Step = readonly [program: string, ...args: string[]];

/** A plugin that is built, and the rest of its table in the configuration, which is in the folder above and whose paths begin there. */
interface Example extends Build {
  readonly plugin: Readonly<Record<string, unknown>> & { readonly exec_file: string };
}

/** Go needs no C compiler then. */
const goEnv = { CGO_ENABLED: "0" };

const examples: readonly Example[] = [
  {
    name: "hello-go",
    folder: "examples/hello/hello-go",
    steps: [["go", "build", "-o", "build/hello-go", "."]],
    env: goEnv,
    plugin: { exec: "hello-go/build/hello-go", exec_file: "hello-go/build/hello-go", comm_type: "rest" },
  },
  {
    name: "hello-java",
    folder: "examples/hello/hello-java",
    steps: [
      ["javac", "-d", "build/classes", "HelloJava.java"],
      ["jar", "--create", "--file", "build/hello.jar", "--main-class", "HelloJava", "-C", "build/classes", "."],
    ],
    plugin: {
      exec: "java",
      exec_args: ["-jar", "hello-java/build/hello.jar"],
      exec_file: "hello-java/build/hello.jar",
      comm_type: "rest",
    },
  },
  {
    name: "hello-rust",
    folder: "examples/hello/hello-rust",
    steps: [["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", "target"]],
    plugin: {
      exec: "hello-rust/target/release/hello-rust",
      exec_file: "hello-rust/target/release/hello-rust",
      comm_type: "rest",
    },
  },
  {
    name: "hello-python-grpc",
    folder: "examples/hello/hello-python-grpc",
    needs: { step: ["python3", "-c", "import ensurepip"], otherwise: "python3 cannot make a venv (on Debian: apt install python3-venv)" },
    steps: [
      ["python3", "-m", "venv", "build/venv"],
      // Wheels alone: a compiler would take minutes, where there is one.
      ["build/venv/bin/pip", "install", "--quiet", "--only-binary", ":all:", "--requirement", "requirements.txt"],
      [
        "build/venv/bin/python",
        ...["-m", "grpc_tools.protoc", "--proto_path", "../../../protocol", "--python_out", "build", "--grpc_python_out", "build"],
        "plugin_seed.proto",
      ],
    ],
    env: { PIP_DISABLE_PIP_VERSION_CHECK: "1" },
    plugin: {
      exec: "hello-python-grpc/build/venv/bin/python",
      exec_args: ["hello-python-grpc/hello_grpc.py"],
      exec_file: "hello-python-grpc/hello_grpc.py",
      comm_type: "grpc",
      dialect: "seed",
    },
  },
  {
    name: "hello-go-grpc",
    folder: "examples/hello/hello-go-grpc",
    steps: [["go", "build", "-o", "build/hello-go-grpc", "."]],
    env: goEnv,
    plugin: {
      exec: "hello-go-grpc/build/hello-go-grpc",
      exec_file: "hello-go-grpc/build/hello-go-grpc",
      comm_type: "grpc",
      dialect: "goplugin-1",
    },
  },
  {
    name: "signer",
    folder: "examples/pool/signer",
    steps: [["go", "build", "-o", "build/signer", "."]],
    env: goEnv,
    plugin: { exec_file: "signer/build/signer" },
  },
];

/** goplugin's host and plugin, as stand-ins of the tests. */
const peers: Build = {
  name: "goplugin's peers",
  folder: "tests/fixtures/goplugin",
  steps: [["go", "build", "-o", "build/", "./host", "./plugin"]],
  env: goEnv,
};

process.exitCode = main();

function main(): number {
  const verdicts = new Map([...examples, peers].map((each) => [each.name, build(each)]));
  const built = examples.filter(({ name }) => verdicts.get(name) === "ok");
  for (const folder of new Set(examples.map(folderOf))) writeConfig(folder, built.filter((example) => folderOf(example) === folder));
  return [...verdicts.values()].includes("FAIL") ? 1 : 0;
}

/** Builds one, and says what became of it. */
function build(what: Build): "ok" | "skip" | "FAIL" {
  const { name, folder, steps } = what;
  const missing = findMissing(what);
  if (missing !== undefined) return say(process.env.POLYPLUG_REQUIRE_ALL ? "FAIL" : "skip", `${name}: ${missing}`);
  const started = performance.now();
  const failed = steps.find((step) => !runs(step, what, "inherit"));
  if (failed !== undefined) return say("FAIL", `${name}: \`${failed.join(" ")}\` did not work`);
  return say("ok", `${name}: ${folder}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** What this machine lacks of the language; a program with a path is one that an earlier step makes. */
function findMissing(what: Build): string | undefined {
  const program = what.steps.map(([program]) => program).find((program) => !program.includes("/") && !isOnPath(program));
  if (program !== undefined) return `there is no "${program}" on PATH`;
  return what.needs === undefined || runs(what.needs.step, what, "ignore") ? undefined : what.needs.otherwise;
}

function say<Verdict extends string>(verdict: Verdict, what: string): Verdict {
  console.log(`${verdict.padEnd(4)} ${what}`);
  return verdict;
}

function runs([program, ...args]: Step, { folder, env = {} }: Build, output: "inherit" | "ignore"): boolean {
  const options = {
    cwd: join(root, folder),
    stdio: ["ignore", output, output],
    env: { ...process.env, ...env },
  } satisfies SpawnSyncOptions;
  const { status, error } = spawnSync(program, args, options);
  if (error) console.error(`Cannot run ${program}: ${error.message}`);
  return status === 0;
}

/** The folder of its configuration. */
function folderOf({ folder }: Build): string {
  return dirname(folder);
}

/** By rename, so that who reads the file has the old one or the new one. */
function writeConfig(folder: string, built: readonly Example[]): void {
  const config = parse(readFileSync(join(root, folder, "config.toml"), "utf8")) as unknown as Config;
  const made = built.map((example) => [example.name, { ...config.plugins[example.name], ...pluginFrom(example) }]);
  const plugins = { ...config.plugins, ...Object.fromEntries(made) };
  const hosts = Object.fromEntries(Object.keys(config.hosts).map((host) => [host, { plugins: Object.keys(plugins) }]));
  const path = join(root, folder, "config.local.toml");
  const fresh = join(root, folder, `config.${process.pid}.local.toml`);
  writeFileSync(
    fresh,
    `# Made of config.toml by \`deno task build:examples\`, which writes it anew.\n\n${stringify({ ...config, plugins, hosts })}`,
  );
  renameSync(fresh, path);
  say("ok", `${folder}/config.local.toml: ${Object.keys(plugins).join(", ")}`);
}

function pluginFrom(example: Example): Readonly<Record<string, unknown>> {
  const { plugin } = example;
  const sha256 = createHash("sha256").update(readFileSync(join(root, folderOf(example), plugin.exec_file))).digest("hex");
  return { ...plugin, sha256 };
}
