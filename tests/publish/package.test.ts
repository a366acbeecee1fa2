/**
 * Row B9: what is published works for those who install it.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathOf, RUNTIME } from "../support.ts";
import { commandOf, type Ended, install, type Installed, mustRun, run } from "./installed.ts";

let folder = "";
let installed: Installed;

// Once for the whole file: each of the tests below looks at the same package.
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "polyplug-test-"));
  installed = await install(folder);
});
after(() => rm(folder, { recursive: true, force: true }));

async function readJson(path: string) {
  return JSON.parse(await readFile(path, "utf8"));
}

test("B9: the built package has the repository's name, version and dependencies, and nothing for developers", async () => {
  const own = await readJson(pathOf("package.json"));
  const built = await readJson(join(installed.built, "package.json"));
  const kept = ["name", "version", "description", "license", "type", "dependencies", "peerDependencies", "peerDependenciesMeta"];
  for (const key of kept) assert.deepEqual(built[key], own[key], key);
  assert.deepEqual(Object.keys(built.exports), Object.keys(own.exports));
  assert.deepEqual(built.bin, { polyplug: "host/cli/main.js" });
  assert.ok(!("devDependencies" in built) && !("scripts" in built) && !("private" in built));
  for (const { types, default: code } of Object.values<{ types: string; default: string }>(built.exports)) {
    assert.ok(existsSync(join(installed.built, types)) && existsSync(join(installed.built, code)), code);
  }
});

test("B9: the tarball has JavaScript, types and documents, and no sources, tests or machine paths", async () => {
  const { files } = installed;
  const documents = [
    "package.json",
    "README.md",
    "CHANGES.md",
    "LICENSE",
    "protocol/README.md",
    "protocol/plugin.proto",
    "protocol/plugin_seed.proto",
  ];
  assert.deepEqual(documents.filter((file) => !files.includes(file)), []);
  const others = files.filter((file) => !documents.includes(file) && !file.endsWith(".proto"));
  assert.deepEqual(others.filter((file) => !/^(mod|(host|plugin|protocol)\/[a-z0-9_/]+)\.(js|d\.ts)$/.test(file)), []);
  const texts = await Promise.all(others.map((file) => readFile(join(installed.built, file), "utf8")));
  assert.deepEqual(others.filter((_file, index) => texts[index]?.includes(pathOf("."))), []);
});

test("B9: publint finds nothing in the tarball", async () => {
  const { code, stdout, stderr } = await run(pathOf("node_modules/.bin/publint"), [installed.tarball, "--strict"], folder);
  assert.match(stdout, /All good/, stdout + stderr);
  assert.equal(code, 0);
});

test("B9: an application from the tarball opens a host, calls a plugin from the tarball, and a transport of its own", async () => {
  const { stdout } = await mustRun(...commandOf("app.ts"), installed.folder);
  assert.deepEqual(JSON.parse(stdout), {
    pong: "pong",
    reversed: [255, 2, 1],
    refused: "plugin Refused: Not for app",
    commands: ["bytes.length", "bytes.refuse", "bytes.reverse"],
    echoed: [0, 128, 255],
    attempt: "1",
    forged: "plugin exec.failed: It was me",
    rejected: [["old", "discover.incompatible_api"]],
  });
});

test("D19: the package that makes JSON Schemas of valibot's is optional: without it info has none of them, and with it it has", async () => {
  const optional = join(installed.folder, "node_modules/@valibot/to-json-schema");
  const tell = async () => JSON.parse((await mustRun(...commandOf("tell.ts"), installed.folder)).stdout);
  await writeFile(
    join(installed.folder, "tell.ts"),
    `import { openHost } from "@polyplug/core/host";
await using host = await openHost("app", { config: new URL("./config.toml", import.meta.url), api: "2.3.0" });
const { commands } = await host.get("reverse").info();
console.log(JSON.stringify(commands.find(({ name }) => name === "bytes.length")));
`,
  );
  assert.ok(!existsSync(optional));
  assert.deepEqual(await tell(), { name: "bytes.length", description: "How many there are" });
  await mkdir(join(optional, ".."), { recursive: true });
  await cp(await realpath(pathOf("node_modules/@valibot/to-json-schema")), optional, { recursive: true });
  const $schema = "https://json-schema.org/draft/2020-12/schema";
  assert.deepEqual(await tell(), {
    name: "bytes.length",
    description: "How many there are",
    input: { $schema, type: "string" },
    output: { $schema, type: "number" },
  });
});

/** The command line from the tarball, on this runtime. */
async function polyplug(...args: readonly string[]): Promise<Ended> {
  return await run(...commandOf("node_modules/@polyplug/core/host/cli/main.js", args), installed.folder);
}

