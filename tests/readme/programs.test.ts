/**
 * The programs that the READMEs show, written out and run as they stand there.
 * @module
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { languageSkip } from "../languages.ts";
import { bytes, pathOf, pythonPlugin, ROOT, RUNTIME, text, typescriptPlugin, withHost } from "../support.ts";
import { blockOf, blocksOf, DOCUMENTS, withInnerFolder, writePluginAndConfig } from "./blocks.ts";

/** How each block begins that a test of this folder runs, or that of row B10 (the flags) and tests/clean_clone.sh (the two commands). */
const RUN = {
  "README.md": [
    "npx -y deno task demo",
    "// plugin.ts",
    "upper 1.0.0",
    "# plugin.py",
    "// plugin.go",
    "# config.toml",
    "// app.ts",
    "// watch.ts",
    "// db.ts",
    "// logtape.ts",
    "// pino.ts",
    "// otel.ts",
    "// shop.ts",
    "# shop.toml",
    "// sells.ts",
    "// inside.ts",
    "deno run",
  ],
  "protocol/README.md": [
    '→ {"jsonrpc":"2.0","id":1,',
    '→ {"jsonrpc":"2.0","id":3,',
    'echo \'{"jsonrpc"',
    "# back.py",
    "curl -N",
    "curl http",
    "curl -H 'content-type: application/json' -d '{}'",
  ],
};

test("README: every code block is one that a test runs", async () => {
  for (const document of DOCUMENTS) {
    const blocks = await blocksOf(document);
    assert.deepEqual(blocks.filter(({ text }) => !RUN[document].some((start) => text.startsWith(start))), []);
    assert.equal(blocks.length, RUN[document].length);
  }
});

test("README: the host calls the plugin, both in TypeScript", async () => {
  await withInnerFolder(async (folder) => {
    await writePluginAndConfig(folder);
    await writeFile(join(folder, "app.ts"), await blockOf("README.md", "// app.ts"));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), "app.ts"];
    const { stdout } = await promisify(execFile)(RUNTIME, args, { cwd: folder });
    assert.equal(stdout, "HELLO\n");
  });
});

test("README: a plugin that is killed comes back", async () => {
  await withInnerFolder(async (folder) => {
    await writePluginAndConfig(folder);
    await writeFile(join(folder, "watch.ts"), await blockOf("README.md", "// watch.ts"));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), "watch.ts"];
    const { stdout } = await promisify(execFile)(RUNTIME, args, { cwd: folder });
    assert.equal(stdout, "ready\nrestarting\nstarting\nready\n");
  });
});

test("README: a plugin calls a service, another plugin, and publishes, with nothing but what is granted", async () => {
  await withInnerFolder(async (folder) => {
    await writePluginAndConfig(folder);
    for (const file of ["shop.ts", "shop.toml", "sells.ts"]) {
      const block = await blockOf("README.md", `${file.endsWith("toml") ? "#" : "//"} ${file}`);
      await writeFile(
        join(folder, file),
        RUNTIME === "deno" ? block : block.replaceAll('"deno"', `"${RUNTIME}"`).replaceAll('"run", "-A", ', ""),
      );
    }
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), "sells.ts"];
    const { stdout } = await promisify(execFile)(RUNTIME, args, { cwd: folder });
    assert.equal(stdout, "A BOOK, signed for shop\nitem.sold A BOOK from shop\n");
  });
});

test("README: a built-in plugin in process and in a worker", async () => {
  await withInnerFolder(async (folder) => {
    await writePluginAndConfig(folder);
    await writeFile(join(folder, "inside.ts"), await blockOf("README.md", "// inside.ts"));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), "inside.ts"];
    const { stdout } = await promisify(execFile)(RUNTIME, args, { cwd: folder });
    assert.equal(stdout, "INSIDE\nBESIDE\n");
  });
});

test("D1: protocol/README: Python calls the host and another plugin in 15 lines of its standard library", async () => {
  await withInnerFolder(async (folder) => {
    const back = await blockOf("protocol/README.md", "# back.py");
    assert.ok(back.trimEnd().split("\n").filter((line) => line !== "").length <= 15);
    await writeFile(join(folder, "back.py"), back);
    const uses =
      'from back import call_host\nCOMMANDS["text.back"] = lambda payload: call_host("kv.get", payload) + call_host("text.upper", b"up", "other")\n';
    const plugin = await blockOf("README.md", "# plugin.py");
    await writeFile(join(folder, "plugin.py"), plugin.replace(/^(?=class )/m, uses));
    const config = { exec: "python3", exec_args: [join(folder, "plugin.py")], exec_file: join(folder, "plugin.py") };
    const grants = { services: ["kv.get"], plugins: { other: ["text.*"] } };
    await withHost({ a: { ...config, grants }, other: config }, async (host) => {
      const answer = await host.get("a").exec("text.back", bytes('{"key":"k"}'));
      assert.equal(text(answer), '{"value":null}UP');
    });
  });
});

/** Sends a program over stdin what the transcript that begins so sends, and asserts that it answers as that does. */
async function assertTranscript(start: string, program: string, args: readonly string[]): Promise<void> {
  const lines = (await blockOf("protocol/README.md", start)).trimEnd().split("\n");
  const said = (mark: string) => lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length));
  const child = execFile(program, [...args]);
  const ended = new Promise((resolve) => child.once("close", resolve));
  let printed = "";
  child.stdout?.on("data", (chunk) => printed += chunk);
  child.stdin?.end(`${said("→ ").join("\n")}\n`);
  await ended;
  assert.deepEqual(printed.trimEnd().split("\n").map((line) => JSON.parse(line)), said("← ").map((line) => JSON.parse(line)));
}

