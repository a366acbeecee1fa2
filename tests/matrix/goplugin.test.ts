/**
 * Row B5: peers that speak as goplugin 1.0's host and plugin do, written in Go (tests/fixtures/goplugin), with our plugin and our host on
 * the runtime that runs this test.
 *
 * `deno task build:examples` builds them.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import type { Host } from "../../host/mod.ts";
import { encodeHex } from "../../protocol/hex.ts";
import { languageSkip, missingLanguage } from "../languages.ts";
import { bytes, pathOf, processesWith, RUNTIME, text, typescriptPlugin, withHost } from "../support.ts";

const FOLDER = "tests/fixtures/goplugin";
const [GO_HOST, GO_PLUGIN] = [pathOf(`${FOLDER}/build/host`), pathOf(`${FOLDER}/build/plugin`)];
const WIRES = ["rest", "grpc"] as const;
/** What no text can hold, and every byte there is. */
const ODD_BYTES = Uint8Array.of(0xff, 0x00, 0x80, 0x41);
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);
const MEBIBYTE = 1024 * 1024;

const skip = skipReason();

function skipReason(): string | false {
  const missing = languageSkip("go");
  if (missing || process.env["POLYPLUG_REQUIRE_ALL"] || existsSync(GO_HOST) && existsSync(GO_PLUGIN)) return missing;
  return `${missingLanguage}go (not built: run \`deno task build:examples\`)`;
}

test("B5: what is built is built of the sources as they are", { skip }, () => {
  const stale = [["host/main.go", GO_HOST], ["plugin/main.go", GO_PLUGIN]]
    .filter(([source, built]) => statSync(pathOf(`${FOLDER}/${source}`)).mtimeMs > statSync(built ?? "").mtimeMs);
  assert.deepEqual(stale, [], "after an edit run: deno task build:examples");
});

/** What the Go host is to do, and what it tells; payloads and responses are hex here, whatever they are on the wire. */
interface Plan {
  readonly file: string;
  readonly args?: readonly string[];
  readonly comm_type: typeof WIRES[number];
  readonly calls: readonly (readonly [command: string, payload?: Uint8Array])[];
}

interface Told {
  readonly args: readonly string[];
  readonly group: boolean;
  readonly ping: Result;
  readonly calls: readonly Result[];
  readonly stdout: string;
  readonly stderr: string;
}

interface Result {
  readonly response: string;
  readonly error: string;
}

/** Lets the Go host start our plugin on this runtime and call it, and fails when it has left something behind. */
async function callFromGo({ file, args = [], comm_type, calls }: Plan): Promise<Told> {
  const marker = crypto.randomUUID();
  const child = spawn(GO_HOST, [], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, TEST_MARKER: marker } });
  try {
    const { exec, exec_args } = typescriptPlugin(file, args);
    const hexCalls = calls.map(([command, payload = new Uint8Array(0)]) => ({ command, payload: encodeHex(payload) }));
    child.stdin.end(JSON.stringify({ exec, exec_args, exec_time: 1, comm_type, calls: hexCalls }));
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => output += chunk);
    const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
    assert.equal(code, 0);
    assert.deepEqual(await processesWith(marker), []);
    return JSON.parse(output) as Told;
  } finally {
    for (const pid of await processesWith(marker)) process.kill(pid, "SIGKILL");
  }
}

function right(payload: Uint8Array | string): Result {
  return { response: encodeHex(typeof payload === "string" ? bytes(payload) : payload), error: "" };
}

const PONG: Result = { response: "pong", error: "" };
const HELLO = "examples/hello/plugin.ts";
const GOPLUGIN_1 = ["--comm-type", "grpc", "--dialect", "goplugin-1"];

test(`B5: a host of goplugin 1.0 uses a plugin on ${RUNTIME} over REST`, { skip }, async () => {
  const told = await callFromGo({
    file: HELLO,
    comm_type: "rest",
    calls: [["hello.world"], ["hello.echo", ODD_BYTES], ["hello.echo", ALL_BYTES], ["hello.echo"], ["hello.fail"], ["hello.none"], [
      "hello.world",
    ]],
  });
  assert.deepEqual([told.ping, told.group, told.stdout], [PONG, true, ""], told.stderr);
  assert.deepEqual(told.args.slice(-2, -1), ["-port"]);
  assert.match(told.stderr, /^hello 1\.0\.0 listens on http:/);
  const refused = { response: "", error: "Plugin cannot exec" };
  const world = right("Hello, world!");
  assert.deepEqual(told.calls, [world, right(ODD_BYTES), right(ALL_BYTES), right(""), refused, refused, world]);
});

