/**
 * Row A17: the author's side: ten lines, started by hand, called with curl, on every runtime.
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { toolSkip } from "../languages.ts";
import { assertNoneLeft, bytes, pathOf, RUNTIME, type Runtime, RUNTIMES, text, typescriptPlugin, withHost } from "../support.ts";

const FILE = "tests/fixtures/ten_lines.ts";

/** Starts a plugin as a person at a terminal would, its stdin kept open. */
function startByHand(runtime: Runtime, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const { exec_args } = typescriptPlugin(FILE, args, runtime);
  return spawn(runtime, exec_args as string[], { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
}

/** Collects a stream's text until it matches. */
async function readUntil(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<string> {
  let all = "";
  for await (const chunk of stream ?? []) {
    all += chunk;
    if (pattern.test(all)) return all;
  }
  throw new Error(`The stream ended without ${pattern}: ${all}`);
}

/** Everything a process writes and how it ends. */
async function run(command: string, args: readonly string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  const child = spawn(command, [...args], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  const [stdout, stderr] = await Promise.all([readAll(child.stdout), readAll(child.stderr)]);
  return { stdout, stderr, code: (await exited)[0] };
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let all = "";
  for await (const chunk of stream) all += chunk;
  return all;
}

test("A17: a plugin takes at most ten lines", async () => {
  const lines = (await readFile(pathOf(FILE), "utf8")).trimEnd().split("\n").filter((line) => line !== "");
  assert.ok(lines.length <= 10, `${lines.length} lines`);
});

for (const runtime of RUNTIMES) {
  test(`A17: the same file runs on ${runtime}, called by a host on ${RUNTIME}`, async () => {
    await withHost({ upper: typescriptPlugin(FILE, [], runtime) }, async (host) => {
      assert.equal(text(await host.get("upper").exec("text.upper", bytes("grüße"))), "GRÜSSE");
    });
  });
}

test("A17: started by hand it says how to call it with curl, and that line works when pasted", { skip: toolSkip("curl") }, async () => {
  const marker = crypto.randomUUID();
  const child = startByHand(RUNTIME, [], { TEST_MARKER: marker });
  const said = await readUntil(child.stderr, /\/exec\n/);
  const line = said.split("\n").find((candidate) => candidate.trim().startsWith("curl ")) ?? "";
  const answer = await run("/bin/sh", ["-c", line]);
  assert.equal(answer.stdout, "HELLO", answer.stderr);
  process.kill(child.pid ?? 0, "SIGTERM");
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
  await assertNoneLeft(marker);
});

for (
  const spelling of [["--port", "0"], ["-port=0"], ["--port=0"], ["-port", "0"], ["--unknown", "x", "--port=99999999", "--port", "0", "-v"]]
) {
  test(`A17: serve() takes ${spelling.join(" ")}, the last port winning`, async () => {
    const child = startByHand(RUNTIME, spelling);
    assert.match(await readUntil(child.stderr, /\/exec\n/), /http:\/\/127\.0\.0\.1:\d+\/exec/);
    child.stdin?.end();
    assert.equal((await once(child, "exit"))[0], 0);
  });
}

for (
  const [fault, message] of [
    ["--port=http", /--port must be a number from 0 to 65535, not "http"/],
    ["--port=70000", /--port must be a number from 0 to 65535, not "70000"/],
    ["--comm-type=smoke", /--comm-type smoke is not served/],
    ["--listen=0.0.0.0", /--listen 0\.0\.0\.0 would let other machines call this plugin/],
  ] as const
) {
  test(`A17: serve() ends with one clear line at ${fault}`, async () => {
    const { exec_args } = typescriptPlugin(FILE, [fault]);
    const { stdout, stderr, code } = await run(RUNTIME, exec_args as string[]);
    assert.equal(code, 2);
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.equal(stdout, "");
  });
}

test("A17: serve() ends with one clear line when its port is taken", async () => {
  const first = startByHand(RUNTIME, []);
  const said = await readUntil(first.stderr, /\/exec\n/);
  const port = /127\.0\.0\.1:(\d+)/.exec(said)?.[1] ?? "";
  const { exec_args } = typescriptPlugin(FILE, ["--port", port]);
  const { stderr, code } = await run(RUNTIME, exec_args as string[]);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`Cannot listen on 127\\.0\\.0\\.1, port ${port}`));
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  process.kill(first.pid ?? 0, "SIGINT");
  assert.equal((await once(first, "exit"))[0], 0);
});

test("A17: serve() without a common version says its own and exits", async () => {
  const child = startByHand(RUNTIME, [], { POLYPLUG_PROTOCOL: "7,8" });
  assert.equal(await readAll(child.stdout as NodeJS.ReadableStream), '{"polyplug":1}\n');
});

test("A17: importing a plugin's file starts nothing", async () => {
  const { upper } = await import("../fixtures/ten_lines.ts");
  assert.equal(upper.name, "upper");
  assert.equal(process.listenerCount("SIGTERM"), 0);
});