test("D15, D20: protocol/README: what goes over stdio, and the plugin that is called by hand", async () => {
  await assertTranscript('→ {"jsonrpc":"2.0","id":1,', "python3", [pathOf("examples/stdio/plugin.py")]);
  await withInnerFolder(async (folder) => {
    await writePluginAndConfig(folder);
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), join(folder, "plugin.ts"), "--comm-type", "stdio"];
    await assertTranscript('→ {"jsonrpc":"2.0","id":3,', RUNTIME, args);
  });
  const typed = await blockOf("protocol/README.md", 'echo \'{"jsonrpc"');
  const { stdout } = await promisify(execFile)("sh", ["-c", typed], { cwd: ROOT });
  assert.equal(
    text(new Uint8Array(JSON.parse(stdout).result.response.match(/../g).map((pair: string) => Number.parseInt(pair, 16)))),
    "Hello, world!",
  );
});

/** What it writes has braces and percent signs, which loggers may take for places to fill. */
const WRITES = `console.error(JSON.stringify({ level: "warn", message: "{disk} is %s full", free: 3 }));\n`;

/** Runs a block that hands records on, and gives what it prints. */
async function runBridge(name: string): Promise<string> {
  let printed = "";
  await withInnerFolder(async (folder) => {
    await writePluginAndConfig(folder, WRITES);
    await writeFile(join(folder, name), await blockOf("README.md", `// ${name}`));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), name];
    const { stdout, stderr } = await promisify(execFile)(RUNTIME, args, { cwd: folder });
    printed = stdout + stderr;
  });
  return printed;
}

test("README: records of plugins go to LogTape", async () => {
  // LogTape tells in its own words first that it is configured.
  const records = (await runBridge("logtape.ts")).trimEnd().split("\n").filter((line) => line.startsWith("{")).map((line) =>
    JSON.parse(line)
  );
  const { "@timestamp": time, ...record } = records.find(({ logger }) => logger === "plugin.upper");
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(record, {
    level: "WARN",
    message: "{disk} is %s full",
    logger: "plugin.upper",
    properties: { free: 3, stream: "stderr" },
  });
});

test("README: records of plugins go to pino", async () => {
  const { plugin, level, msg, values } = JSON.parse(await runBridge("pino.ts"));
  assert.deepEqual({ plugin, level, msg, values }, {
    plugin: "upper",
    level: 40,
    msg: "{disk} is %s full",
    values: { free: 3, stream: "stderr" },
  });
});

test("README: records of plugins go to OpenTelemetry", async () => {
  const printed = await runBridge("otel.ts");
  for (
    const part of [
      /instrumentationScope: \{\s*name: ["']upper["']/,
      /severityText: ["']warn["']/,
      /severityNumber: 13,/,
      /body: ["']\{disk\} is %s full["']/,
      /attributes: \{\s*free: 3,\s*stream: ["']stderr["'],?\s*\}/,
    ]
  ) assert.match(printed, part);
});

test("README: the plugin that takes a configuration tells its health", async () => {
  await withInnerFolder(async (folder) => {
    await writeFile(join(folder, "db.ts"), await blockOf("README.md", "// db.ts"));
    const db = { ...typescriptPlugin(join(relative(ROOT, folder), "db.ts")), config: { url: "sqlite:x" } };
    await withHost({ db, empty: { ...db, config: {} } }, async (host) => {
      assert.equal(text(await host.get("db").exec("db.url")), "sqlite:x");
      await host.start("empty");
      assert.deepEqual(await host.health(), {
        "test": null,
        "test.db": null,
        "test.db.connection": null,
        "test.empty": null,
        "test.empty.connection": "no address",
      });
    });
  });
});

test("README: the plugin in Python answers", { skip: languageSkip("python") }, async () => {
  await withInnerFolder(async (folder) => {
    await writeFile(join(folder, "plugin.py"), await blockOf("README.md", "# plugin.py"));
    await assertUpper(pythonPlugin(join(relative(ROOT, folder), "plugin.py")));
  });
});

test("README: the plugin in Go answers", { skip: languageSkip("go") }, async () => {
  await withInnerFolder(async (folder) => {
    await writeFile(join(folder, "plugin.go"), await blockOf("README.md", "// plugin.go"));
    await promisify(execFile)("go", ["build", "-o", "plugin", "plugin.go"], { cwd: folder });
    await assertUpper({ exec: join(folder, "plugin") });
  });
});

/** The answers of README's plugins in other languages, which refuse as `conform` asks for it. */
async function assertUpper(plugin: Record<string, unknown>): Promise<void> {
  await withHost({ upper: plugin }, async (host) => {
    const handle = host.get("upper");
    assert.equal(text(await handle.exec("text.upper", bytes("hello"))), "HELLO");
    await assert.rejects(handle.exec("text.lower"), { code: "exec.bad_request", origin: "plugin" });
    assert.equal(await handle.ping(), "pong");
  });
}

test("README: each deno task that it names exists", async () => {
  const { tasks } = JSON.parse(await readFile(pathOf("deno.json"), "utf8"));
  const readme = (await blocksOf("README.md")).map(({ text }) => text).join("");
  const named = [...readme.matchAll(/deno task ([\w:]+)/g)].map(([, name = ""]) => name);
  assert.deepEqual(named.filter((name) => !(name in tasks)), []);
  assert.ok(named.length >= 2);
});