test(`B5: a host of goplugin 1.0 uses a plugin on ${RUNTIME} over gRPC`, { skip }, async () => {
  const large = new Uint8Array(randomBytes(MEBIBYTE));
  const told = await callFromGo({
    file: HELLO,
    args: GOPLUGIN_1,
    comm_type: "grpc",
    calls: [["hello.world"], ["hello.echo", ODD_BYTES], ["hello.echo", ALL_BYTES], ["hello.echo"], ["hello.echo", large], [
      "test.sha256",
      large,
    ]],
  });
  assert.deepEqual([told.ping, told.group, told.stdout], [PONG, true, ""], told.stderr);
  const sum = createHash("sha256").update(large).digest();
  assert.deepEqual(told.calls, [right("Hello, world!"), right(ODD_BYTES), right(ALL_BYTES), right(""), right(large), right(sum)]);
});

test(`B5: a host of goplugin 1.0 gets statuses from a plugin on ${RUNTIME}, and stops at its own limit of 4 MiB`, { skip }, async () => {
  const told = await callFromGo({
    file: HELLO,
    args: GOPLUGIN_1,
    comm_type: "grpc",
    calls: [["hello.fail", bytes("now, ü")], ["hello.none"], ["hello.echo", new Uint8Array(5 * MEBIBYTE)], ["hello.world"]],
  });
  const [failed, unknown, tooLarge, world] = told.calls;
  assert.deepEqual(failed, { response: "", error: "rpc error: code = Unknown desc = You asked me to fail: now, ü" });
  assert.match(unknown?.error ?? "", /^rpc error: code = Unimplemented desc = .*"hello\.none"/);
  assert.match(tooLarge?.error ?? "", /^rpc error: code = ResourceExhausted desc = .* larger than max \(\d+ vs\. 4194304\)$/);
  assert.deepEqual(world, right("Hello, world!"));
});

for (const wire of WIRES) {
  test(
    `B5: a host of goplugin 1.0, which sends no X-Host, uses a plugin on ${RUNTIME} that lists its hosts, over ${wire}`,
    { skip },
    async () => {
      const args = wire === "grpc" ? GOPLUGIN_1 : [];
      const told = await callFromGo({ file: "tests/fixtures/lists_hosts.ts", args, comm_type: wire, calls: [["test.from"]] });
      assert.deepEqual([told.ping, told.calls], [PONG, [right("")]], told.stderr);
    },
  );
}

test(`B5: a host of goplugin 1.0.0-alpha.2 uses a plugin on ${RUNTIME} over gRPC, in hex`, { skip }, async () => {
  const calls = [["hello.echo", bytes("FF008041")], ["hello.world"]] as const;
  const told = await callFromGo({ file: HELLO, args: ["--comm-type", "grpc"], comm_type: "grpc", calls });
  assert.deepEqual([told.ping, told.calls], [PONG, [right("ff008041"), right(encodeHex(bytes("Hello, world!")))]], told.stderr);
});

test(`B5: a plugin on ${RUNTIME} without --dialect refuses raw bytes of a host of goplugin 1.0`, { skip }, async () => {
  const calls = [["hello.echo", ODD_BYTES], ["hello.echo", bytes("Ann")]] as const;
  const told = await callFromGo({ file: HELLO, args: ["--comm-type", "grpc"], comm_type: "grpc", calls });
  for (const { error } of told.calls) assert.match(error, /^rpc error: code = InvalidArgument desc = The payload is not hex/);
});

/** Our host's configuration of the Go plugin. */
function goPlugin(wire: typeof WIRES[number], dialect: "seed" | "goplugin-1" | undefined, args: readonly string[] = []) {
  const table = { exec: GO_PLUGIN, exec_args: ["-type", wire, ...args], exec_file: GO_PLUGIN, comm_type: wire, stop: { stdin: 0.05 } };
  return dialect === undefined ? table : { ...table, dialect };
}

/** What the Go plugin has seen of our host. */
async function seenBy(host: Host): Promise<{ readonly headers: readonly string[]; readonly args: readonly string[] }> {
  return JSON.parse(text(await host.get("peer").exec("peer.seen")));
}

