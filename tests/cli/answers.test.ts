/**
 * Row A18, what the commands answer: on stdout alone, for people and as JSON, and the exit code.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathOf, RUNTIME, typescriptPlugin, withFolder } from "../support.ts";
import { cli, writeConfig } from "./cli.ts";

const workbench = typescriptPlugin("tests/fixtures/workbench.ts");
const escapes = typescriptPlugin("tests/fixtures/escapes.ts");
// deno-lint-ignore no-control-regex -- finding control characters is the purpose
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

async function withConfig(plugins: Record<string, Record<string, unknown>>, use: (config: string, folder: string) => Promise<void>) {
  await withFolder(async (folder) => await use(await writeConfig(folder, plugins), folder));
}

/** A file with its sum, as a plugin. */
async function summed(folder: string, name: string, change: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  await writeFile(join(folder, name), name);
  const sha256 = createHash("sha256").update(name).digest("hex");
  return { exec: RUNTIME, exec_args: [name], exec_file: name, sha256, ...change };
}

test("A18: list gives name, type, file, state of the checksum and whether it is enabled", async () => {
  await withFolder(async (folder) => {
    const plugins = {
      right: await summed(folder, "right.ts"),
      changed: await summed(folder, "changed.ts", { sha256: "ab".repeat(32), enabled: false }),
      gone: { exec: RUNTIME, exec_file: "gone.ts", sha256: "ab".repeat(32) },
      unsummed: { exec: RUNTIME, exec_file: "right.ts", comm_type: "nano" },
      old: await summed(folder, "old.ts", { sha256: undefined, md5: createHash("md5").update("old.ts").digest("hex").toUpperCase() }),
    };
    const config = await writeConfig(folder, plugins);
    const expected = [
      "NAME      TYPE  FILE        CHECKSUM  ENABLED",
      "right     rest  right.ts    ok        yes",
      "changed   rest  changed.ts  changed   no",
      "gone      rest  gone.ts     no file   yes",
      "unsummed  nano  right.ts    none      yes",
      "old       rest  old.ts      md5 only  yes",
    ];
    assert.deepEqual(await cli(["list", "--config", config]), { code: 0, stdout: `${expected.join("\n")}\n`, stderr: "" });
    const { stdout } = await cli(["--json", "list", "--config", config]);
    assert.deepEqual(JSON.parse(stdout)[1], {
      name: "changed",
      type: "rest",
      file: join(folder, "changed.ts"),
      checksum: "changed",
      enabled: false,
    });
  });
});

test("A18: the configuration is found as the library finds it: --config, else GOPLUGIN_DIR", async () => {
  await withConfig({ a: workbench }, async (_config, folder) => {
    const { code, stdout } = await cli(["list"], { env: { GOPLUGIN_DIR: folder } });
    assert.equal(code, 0);
    assert.match(stdout, /^a {5}rest/m);
  });
});

