/**
 * D22: `polyplug types`: the contract of a plugin in Python and of one in Go, compiled and used; what a hostile plugin can write into it.
 * @module
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type Contract, typed } from "../../host/mod.ts";
import { typeErrors } from "../compile.ts";
import { languageSkip } from "../languages.ts";
import { buildGoPlugin, bytes, pathOf, pythonPlugin, ROOT, typescriptPlugin, withFolder, withHost } from "../support.ts";
import { cli, startCli, writeConfig } from "./cli.ts";

const TABLES = "tests/fixtures/tables.py";

/** A folder as of a project that has the package, with a configuration of one plugin called `one`. */
async function withProject(plugin: Record<string, unknown>, use: (folder: string, config: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await mkdir(join(folder, "node_modules", "@polyplug"), { recursive: true });
    await symlink(ROOT, join(folder, "node_modules", "@polyplug", "core"));
    await use(folder, await writeConfig(folder, { one: plugin }));
  });
}

/** The contract of a file that was written. */
async function contractOf(path: string): Promise<Contract> {
  const own = `${path}.local.ts`; // Deno resolves the package's name for files of its own project alone.
  await writeFile(own, (await readFile(path, "utf8")).replace('"@polyplug/core/host"', JSON.stringify(pathOf("host/mod.ts"))));
  return (await import(pathToFileURL(own).href)).contract;
}

/** The functions of a contract whose types only the compiler's test knows. */
type Functions = Readonly<Record<string, Readonly<Record<string, (input: unknown) => Promise<unknown>>>>>;

test(
  "D22: the contract of a plugin in Python compiles, fits as it is said, and checks on this side",
  { skip: languageSkip("python") },
  async () => {
    await withProject(pythonPlugin(TABLES), async (folder, config) => {
      const file = join(folder, "tables.ts");
      const { code, stdout, stderr } = await cli(["types", "one", "--out", file, "--config", config]);
      assert.deepEqual([code, stdout], [0, ""], stderr);
      assert.equal(stderr, `Wrote ${file}: 3 commands\nLeft out table.raw: it takes and gives bytes\n`);
      const text = await readFile(file, "utf8");
      assert.match(text, /^\/\*\*\n \* Made by `polyplug types one --out tables\.ts`\. /);
      assert.match(text, /\n \* - table\.raw: it takes and gives bytes\n/);
      await promisify(execFile)("deno", ["fmt", "--check", "--line-width", "140", file], { cwd: folder });
      await writeFile(
        join(folder, "use.ts"),
        `
import { type Caller, typed } from "@polyplug/core/host";
import { contract, type TableAddInput, type TreeSumInput } from "./tables.ts";
export async function use(caller: Caller): Promise<void> {
  const api = typed(caller, contract);
  const rows: TableAddInput = { rows: [{ id: 1, name: "a", tags: ["new"] }] };
  const { size, last } = await api.table.add(rows);
  const shown: readonly [number, string | undefined] = [size, last?.name];
  const tree: TreeSumInput = { value: 1, children: [{ value: 2, children: [] }] };
  const sum: number = await api.tree.sum(tree);
  console.log(shown, sum, await api.table.wrong("anything"));
  // @ts-expect-error a value that there is not
  await api.table.add({ rows: [{ id: 1, name: "a", tags: ["odd"] }] });
  // @ts-expect-error a field is missing
  await api.table.add({ rows: [{ id: 1 }] });
  // @ts-expect-error bytes are not in the contract
  await api.table.raw();
}
`,
      );
      assert.deepEqual(await typeErrors(folder, ["use.ts"]), []);
      const contract = await contractOf(file);
      await withHost({ tables: pythonPlugin(TABLES) }, async (host) => {
        const api = typed(host.get("tables"), contract) as unknown as Functions;
        const row = { id: 1, name: "a", tags: ["new"] };
        assert.deepEqual(await api["table"]?.["add"]?.({ rows: [row] }), { size: 1, last: row });
        assert.equal(await api["tree"]?.["sum"]?.({ value: 1, children: [{ value: 2, children: [{ value: 4 }] }] }), 7);
        await assert.rejects(async () => await api["table"]?.["add"]?.({ rows: [row, { id: 2, name: "b", tags: ["odd"] }] }), {
          code: "exec.invalid_input",
          message: /^The input of "table\.add" does not fit: rows\.1\.tags\.0: /,
        });
        await assert.rejects(async () => await api["tree"]?.["sum"]?.({ value: 1, children: [{ value: "2" }] }), {
          code: "exec.invalid_input",
          message: /children\.0\.value: /,
        });
        await assert.rejects(async () => await api["table"]?.["wrong"]?.({ rows: [{ id: 0, name: "a" }] }), {
          code: "caller.bad_response",
          message: /^The answer of "table\.wrong" does not fit: rows\.0\.id: /,
        });
      });
    });
  },
);

