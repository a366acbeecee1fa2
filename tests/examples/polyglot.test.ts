/**
 * Row B4: hello over REST in Python, Go, Java and Rust, and over gRPC in Python and Go, each as small as promised, each right by the contract.
 *
 * What must be built comes from `deno task build:examples`, and so does its configuration.
 * @module
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { conform } from "../../host/conform/conform.ts";
import { type HttpAnswer, type HttpEndpoint, type HttpLine, openHttpLine } from "../../host/conform/http_line.ts";
import { formatReport } from "../../host/conform/report.ts";
import { isGroupAlive } from "../../host/process/group.ts";
import { type Driver, type Host, openHost } from "../../host/mod.ts";
import { openGrpcCaller } from "../../protocol/grpc/caller.ts";
import { openRestCaller } from "../../protocol/rest/caller.ts";
import { languageSkip, missingLanguage } from "../languages.ts";
import { bytes, measureLagMs, pathOf, text } from "../support.ts";

const CONFIG = pathOf("examples/hello/config.toml");
const BUILT_CONFIG = pathOf("examples/hello/config.local.toml");
/** Every byte there is. */
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);

const REST_PLUGINS = [
  { name: "hello-python", language: "python", source: "hello.py", comment: /^#/ },
  { name: "hello-go", language: "go", source: "hello-go/main.go", comment: /^\/\// },
  { name: "hello-java", language: "java", source: "hello-java/HelloJava.java", comment: /^(\/\/|\/?\*)/ },
  { name: "hello-rust", language: "rust", source: "hello-rust/src/main.rs", comment: /^\/\// },
] as const;
/** Of the two dialects, one each. */
const GRPC_PLUGINS = [
  { name: "hello-python-grpc", language: "python", source: "hello-python-grpc/hello_grpc.py", comment: /^#/, dialect: "seed" },
  { name: "hello-go-grpc", language: "go", source: "hello-go-grpc/main.go", comment: /^\/\//, dialect: "goplugin-1" },
] as const;
const PLUGINS = [...REST_PLUGINS, ...GRPC_PLUGINS];

for (const { source, comment } of PLUGINS) {
  test(`B4: examples/hello/${source} has at most 60 lines of code, none longer than 140 characters`, () => {
    const lines = readFileSync(pathOf(`examples/hello/${source}`), "utf8").trimEnd().split("\n");
    const code = lines.map((line) => line.trim()).filter((line) => line !== "" && !comment.test(line));
    assert.ok(code.length <= 60, `it has ${code.length} lines of code`);
    assert.deepEqual(lines.filter((line) => line.length > 140), []);
  });
}

for (const { name, language } of PLUGINS) {
  const skip = skipOf(name, language);

  test(`B4: ${name} greets, echoes every byte, hashes, and fails as it wants`, { skip }, async () => {
    await withHello(name, async (host) => {
      const hello = host.get(name);
      assert.equal(await hello.ping(), "pong");
      assert.equal(text(await hello.exec("hello.world")), "Hello, world!");
      for (const payload of [new Uint8Array(0), ALL_BYTES, new Uint8Array(randomBytes(1024 * 1024))]) {
        assert.deepEqual(await hello.exec("hello.echo", payload), payload);
        const sum = createHash("sha256").update(payload).digest();
        assert.deepEqual(await hello.exec("test.sha256", payload), new Uint8Array(sum));
      }
      const refusal = { code: "hello.refused", message: 'You asked me to fail: "\\ü\n\u0001😀', origin: "plugin" };
      await assert.rejects(hello.exec("hello.fail", bytes('"\\ü\n\u0001😀')), refusal);
    });
  });

  test(`B4: ${name} refuses unknown commands, whatever their name`, { skip }, async () => {
    await withHello(name, async (host) => {
      const names = ["hello.none", "constructor", 'a"b\\c/d', "ü😀", "x".repeat(255)];
      for (const command of names) await assert.rejects(host.get(name).exec(command), { code: "exec.unknown_command", origin: "plugin" });
    });
  });

  test(`B4: ${name} ends by itself when its stdin ends, and leaves nothing behind`, { skip }, async () => {
    await withHello(name, async (host) => {
      const pid = host.plugins.find((plugin) => plugin.name === name)?.pid;
      assert.ok(pid !== undefined);
      const started = performance.now();
      await host.stop(name);
      const took = performance.now() - started;
      const exit = host.plugins.find((plugin) => plugin.name === name)?.lastExit;
      assert.deepEqual([exit?.code, exit?.signal, exit?.stderr], [0, null, ""]);
      assert.equal(await isGroupAlive(pid), false);
      assert.ok(took < 250 + 10 * await measureLagMs(), `it took ${took.toFixed(0)} ms`);
    });
  });
}

for (const { name, language } of REST_PLUGINS) {
  const skip = skipOf(name, language);

  test(`B4: ${name} reads JSON in every form and refuses what is none`, { skip }, async () => {
    await withHello(name, async (_host, line) => {
      const exec = async (body: string) => summary(await ask(await line(), "POST /exec", body));
      assert.deepEqual(await exec('\n{ "payload" :"C3bA", "command": "hello\\u002eecho" }\t'), [202, "c3ba"]);
      const nested = '{"more":{"command":"hello.none","payload":[{"payload":"}"}]},"command":"hello.echo","payload":"61","n":-1.5e3}';
      assert.deepEqual(await exec(nested), [202, "61"]);
      for (const body of MALFORMED) assert.deepEqual(await exec(body), [400, "exec.bad_request"], body);
      assert.deepEqual(summary(await ask(await line(), "GET /exec")), [404, "exec.not_found"]);
      assert.deepEqual(summary(await ask(await line(), "POST /other", "{}")), [404, "exec.not_found"]);
    });
  });

  test(`B4: ${name} answers two connections that are held open, without delay, while a third is slow`, { skip }, async () => {
    await withHello(name, async (_host, line) => {
      const [first, second, slow] = [await line(), await line(), await line()];
      const payload = "61".repeat(10_000);
      const call = JSON.stringify({ command: "hello.echo", payload });
      const slowCall = slow.encode({ method: "POST", path: "/exec", body: call });
      await slow.write(slowCall.subarray(0, 5_000));
      const times: number[] = [];
      for (let round = 0; round < 40; round++) {
        const started = performance.now();
        for (const each of [first, second]) assert.deepEqual(summary(await ask(each, "POST /exec", call)), [202, payload]);
        times.push((performance.now() - started) / 2);
      }
      const median = times.toSorted((a, b) => a - b)[20] ?? Infinity;
      // A delayed acknowledgement costs 40 ms.
      assert.ok(median < 2 + 10 * await measureLagMs(), `the median of the calls is ${median.toFixed(1)} ms`);
      await slow.write(slowCall.subarray(5_000));
      assert.deepEqual(summary(await slow.read()), [202, payload]);
    });
  });

  test(`B4: ${name} conforms to core`, { skip }, async () => {
    await withHello(name, async (_host, _line, endpoint) => {
      const report = await conform({ address: addressOf(endpoint) });
      assert.deepEqual([report.failed, report.skipped, report.passed > 20], [0, 0, true], formatReport(report));
    });
  });
}

for (const { name, language, dialect } of GRPC_PLUGINS) {
  const skip = skipOf(name, language);

  test(`B4: ${name} conforms to core`, { skip }, async () => {
    await withHello(name, async (_host, _line, endpoint) => {
      const report = await conform({ address: addressOf(endpoint), commType: "grpc", dialect });
      assert.deepEqual([report.failed, report.skipped, report.passed > 10], [0, 0, true], formatReport(report));
    });
  });

  test(`B4: ${name} takes and gives messages over 4 MiB, the limit of gRPC's libraries`, { skip }, async () => {
    await withHello(name, async (host) => {
      const payload = new Uint8Array(randomBytes(5 * 1024 * 1024));
      assert.deepEqual(await host.get(name).exec("hello.echo", payload), payload);
    });
  });

  test(`B4: ${name} answers many calls at once on one connection`, { skip }, async () => {
    await withHello(name, async (host) => {
      const payloads = Array.from({ length: 200 }, (_, index) => bytes(`call ${index}`));
      const answers = await Promise.all(payloads.map((payload) => host.get(name).exec("hello.echo", payload)));
      assert.deepEqual(answers, payloads);
    });
  });
}

test("B4: what is built is built of the sources as they are", { skip: !existsSync(BUILT_CONFIG) && "nothing is built" }, () => {
  const builtAt = statSync(BUILT_CONFIG).mtimeMs;
  const built = PLUGINS.filter(({ name }) => !isIn(CONFIG, name) && isIn(BUILT_CONFIG, name)).map(({ source }) => source);
  const changed = built.filter((source) => statSync(pathOf(`examples/hello/${source}`)).mtimeMs > builtAt);
  assert.deepEqual(changed, [], "after an edit run: deno task build:examples");
});

const MALFORMED = [
  "",
  "x",
  "null",
  "[]",
  "{}",
  '{"command":"hello.echo"}',
  '{"payload":""}',
  '{"command":[],"payload":""}',
  '{"command":"hello.echo","payload":7}',
  '{"command":"hello.echo","payload":null}',
  '{"command":"hello.echo","payload":"6"}',
  '{"command":"hello.echo","payload":"6 1a"}',
  '{"command":"hello.echo","payload":"zz"}',
  '{"command":"hello.echo","payload":"61"',
  '{"more":{"command":"hello.echo","payload":"61"}}',
];

/** The language is missing, or it is here but nobody has built the plugin. */
function skipOf(name: string, language: typeof PLUGINS[number]["language"]): string | false {
  const skip = languageSkip(language);
  if (skip) return skip;
  if (process.env["POLYPLUG_REQUIRE_ALL"] || isIn(CONFIG, name) || isIn(BUILT_CONFIG, name)) return false;
  return `${missingLanguage}${language} (not built: run \`deno task build:examples\`)`;
}

function isIn(config: string, name: string): boolean {
  return existsSync(config) && readFileSync(config, "utf8").includes(`[plugins.${name}]`);
}

function addressOf(endpoint: HttpEndpoint): string {
  return endpoint.kind === "tcp" ? endpoint.url.origin : `unix:${endpoint.path}`;
}

/** Starts the plugin and hands on its host, a way to open connections to it that are closed afterwards, and where it listens. */
async function withHello(
  name: string,
  use: (host: Host, line: () => Promise<HttpLine>, endpoint: HttpEndpoint) => Promise<void>,
): Promise<void> {
  const endpoints: HttpEndpoint[] = [];
  const noting = (open: Driver): Driver => (endpoint, options) => {
    if (endpoint.kind !== "pipes") endpoints.push(endpoint);
    return open(endpoint, options);
  };
  const drivers = { rest: noting(openRestCaller), grpc: noting(openGrpcCaller) };
  const lines: HttpLine[] = [];
  await using host = await openHost("main", { config: isIn(CONFIG, name) ? CONFIG : BUILT_CONFIG, drivers });
  await host.start(name);
  const endpoint = endpoints[0];
  assert.ok(endpoint !== undefined);
  try {
    await use(host, async () => {
      const line = await openHttpLine(endpoint, { mostBytes: 1024 * 1024, signal: AbortSignal.timeout(10_000) });
      lines.push(line);
      return line;
    }, endpoint);
  } finally {
    for (const line of lines) line.close();
  }
}

async function ask(line: HttpLine, route: string, body = ""): Promise<HttpAnswer> {
  const [method = "", path = ""] = route.split(" ");
  await line.write(line.encode({ method, path, body }));
  return await line.read();
}

/** Status, and the response or the error's code. */
function summary({ status, body }: HttpAnswer): readonly [status: number, said: unknown] {
  const { data, code } = JSON.parse(text(body)) as { data?: { response?: unknown } | null; code?: unknown };
  return [status, data?.response ?? code];
}