test("A18: check gives every finding at once, and exits with 1 when one is an error", async () => {
  await withFolder(async (folder) => {
    const config = join(folder, "config.toml");
    await writeFile(join(folder, "file.ts"), "x");
    await writeFile(
      config,
      `[plugins.a]
exec = "${RUNTIME}"
exec_file = "file.ts"
exec_args = ["file.ts"]
comm_port = 70000
[plugins.b]
exec = "${RUNTIME}"
exec_file = "file.ts"
exec_args = ["file.ts"]
timeot = 3
comm_type = "nano"
[plugins.c]
exec = "no-such-program"
exec_file = "file.ts"
md5 = "9dd4e461268c8034f5c8564e155c67a6"
exec_args = ["file.ts"]
[plugins.d]
exec = "${RUNTIME}"
exec_file = "file.ts"
exec_args = ["file.ts"]
sha256 = "${createHash("sha256").update("x").digest("hex")}"
dialect = "goplugin-1"
[hosts.one]
plugins = ["a"]
[hosts.two]
plugins = ["b"]
`,
    );
    const { code, stdout, stderr } = await cli(["check", "--config", config]);
    const found = stdout.split("\n").filter((line) => /^\w+\[/.test(line)).map((line) => line.slice(0, 60));
    assert.deepEqual(found, [
      "error[config.invalid]: plugins.a.comm_port must be an integer from 0 to 65535".slice(0, 60),
      'warning[config.invalid]: plugins.b.timeot is not a known key and is ignored; the nearest known one is "timeout"'.slice(0, 60),
      'error[verify.missing_checksum]: Plugin "b" has no checksum for "'.slice(0, 60),
      'warning[caller.unknown_comm_type]: Plugin "b" speaks "nano", for which'.slice(0, 60),
      'error[spawn.not_found]: Cannot start plugin "c": there is no program'.slice(0, 60),
      'note[verify.open]: Plugin "d" speaks goplugin\'s dialect, which has no token'.slice(0, 60),
    ]);
    assert.match(stdout, /: 3 plugins, 3 errors, 2 warnings\n$/);
    assert.deepEqual([code, stderr], [1, ""]);
    const json = JSON.parse((await cli(["check", "--json", "--config", config])).stdout);
    assert.deepEqual([json.errors, json.warnings, json.findings.length], [3, 2, 6]);
    assert.deepEqual(json.findings[0], {
      level: "error",
      code: "config.invalid",
      plugin: "a",
      message: "plugins.a.comm_port must be an integer from 0 to 65535, not 70000",
    });
    const ofTwo = await cli(["check", "--config", config, "--host", "two"]);
    assert.doesNotMatch(ofTwo.stdout, /Plugin "[cd]"/);
  });
});

test("A18: check says what others can write, and is content with a right configuration", async () => {
  await withFolder(async (folder) => {
    await mkdir(join(folder, "p"));
    const config = await writeConfig(folder, { a: await summed(folder, "a.ts") });
    const right = await cli(["check", "--config", config]);
    assert.deepEqual(right, { code: 0, stdout: `${config}: 1 plugin, 0 errors, 0 warnings\n`, stderr: "" });
    await chmod(join(folder, "a.ts"), 0o666);
    const open = await cli(["check", "--config", config]);
    assert.equal(open.code, 0);
    assert.match(open.stdout, /^warning\[verify\.unsafe_permissions\]: .*every user of this machine/);
  });
});

test("A18: check starts nothing", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "plugin.ts"), 'import { writeFileSync } from "node:fs"; writeFileSync("started", "");');
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), "plugin.ts"];
    const config = await writeConfig(folder, { a: { exec: RUNTIME, exec_args: args, exec_file: "plugin.ts" } });
    assert.equal((await cli(["check", "--config", config])).code, 0);
    await assert.rejects(readFile(join(folder, "started")), { code: "ENOENT" });
  });
});

test("A18: ping starts plugins, says how long each took, and stops them", async () => {
  await withConfig({ a: workbench, b: workbench }, async (config) => {
    const { code, stdout, stderr } = await cli(["ping", "a", "b", "--config", config]);
    assert.match(stdout, /^a {2}pong in [\d.]+ ms +started in \d+ ms\nb {2}pong in [\d.]+ ms +started in \d+ ms\n$/);
    assert.deepEqual([code, stderr], [0, ""]);
    const [pong] = JSON.parse((await cli(["ping", "a", "--json", "--config", config])).stdout);
    assert.deepEqual([pong.plugin, typeof pong.startMs, typeof pong.pingMs], ["a", "number", "number"]);
  });
});

