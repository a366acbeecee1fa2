/**
 * The hello example with the configuration that is committed: its plugins, each in a language, on a runtime or on a wire of its own.
 * @module
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { type Driver, openHost } from "../../host/mod.ts";
import { languageSkip } from "../languages.ts";
import { bytes, pathOf, pythonPlugin, text, withHost } from "../support.ts";

const plugins = [
  { name: "hello-deno", skip: false },
  { name: "hello-bun", skip: false },
  { name: "hello-node", skip: false },
  { name: "hello-grpc", skip: false },
  { name: "hello-connect", skip: false },
  { name: "hello-python", skip: languageSkip("python") },
];

for (const { name, skip } of plugins) {
  test(`examples/hello: ${name} greets, echoes, fails and hashes`, { skip }, async () => {
    await using host = await openHost("main", { config: pathOf("examples/hello/config.toml") });
    const hello = host.get(name);
    assert.equal(await hello.ping(), "pong");
    assert.equal(text(await hello.exec("hello.world")), "Hello, world!");
    for (const size of [0, 1, 255, 70_000]) {
      const payload = new Uint8Array(randomBytes(size));
      assert.deepEqual(await hello.exec("hello.echo", payload), payload);
    }
    const payload = bytes("polyplug ü");
    assert.deepEqual(await hello.exec("test.sha256", payload), new Uint8Array(createHash("sha256").update(payload).digest()));
    const refusal = { code: "hello.refused", message: "You asked me to fail: now", origin: "plugin" };
    await assert.rejects(hello.exec("hello.fail", bytes("now")), refusal);
    await assert.rejects(hello.exec("hello.none"), { code: "exec.unknown_command", origin: "plugin" });
  });
}

test("examples/hello: hello-python answers many calls at once", { skip: languageSkip("python") }, async () => {
  await using host = await openHost("main", { config: pathOf("examples/hello/config.toml") });
  const hello = host.get("hello-python");
  const payloads = Array.from({ length: 200 }, (_, index) => bytes(`call ${index}`));
  const answers = await Promise.all(payloads.map((payload) => hello.exec("hello.echo", payload)));
  assert.deepEqual(answers, payloads);
});

test("examples/hello: hello-python answers calls on a kept connection without delay", { skip: languageSkip("python") }, async () => {
  await using host = await openHost("main", { config: pathOf("examples/hello/config.toml") });
  const hello = host.get("hello-python");
  const payload = new Uint8Array(10_000);
  const times: number[] = [];
  for (let call = 0; call < 50; call++) {
    const start = performance.now();
    await hello.exec("hello.echo", payload);
    times.push(performance.now() - start);
  }
  const median = times.toSorted((a, b) => a - b)[25] ?? Infinity;
  // A delayed acknowledgement costs 40 ms; the answer itself takes about one.
  assert.ok(median < 20, `the median of 50 calls is ${median.toFixed(1)} ms`);
});

/** Sends HTTP as a person with curl would: the "command" is method and path, the payload is the body, the answer status and code. */
const plainHttp: Driver = (endpoint) => {
  if (endpoint.kind !== "tcp") throw new TypeError(`Not a TCP endpoint: ${endpoint.kind}`);
  const send = (path: string, init?: RequestInit) => fetch(new URL(path, endpoint.url), { ...init, headers: { connection: "close" } });
  return {
    async ping() {
      const answer = await send("/ping");
      assert.deepEqual([answer.status, await answer.json()], [200, { status: "success", data: { response: "pong" } }]);
      return "pong";
    },
    async exec(command, payload = new Uint8Array(0)) {
      const [method = "", path = ""] = command.split(" ");
      const answer = await send(path, method === "POST" ? { method, body: new Uint8Array(payload) } : { method });
      const { status, data, code } = await answer.json() as { status: string; data: { response: string } | null; code?: string };
      return bytes(`${answer.status} ${status} ${data?.response ?? code}`);
    },
    close: () => Promise.resolve(),
  };
};

test("examples/hello: hello-python answers as WIRE.md says, errors too", { skip: languageSkip("python") }, async () => {
  const hello = { ...pythonPlugin("examples/hello/hello.py"), comm_type: "plain" };
  await withHost({ hello }, async (host) => {
    const send = async (route: string, body = "") => text(await host.get("hello").exec(route, bytes(body)));
    assert.equal(await send("POST /exec", '{"command":"hello.echo","payload":"C3bA"}'), "202 success c3ba");
    assert.equal(await send("POST /exec", '{"command":"hello.echo","payload":"","more":1}'), "202 success ");
    assert.equal(await send("POST /exec", '{"command":"hello.none","payload":""}'), "400 error exec.unknown_command");
    assert.equal(await send("POST /exec", '{"command":"hello.fail","payload":""}'), "500 error hello.refused");
    const malformed = [
      "",
      "x",
      "[]",
      "{}",
      '{"command":"hello.echo"}',
      '{"payload":""}',
      '{"command":[],"payload":""}',
      '{"command":"hello.echo","payload":7}',
      '{"command":"hello.echo","payload":"6"}',
      '{"command":"hello.echo","payload":"6 1a"}',
      '{"command":"hello.echo","payload":"zz"}',
    ];
    for (const body of malformed) assert.equal(await send("POST /exec", body), "400 error exec.bad_request", body);
    assert.equal(await send("POST /other", "{}"), "404 error exec.not_found");
    assert.equal(await send("GET /exec"), "404 error exec.not_found");
  }, { drivers: { plain: plainHttp } });
});