for (const wire of WIRES) {
  test(`B5: a host on ${RUNTIME} uses a plugin of goplugin 1.0 over ${wire}`, { skip }, async () => {
    await withHost({ peer: goPlugin(wire, "goplugin-1") }, async (host) => {
      const peer = host.get("peer");
      assert.equal(await peer.ping(), "pong");
      assert.equal(text(await peer.exec("hello.world")), "Hello World");
      for (const payload of [ODD_BYTES, ALL_BYTES, new Uint8Array(0), bytes("c0ffee"), new Uint8Array(randomBytes(MEBIBYTE))]) {
        assert.deepEqual(await peer.exec("hello.msg", payload), payload);
        assert.equal(text(await peer.exec("peer.size", payload)), `${payload.length} bytes`);
      }
      assert.equal(text(await peer.exec("hello.color")), "c0ffee");
      const { args, headers } = await seenBy(host);
      assert.deepEqual(args.slice(0, 3), ["-type", wire, "-port"]);
      assert.ok(headers.includes("X-Host"));
      assert.ok(!headers.includes("Authorization"), "it never proved that it holds the token, so it is never sent");
    });
  });

  test(`B5: a host on ${RUNTIME} gets the errors of a plugin of goplugin 1.0 over ${wire}, which serves on`, { skip }, async () => {
    const code = wire === "rest" ? "exec.bad_request" : "exec.failed"; // By the status, 400 or Unknown: it has no codes.
    await withHost({ peer: goPlugin(wire, "goplugin-1") }, async (host) => {
      const peer = host.get("peer");
      await assert.rejects(peer.exec("hello.none"), { code, message: "Unknown command", origin: "plugin" });
      await assert.rejects(peer.info(), { code: "caller.unsupported", origin: "host" }); // It is sent no command of ours.
      assert.equal(text(await peer.exec("hello.world")), "Hello World");
      assert.equal(host.plugins[0]?.state.kind, "ready");
    });
  });
}

test(`B5: a host on ${RUNTIME} meets the limit of 4 MiB of a plugin of goplugin 1.0`, { skip }, async () => {
  await withHost({ peer: goPlugin("grpc", "goplugin-1") }, async (host) => {
    const peer = host.get("peer");
    await assert.rejects(peer.exec("hello.msg", new Uint8Array(5 * MEBIBYTE)), { code: "exec.too_large", origin: "plugin" });
    const payload = new Uint8Array(randomBytes(3 * MEBIBYTE));
    assert.deepEqual(await peer.exec("hello.msg", payload), payload);
  });
});

test(`B5: a host on ${RUNTIME} that takes a plugin of goplugin 1.0 for one of the seed is told so`, { skip }, async () => {
  const hint = 'The plugin may speak the other dialect: try dialect = "goplugin-1" in its configuration';
  for (const dialect of ["seed", undefined] as const) {
    await withHost({ peer: goPlugin("grpc", dialect) }, async (host) => {
      const peer = host.get("peer");
      assert.equal(await peer.ping(), "pong");
      await assert.rejects(peer.exec("hello.world"), { code: "caller.bad_response", plugin: "peer", hint });
      await assert.rejects(peer.exec("peer.size", ODD_BYTES), { code: "caller.bad_response", hint });
    });
  }
});

test(
  `B5: a host on ${RUNTIME} that takes a plugin of goplugin 1.0.0-alpha.2 for one of 1.0 gets its refusal of raw bytes`,
  { skip },
  async () => {
    await withHost({ peer: goPlugin("grpc", "goplugin-1", ["-hex"]) }, async (host) => {
      const peer = host.get("peer");
      assert.equal(await peer.ping(), "pong");
      const message = "encoding/hex: invalid byte: U+00FF 'ÿ'";
      const hint = 'If it could not read the payload, which was sent as raw: try dialect = "seed" in its configuration';
      await assert.rejects(peer.exec("hello.msg", ODD_BYTES), { code: "exec.failed", message, origin: "plugin", hint });
    });
  },
);

test(`B5: a host on ${RUNTIME} uses a plugin of goplugin 1.0.0-alpha.2 over gRPC, in hex`, { skip }, async () => {
  await withHost({ peer: goPlugin("grpc", "seed", ["-hex"]) }, async (host) => {
    const peer = host.get("peer");
    assert.equal(text(await peer.exec("hello.world")), "Hello World");
    for (const payload of [ODD_BYTES, ALL_BYTES, new Uint8Array(0)]) assert.deepEqual(await peer.exec("hello.msg", payload), payload);
    assert.deepEqual((await seenBy(host)).args.slice(-2, -1), ["--port"]);
  });
});