test("A18: exec takes a payload as text, stdin, file and hex, and writes the answer's bytes and nothing else", async () => {
  await withConfig({ a: workbench }, async (config, folder) => {
    const file = join(folder, "payload");
    await writeFile(file, Uint8Array.of(0, 255, 10, 128));
    const echo = async (...args: string[]) => await cli(["exec", "a", "test.echo", "--config", config, ...args], { input: "from stdin\n" });
    assert.deepEqual(await echo("some text"), { code: 0, stdout: "some text", stderr: "" });
    assert.deepEqual(await echo(), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(await echo("-"), { code: 0, stdout: "from stdin\n", stderr: "" });
    assert.deepEqual(await echo("--file", file), { code: 0, stdout: "\u0000\u00ff\n\u0080", stderr: "" });
    assert.deepEqual(await echo("--hex", "00FF0a80", "--as", "hex"), { code: 0, stdout: "00ff0a80\n", stderr: "" });
    assert.deepEqual(await echo("--", "-5"), { code: 0, stdout: "-5", stderr: "" });
    const json = JSON.parse((await echo("hi", "--json")).stdout);
    assert.deepEqual(json, { command: "test.echo", bytes: 2, hex: "6869", text: "hi" });
    assert.deepEqual(JSON.parse((await echo("--hex", "ff", "--json")).stdout), { command: "test.echo", bytes: 1, hex: "ff" });
  });
});

test("A18: exec --as json writes JSON as it came, without control characters, and refuses what is none", async () => {
  await withConfig({ a: escapes }, async (config) => {
    const right = await cli(["exec", "a", "test.json", "--as", "json", "--config", config]);
    assert.deepEqual(right, { code: 0, stdout: '{ "big": 9007199254740993, "evil": "\\u009b31m" }\n', stderr: "" });
    const wrong = await cli(["exec", "a", "test.answer", "--as", "json", "--config", config]);
    assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
    assert.match(wrong.stderr, /^error\[caller\.bad_response\]: The answer is not JSON\n/);
  });
});

test("A18: escapes that a plugin throws do not reach the terminal, and its message stays one line", async () => {
  await withConfig({ a: escapes }, async (config) => {
    for (const debug of [[], ["--debug"]]) {
      const { code, stdout, stderr } = await cli(["exec", "a", "test.throw", "--config", config, ...debug]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /^error\[my\.code\]: a answered: a\\x1b\[2Jb\\x9b31mc\\rd\\x07e\\u\{202e\}f\\nerror\[fake\.code\]: forged$/m);
      assert.doesNotMatch(stderr, CONTROLS);
    }
    const { stderr } = await cli(["exec", "a", "test.throw", "--config", config, "--json"]);
    assert.equal(stderr.trimEnd().split("\n").length, 1);
    const { error } = JSON.parse(stderr);
    assert.deepEqual([error.code, error.origin, error.plugin], ["my.code", "plugin", "a"]);
    assert.doesNotMatch(stderr, CONTROLS);
  });
});

test("A18: checksum gives lines for the configuration, and the others when one file is missing", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "abc"), "abc");
    const { code, stdout, stderr } = await cli(["checksum", "abc", "absent"], { cwd: folder });
    assert.equal(
      stdout,
      '# abc\nmd5 = "900150983cd24fb0d6963f7d28e17f72"\nsha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"\n',
    );
    assert.equal(code, 1);
    assert.match(stderr, /^error\[verify\.missing_file\]: Cannot read the file "absent": .*\n {2}hint: /);
    const json = JSON.parse((await cli(["checksum", pathOf("LICENSE"), "--json"])).stdout);
    assert.deepEqual(Object.keys(json[0]), ["file", "md5", "sha256"]);
  });
});

for (const command of ["", "list", "check", "ping", "exec", "run", "conform", "checksum", "register", "unregister"]) {
  test(`A18: ${command || "polyplug"} --help says how it is used, with an example, in 80 columns`, async () => {
    const { code, stdout, stderr } = await cli([...(command === "" ? [] : [command]), "--help"], { env: { COLUMNS: "80" } });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, new RegExp(`^Usage: polyplug ${command}`));
    assert.match(stdout, new RegExp(`\\nExamples?:\\n  polyplug ${command}`));
    assert.ok(Math.max(...stdout.split("\n").map((line) => line.length)) <= 80);
  });
}