test("D22: the contract of a plugin in Go compiles and is used as it is", { skip: languageSkip("go") }, async () => {
  await withFolder(async (built) => {
    const exec = await buildGoPlugin(built, "tests/fixtures/go_words");
    await withProject({ exec, features: ["info"] }, async (folder, config) => {
      const file = join(folder, "words.ts");
      const { code, stdout, stderr } = await cli(["types", "one", "--config", config]);
      assert.deepEqual([code, stderr], [0, ""], stderr);
      await writeFile(file, stdout);
      await writeFile(
        join(folder, "use.ts"),
        `
import { type Caller, typed } from "@polyplug/core/host";
import { contract } from "./words.ts";
export async function use(caller: Caller): Promise<readonly [number | undefined, string | null]> {
  const { counts, longest } = await typed(caller, contract).words.count({ text: "a b a", fold: true, most: null });
  return [counts["a"], longest];
}
`,
      );
      assert.deepEqual(await typeErrors(folder, ["use.ts"]), []);
      const contract = await contractOf(file);
      await withHost({ words: { exec, features: ["info"] } }, async (host) => {
        const { words } = typed(host.get("words"), contract) as unknown as Functions;
        assert.deepEqual(await words?.["count"]?.({ text: "To be or not TO be", fold: true }), {
          counts: { to: 2, be: 2, or: 1, not: 1 },
          longest: "not",
        });
        assert.deepEqual(await words?.["count"]?.({ text: "", fold: undefined }), { counts: {}, longest: null });
        await assert.rejects(async () => await words?.["count"]?.({ text: 7 }), { code: "exec.invalid_input", message: /text: / });
      });
    });
  });
});

test("D22: a plugin in TypeScript has a contract too, the same each time, and --json tells what is in it", async () => {
  await withProject(typescriptPlugin("tests/fixtures/storage.ts"), async (folder, config) => {
    const [first, again, json] = [
      await cli(["types", "one", "--config", config]),
      await cli(["types", "one", "--config", config]),
      await cli(["types", "one", "--json", "--config", config]),
    ];
    assert.deepEqual([first.code, first.stderr], [0, "Left out store.raw: it takes and gives bytes\n"]);
    assert.equal(first.stdout, again.stdout);
    assert.deepEqual(JSON.parse(json.stdout), {
      commands: ["filter.keys", "store.put"],
      leftOut: [{ command: "store.raw", reason: "it takes and gives bytes" }],
      text: first.stdout,
    });
    await writeFile(join(folder, "storage.ts"), first.stdout);
    assert.deepEqual(await typeErrors(folder, ["storage.ts"]), []);
  });
});

test("D22: wrong use, a plugin that tells nothing, and a file of somebody else are told, and nothing is written", async () => {
  await withProject(pythonPlugin("tests/fixtures/process/plain.py"), async (folder, config) => {
    const mine = join(folder, "mine.ts");
    await writeFile(mine, "export const mine = 1;\n");
    const usage = await cli(["types", "--config", config]);
    assert.deepEqual([usage.code, usage.stdout], [2, ""]);
    assert.match(usage.stderr, /^error\[cli\.usage\]: types needs NAME, or --at ADDRESS/);
    const taken = await cli(["types", "one", "--out", mine, "--config", config]);
    assert.deepEqual([taken.code, await readFile(mine, "utf8")], [1, "export const mine = 1;\n"]);
    assert.match(taken.stderr, /^error\[cli\.not_writable\]: ".*mine\.ts" is there and was not made by polyplug types/);
    const plain = await cli(["types", "one", "--config", config]);
    assert.deepEqual([plain.code, plain.stdout], [1, ""]);
    assert.match(plain.stderr, /^error\[caller\.unsupported\]: /);
    const help = await cli(["types", "--help"]);
    assert.match(help.stdout, /Examples:\n {2}polyplug types tables --out tables\.ts\n/);
  });
});

