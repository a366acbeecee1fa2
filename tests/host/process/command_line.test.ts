/**
 * Row A5, command line: WIRE.md section 1 as a table, then with programs that are really started.
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { commandLine, portFromArgs } from "../../../host/process/command_line.ts";
import { reservePort } from "../../../host/process/ports.ts";
import { languageSkip } from "../../languages.ts";
import { pythonPlugin, text, typescriptPlugin, withHost } from "../../support.ts";

const plain = pythonPlugin("tests/fixtures/process/plain.py");
const skip = languageSkip("python");

/** `exec_args`, the port that they name, and what they become with port 5000 in both dialects. */
const rules: readonly [args: string[], named: number, seed: string[], goplugin1?: string[]][] = [
  [[], 0, ["--port", "5000"], ["-port", "5000"]],
  [["serve", "-v"], 0, ["serve", "-v", "--port", "5000"], ["serve", "-v", "-port", "5000"]],
  [["--port", "8080"], 8080, ["--port", "5000"]],
  [["-port", "8080"], 8080, ["-port", "5000"]],
  [["--port=8080"], 8080, ["--port=5000"]],
  [["-port=8080"], 8080, ["-port=5000"]],
  [["a", "--port", "8080", "b"], 8080, ["a", "--port", "5000", "b"]],
  [["a", "-port=8080", "b"], 8080, ["a", "-port=5000", "b"]],
  [["--port", "0"], 0, ["--port", "5000"]],
  [["--port=0"], 0, ["--port=5000"]],
  [["--port="], 0, ["--port=5000"]],
  [["--port"], 0, ["--port", "5000"]],
  [["--port=http"], 0, ["--port=5000"]],
  [["--port=65536"], 0, ["--port=5000"]],
  [["--port=65535"], 65535, ["--port=5000"]],
  [["--port", "8080", "--port=8081"], 8081, ["--port", "5000", "--port=5000"]],
  [["--port=8081", "-port", "0"], 0, ["--port=5000", "-port", "5000"]],
  [["{port}"], 0, ["5000"]],
  [["--listen", "127.0.0.1:{port}"], 0, ["--listen", "127.0.0.1:5000"]],
  [["{port}{port}", "-p{port}"], 0, ["50005000", "-p5000"]],
  [["--port", "{port}"], 0, ["--port", "5000"]],
  [["--admin-port", "9", "{port}"], 0, ["--admin-port", "9", "5000"]],
  [["--ports", "8080"], 0, ["--ports", "8080", "--port", "5000"], ["--ports", "8080", "-port", "5000"]],
  [["--admin-port=8080"], 0, ["--admin-port=8080", "--port", "5000"], ["--admin-port=8080", "-port", "5000"]],
  [["---port=8080"], 0, ["---port=8080", "--port", "5000"], ["---port=8080", "-port", "5000"]],
  [["port=8080", "p"], 0, ["port=8080", "p", "--port", "5000"], ["port=8080", "p", "-port", "5000"]],
  [["-p", "8080"], 0, ["-p", "8080", "--port", "5000"], ["-p", "8080", "-port", "5000"]],
];

for (const [args, named, seed, goplugin1 = seed] of rules) {
  test(`A5: commandLine() and portFromArgs() with exec_args ${JSON.stringify(args)}`, () => {
    const given = [...args];
    assert.equal(portFromArgs(given), named);
    assert.deepEqual(commandLine(given, 5000, "seed"), seed);
    assert.deepEqual(commandLine(given, 5000, "goplugin-1"), goplugin1);
    assert.deepEqual(given, args, "the configuration's own list was changed");
  });
}

/** The port of each launch stands where it should, and it is the one on which the plugin is called. */
const launches: readonly [title: string, more: Record<string, unknown>, expected: RegExp][] = [
  ["{port} is filled in", { exec_args: ["at-port={port}"] }, /^at-port=(\d+)$/],
  ["--port N is rewritten in place", { exec_args: ["a", "--port", "1", "b"] }, /^a --port (\d+) b$/],
  ["-port N is rewritten in place", { exec_args: ["a", "-port", "1", "b"] }, /^a -port (\d+) b$/],
  ["--port=N is rewritten in place", { exec_args: ["a", "--port=1", "b"] }, /^a --port=(\d+) b$/],
  ["-port=N is rewritten in place", { exec_args: ["a", "-port=1", "b"] }, /^a -port=(\d+) b$/],
  ["--port N is appended", { exec_args: ["a"] }, /^a --port (\d+)$/],
  ["-port N is appended in the dialect goplugin-1", { exec_args: ["a"], dialect: "goplugin-1" }, /^a -port (\d+)$/],
];

for (const [title, { exec_args, ...more }, expected] of launches) {
  test(`A5: a plugin is started so that ${title}`, { skip }, async () => {
    const chosen = await reservePort();
    chosen.release();
    const plugin = { ...plain, ...more, exec_args: [...plain["exec_args"] as string[], ...exec_args as string[]], comm_port: chosen.port };
    await withHost({ plugin }, async (host) => {
      const args: string[] = JSON.parse(text(await host.get("plugin").exec("test.args")));
      assert.equal(expected.exec(args.join(" "))?.[1], String(chosen.port));
    });
  });
}

test("A5: a port in exec_args is used when there is no comm_port", { skip }, async () => {
  const chosen = await reservePort();
  chosen.release();
  const plugin = pythonPlugin("tests/fixtures/process/plain.py", ["--port", String(chosen.port)]);
  await withHost({ plugin }, async (host) => {
    const args = JSON.parse(text(await host.get("plugin").exec("test.args")));
    assert.deepEqual(args, ["--port", String(chosen.port)]);
  });
});

test("A5: without comm_port, or with 0, each launch gets a free port", { skip }, async () => {
  const zero = pythonPlugin("tests/fixtures/process/plain.py", ["--port=0"]);
  await withHost({ absent: plain, zero: { ...zero, comm_port: 0 }, text: { ...plain, comm_port: "0" } }, async (host) => {
    await host.startAll();
    const answers = await Promise.all(host.plugins.map(({ name }) => host.get(name).exec("test.args")));
    const ports = answers.map((answer) => portFromArgs(JSON.parse(text(answer))));
    assert.equal(new Set(ports).size, 3);
    assert.ok(ports.every((port) => port > 1023), ports.join());
  });
});

test("A5: two plugins with --port 8080 in exec_args and a comm_port each run on theirs", { skip }, async () => {
  const [first, second] = [await reservePort(), await reservePort()];
  first.release();
  second.release();
  const python = pythonPlugin("tests/fixtures/process/plain.py", ["--port", "8080"]);
  const workbench = typescriptPlugin("tests/fixtures/workbench.ts", ["--port", "8080"]);
  await withHost({
    python: { ...python, comm_port: first.port },
    workbench: { ...workbench, comm_port: String(second.port) },
  }, async (host) => {
    await host.startAll();
    for (const [name, { port }] of [["python", first], ["workbench", second]] as const) {
      assert.equal(await host.get(name).ping(), "pong");
      const pid = host.plugins.find((plugin) => plugin.name === name)?.pid;
      const commandLine = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
      assert.deepEqual(commandLine.slice(-3), ["--port", String(port), ""]);
      assert.equal((await fetch(`http://127.0.0.1:${port}/ping`)).status, 200);
    }
  });
});