test("B9: the command line from the tarball calls a plugin from the tarball", async () => {
  const config = ["--config", "config.toml"];
  const exec = await polyplug("exec", "reverse", "bytes.reverse", "--hex", "0001ff", "--as", "hex", ...config);
  assert.deepEqual([exec.stdout.trim(), exec.code], ["ff0100", 0], exec.stderr);
  const list = await polyplug("list", "--json", ...config);
  assert.deepEqual([list.code, Array.isArray(JSON.parse(list.stdout))], [0, true], list.stderr);
  const wrong = await polyplug("ping", "nobody", ...config);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^error\[host\.unknown_plugin\]: /m);
  assert.doesNotMatch(wrong.stderr, /^\s+at /m);
});

test("B9: npm links the command polyplug, which runs by its own first line", async () => {
  const { stdout } = await mustRun(join(installed.folder, "node_modules/.bin/polyplug"), ["checksum", "plugin.ts"], installed.folder);
  assert.match(stdout, /sha256 = "[0-9a-f]{64}"/);
});

test("B9: the entry ./cli runs a command for an application and has no effect when it is imported", async () => {
  const file = join(installed.folder, "cli.ts");
  await writeFile(file, `import { main } from "@polyplug/core/cli";\nprocess.exitCode = await main(["checksum", "nowhere"]) + 40;\n`);
  const { code, stdout, stderr } = await run(...commandOf(file), installed.folder);
  assert.deepEqual([code, stdout], [41, ""], stderr);
  assert.match(stderr, /^error\[/);
});

/** Checks the types of the consumer's files against this runtime's own; gives what is wrong, but within those. */
async function findTypeErrors(): Promise<readonly string[]> {
  const tsc = [pathOf("node_modules/.bin/tsc"), "-p", "tsconfig.json", "--types", RUNTIME === "bun" ? "bun-types" : "node"];
  const [program = "", ...args] = RUNTIME === "deno" ? ["deno", "check", "app.ts", "plugin.ts", "nano_driver.ts", "entries.ts"] : tsc;
  const { stdout, stderr } = await run(program, args, installed.folder);
  return (stdout + stderr).split("\n").filter((line) => /\berror\b|\[ERROR\]/.test(line) && !line.includes("/bun-types/"));
}

test("B9: the public types compile in a strict project with this runtime's own types", async () => {
  const compilerOptions = {
    ...{
      target: "ESNext",
      module: "NodeNext",
      lib: [RUNTIME === "deno" ? "deno.window" : "ESNext"],
      noEmit: true,
      allowImportingTsExtensions: true,
    },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
  };
  const include = ["app.ts", "plugin.ts", "nano_driver.ts", "entries.ts"];
  const entries = ["", "/host", "/plugin", "/protocol", "/cli"].map((entry, index) =>
    `export * as e${index} from "@polyplug/core${entry}";`
  );
  await writeFile(join(installed.folder, "entries.ts"), entries.join("\n"));
  await writeFile(join(installed.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
  assert.deepEqual(await findTypeErrors(), []);
  const wrong = 'import { openHost } from "@polyplug/core";\nexport const host: number = openHost("app");\n';
  await writeFile(join(installed.folder, "entries.ts"), wrong);
  const [error = "", ...others] = (await findTypeErrors()).filter((line) => /TS\d/.test(line));
  assert.match(error, /TS2322.*Type 'Promise<Host>' is not assignable to type 'number'/);
  assert.deepEqual(others, []);
});

test("B9: deno publish --dry-run is clean, and sends the library and its documents alone", async () => {
  const { code, stdout, stderr } = await run("deno", ["publish", "--dry-run", "--allow-dirty"], pathOf("."));
  const output = stdout + stderr;
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /^(warning|error)/im);
  const sent = [...output.matchAll(/file:\/\/\S*?\/((?:host|plugin|protocol|tests|examples|tasks)\/\S+|[^/\s]+) \(/g)].map(([, file]) =>
    file ?? ""
  );
  assert.ok(sent.includes("mod.ts") && sent.includes("host/cli/main.ts") && sent.includes("LICENSE"), output);
  assert.deepEqual(
    sent.filter((file) => !/^(host|plugin|protocol)\/|^(mod\.ts|deno\.json|README\.md|CHANGES\.md|LICENSE)$/.test(file)),
    [],
  );
});