test("D22: --at asks a program that already runs", { skip: languageSkip("python") }, async () => {
  await withHost({ tables: pythonPlugin(TABLES) }, async (host, marker) => {
    await host.get("tables").ready();
    const pid = host.plugins[0]?.pid ?? 0;
    const [, port = ""] = /--port\0(\d+)/.exec(await readFile(`/proc/${pid}/cmdline`, "utf8")) ?? [];
    const running = startCli(["types", "--at", `http://127.0.0.1:${port}`], { env: { TEST_MARKER: marker } });
    const { code, stdout, stderr } = await running.done;
    assert.deepEqual([code, stderr], [0, "Left out table.raw: it takes and gives bytes\n"]);
    assert.match(stdout, /\n {2}"tree\.sum": \{\n/);
  });
});

const EVIL =
  '*/ process.exit(9); /* ` ${process.exit(9)} " \' \\ \n\r\u2028\u2029\u202e @ts-ignore\n@ts-expect-error\n// <reference path="/etc/passwd" /> *\\/';

test(
  "D22: what a hostile plugin writes stays text: names, descriptions, values, fields of the prototype",
  { skip: languageSkip("python") },
  async () => {
    const field = { type: "string", description: EVIL };
    const schema = {
      description: EVIL,
      type: "object",
      properties: { [EVIL]: field, constructor: field, "with-dash": field, "1a": field, quote: { enum: [EVIL, "\ud800"] } },
      required: [EVIL, "toString"],
      $defs: { [EVIL]: { const: { [EVIL]: [EVIL] } } },
      anyOf: [{ $ref: `#/$defs/${encodeURIComponent(EVIL.replaceAll("~", "~0").replaceAll("/", "~1"))}` }, { type: "object" }],
    };
    const proto = JSON.stringify({ description: EVIL, input: schema, output: schema })
      .replace('"properties":{', '"properties":{"__proto__":{"type":"string"},').replace(/\}$/, ',"name":"__proto__"}');
    const name = "a.`${process.exit(9)}`*/\"'\\b\u202e";
    const commands = [
      JSON.stringify({ name, description: EVIL, input: schema, output: schema }),
      JSON.stringify({ name: "at", description: "@ts-expect-error", input: { description: "@ts-expect-error" }, output: true }),
      JSON.stringify({ name: "a\nb", input: schema, output: schema }),
      JSON.stringify({ name: "polyplug.shutdown", input: schema, output: schema }),
      proto,
    ];
    await withFolder(async (told) => {
      const path = join(told, "info.json");
      await writeFile(path, `{"name":${JSON.stringify(EVIL)},"version":"*/","commands":[${commands.join(",")}]}`);
      await withProject(pythonPlugin(TABLES, ["--info", path]), async (folder, config) => {
        const file = join(folder, "evil.ts");
        const { code, stderr } = await cli(["types", "one", "--out", file, "--config", config]);
        assert.equal(code, 0, stderr);
        const text = await readFile(file, "utf8");
        // deno-lint-ignore no-control-regex -- finding control characters is the purpose
        assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\ud800-\udfff]/);
        assert.doesNotMatch(
          text.replaceAll(/"(?:\\.|[^"\\\n])*"/g, '""').replaceAll(/\/\*.*?\*\//gs, ""),
          /\bprocess\b|exit\(|reference|ts-/,
        );
        assert.deepEqual(await typeErrors(folder, ["evil.ts"]), []);
        const contract = await contractOf(file);
        assert.deepEqual(Object.keys(contract), ["__proto__", name, "at"]);
        assert.equal(Object.getPrototypeOf(contract), Object.prototype);
        const validate = contract[name]?.input["~standard"].validate;
        assert.deepEqual(await validate?.({ [EVIL]: "x", toString: 1 }), { value: { [EVIL]: "x", toString: 1 } });
        const { issues } = await validate?.({ [EVIL]: 7, toString: 1 }) ?? {};
        assert.deepEqual(issues?.[0]?.path, [EVIL]);
      });
    });
  },
);

const REFUSED: Readonly<Record<string, readonly [told: unknown, message: RegExp]>> = {
  "null": [null, /answered polyplug\.info with something that is not JSON/],
  "commands that are no list": [{ commands: {} }, /polyplug\.info has no "commands"/],
  "a command without a name": [{ commands: [{ input: true }] }, /polyplug\.info has no "commands"/],
};

for (const [what, [told, message]] of Object.entries(REFUSED)) {
  test(`D22: ${what} in polyplug.info is a typed error`, { skip: languageSkip("python") }, async () => {
    await withFolder(async (folder) => {
      const path = join(folder, "info.json");
      await writeFile(path, bytes(JSON.stringify(told)));
      const config = await writeConfig(folder, { one: pythonPlugin(TABLES, ["--info", path]) });
      const { code, stdout, stderr } = await cli(["types", "one", "--config", config]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /^error\[caller\.bad_response\]: /);
      assert.match(stderr, message);
    });
  });
}
