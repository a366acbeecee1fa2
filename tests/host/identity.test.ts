/**
 * Rows A8 and A15 with real processes: hosts that a plugin lists or does not, a host as goplugin's, and call options that headers cannot carry.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { reservePort } from "../../host/process/ports.ts";
import { rawRequest, sendRaw } from "../protocol/rest/raw_http.ts";
import { assertNoneLeft, bytes, RUNTIME, text, typescriptPlugin, withHost } from "../support.ts";

const picky = typescriptPlugin("tests/fixtures/lists_hosts.ts");

/** Starts the plugin that lists hosts as goplugin's host does, `-port N` and stdin from /dev/null, and waits until it says that it listens. */
async function withPlainStart(env: Record<string, string>, use: (port: number, stderr: string) => Promise<void>): Promise<void> {
  const { port, release } = await reservePort();
  const marker = crypto.randomUUID();
  const { exec_args } = typescriptPlugin("tests/fixtures/lists_hosts.ts", ["-port", String(port)]);
  const child = spawn(RUNTIME, exec_args as string[], {
    env: { ...process.env, ...env, TEST_MARKER: marker },
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    let [stdout, stderr] = ["", ""];
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk) => (stdout += chunk).includes('"address"') && resolve());
      child.stderr.on("data", (chunk) => (stderr += chunk, resolve()));
    });
    await use(port, stderr || stdout);
  } finally {
    process.kill(child.pid ?? 0, "SIGKILL");
    await once(child, "exit");
    release();
    await assertNoneLeft(marker);
  }
}

test("A15: a host as goplugin's, with neither token nor X-Host, uses a plugin started without them, even one that lists hosts", async () => {
  await withPlainStart({}, async (port) => {
    const headers = {
      host: `127.0.0.1:${port}`,
      "user-agent": "Go-http-client/1.1",
      "content-type": "application/json",
      "accept-encoding": "gzip",
    };
    const ping = await sendRaw(port, rawRequest("GET /ping", headers));
    assert.deepEqual([ping.status, ping.body], [200, '{"status":"success","data":{"response":"pong"}}']);
    const call = await sendRaw(port, rawRequest("POST /exec", headers, '{"command":"test.from","payload":""}'));
    assert.deepEqual([call.status, call.body], [202, '{"status":"success","data":{"response":""}}']);
    const named = await sendRaw(
      port,
      rawRequest("POST /exec", { ...headers, "x-host": "stranger" }, '{"command":"test.from","payload":""}'),
    );
    assert.equal(named.status, 403);
  });
});

test("A15: a plugin started with a token refuses a call without it and answers ping", async () => {
  const env = { POLYPLUG_PROTOCOL: "1", POLYPLUG_TOKEN: "ab".repeat(32) };
  await withPlainStart(env, async (port) => {
    const call = '{"command":"test.from","payload":""}';
    const x = { "x-host": "test" };
    assert.equal((await sendRaw(port, rawRequest("GET /ping", x))).status, 200);
    for (const authorization of ["", "Bearer", `Bearer ${"ab".repeat(31)}ac`]) {
      assert.equal((await sendRaw(port, rawRequest("POST /exec", { ...x, authorization }, call))).status, 401);
    }
    assert.equal((await sendRaw(port, rawRequest("POST /exec", { ...x, authorization: `Bearer ${"ab".repeat(32)}` }, call))).status, 202);
  });
});

test("A15: the host calls a plugin that lists it, under its own name", async () => {
  await withHost({ picky }, async (host) => assert.equal(text(await host.get("picky").exec("test.from")), "test"));
});

test("A15: a plugin that does not list the host cannot be started by it, and the error says why", async () => {
  const stranger = { ...typescriptPlugin("tests/fixtures/lists_hosts.ts", ["--only", "another"]), start_timeout: 3 };
  await withHost({ stranger }, async (host) => {
    await assert.rejects(host.get("stranger").ready(), {
      code: "ready.timeout",
      message: /Host "test" is not among the hosts of this plugin: another/,
    });
  });
});

for (const value of ["", "a\r\nx-evil: 1", "a\u0000", "日本", "\ud800", " padded ", "x".repeat(256)]) {
  test(`A8: a request id or trace context of ${JSON.stringify(value.slice(0, 20))}, which no header can carry, is a TypeError and starts nothing`, async () => {
    await withHost({ picky }, async (host) => {
      const handle = host.get("picky");
      await assert.rejects(handle.exec("test.from", undefined, { requestId: value }), { name: "TypeError", message: /^requestId must be/ });
      await assert.rejects(handle.ping({ traceparent: value }), { name: "TypeError", message: /^traceparent must be/ });
      assert.equal(handle.state.kind, "idle");
    });
  });
}

for (const command of ["", "a\r\nx-evil: 1", "\u0000", "\ud800", "x".repeat(256), "polyplug.info", "polyplug"]) {
  test(`A8: the command ${JSON.stringify(command.slice(0, 20))} is a TypeError and starts nothing`, async () => {
    await withHost({ picky }, async (host) => {
      await assert.rejects(host.get("picky").exec(command, bytes("x")), { name: "TypeError", message: /cannot be sent/ });
      assert.equal(host.get("picky").state.kind, "idle");
    });
  });
}