test("A18: list and check name the address of a plugin that is attached to, and that it is open", async () => {
  await withConfig({ a: { attach: "http://127.0.0.1:9" } }, async (config) => {
    assert.match((await cli(["list", "--config", config])).stdout, /^a {5}rest {2}http:\/\/127\.0\.0\.1:9 {2}attached {2}yes$/m);
    const { code, stdout } = await cli(["check", "--config", config]);
    assert.equal(code, 0);
    assert.match(stdout, /^note\[verify\.open\]: Plugin "a" is attached to without a token/);
  });
});

test("D3: check shows who may call what, and a capability that two plugins of a host provide", async () => {
  const grants = { services: ["kv.*"], publish: ["item.*"], plugins: { b: ["sign.#"] } };
  await withConfig({
    a: { ...workbench, grants, subscribes: ["item.#"], provides: ["x@1.0.0"] },
    b: { ...workbench, provides: ["x@1.0.0"] },
  }, async (config) => {
    const { code, stdout } = await cli(["check", "--config", config]);
    assert.equal(code, 1);
    assert.match(stdout, /^a may call the services kv\.\*; call sign\.# of b; publish on item\.\*; get events of item\.#$/m);
    assert.match(stdout, /^error\[config\.invalid\]: Plugins "a" and "b" both provide "x@1\.0\.0"$/m);
    const { access } = JSON.parse((await cli(["check", "--json", "--config", config])).stdout);
    assert.deepEqual(access, { a: { services: ["kv.*"], publish: ["item.*"], plugins: { b: ["sign.#"] }, subscribes: ["item.#"] } });
  });
});

test("D20: exec --stream writes the parts as they come, an error after them, and refuses a stream without it", async () => {
  await withFolder(async (folder) => {
    const config = await writeConfig(folder, { a: { ...typescriptPlugin("tests/fixtures/streams.ts") } });
    const stream = async (payload: unknown, ...args: string[]) =>
      await cli(["exec", "a", "streams.make", JSON.stringify(payload), "--config", config, ...args]);
    const hex = await stream({ parts: 3, bytes: 2 }, "--stream", "--as", "hex");
    assert.deepEqual([hex.code, hex.stdout], [0, "0000\n0101\n0202\n"]);
    const json = await stream({ parts: 2, bytes: 1, then: "fail" }, "--stream", "--json");
    assert.equal(json.code, 1);
    assert.deepEqual(json.stdout.trim().split("\n").map((line) => JSON.parse(line).hex), ["00", "01"]);
    assert.match(json.stderr, /streams\.broken/);
    assert.equal((await stream({ parts: 3, bytes: 2 }, "--stream")).stdout, "\0\0\x01\x01\x02\x02");
    const without = await stream({ parts: 3 });
    assert.deepEqual([without.code, without.stdout], [1, ""]);
    assert.match(without.stderr, /exec\.bad_request/);
  });
});

test("D16, D17, D18: list and check show a built-in, roles and what can be called from outside, without the application", async () => {
  await withConfig({
    inside: { comm_type: "builtin", role: "store", expose: ["store.get"] },
    outside: { ...workbench, role: "store", enabled: false },
  }, async (config) => {
    const { stdout, code } = await cli(["check", "--config", config]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^inside may play the role store; be called from outside with store\.get$/m);
    const rows = JSON.parse((await cli(["list", "--json", "--config", config])).stdout);
    assert.deepEqual(rows[0], {
      name: "inside",
      type: "builtin",
      enabled: true,
      role: "store",
      expose: ["store.get"],
      file: "",
      checksum: "built-in",
    });
    const ping = await cli(["ping", "inside", "--config", config]);
    assert.equal(ping.code, 1);
    assert.match(ping.stderr, /caller\.unknown_comm_type.*built-in/);
    const run = await cli(["run", "--config", config]);
    assert.match(run.stderr, /host\.inactive.*no plugin that can be started/, "what only an application has is not run");
  });
});
