/**
 * Rows A8, A15 and B1 on gRPC: what the host writes on the wire: paths, metadata, messages in both dialects.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { test } from "node:test";
import type { AttemptOptions, DriverCaller, DriverOptions } from "../../../protocol/caller.ts";
import type { Endpoint } from "../../../protocol/endpoint.ts";
import { openGrpcCaller } from "../../../protocol/grpc/caller.ts";
import { bytes, text, withFolder } from "../../support.ts";
import { type Answer, friendly, type GrpcPeer, type Request, respond, withGrpcPeer } from "./http2_peer.ts";
import { ALL, envelope, execRequest, execResponse, hex } from "./messages.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function withDriver<T>(
  answer: Answer,
  use: (driver: DriverCaller, peer: GrpcPeer) => Promise<T>,
  options: Partial<DriverOptions> = {},
): Promise<T> {
  return await withGrpcPeer(answer, async (peer) => {
    const driver = await open({ kind: "tcp", url: new URL(`http://127.0.0.1:${peer.port}`) }, options);
    try {
      return await use(driver, peer);
    } finally {
      await driver.close();
    }
  });
}

function open(endpoint: Endpoint, options: Partial<DriverOptions> = {}): Promise<DriverCaller> {
  return openGrpcCaller(endpoint, { host: "app", plugin: "peer", dialect: undefined, maxPayloadBytes: 1024, ...options });
}

function last({ requests }: GrpcPeer): Request {
  const request = requests.at(-1);
  assert.ok(request !== undefined);
  return request;
}

test("A8, B1: gRPC: ping() calls Ping with an empty message and the contract's metadata", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    assert.equal(await driver.ping({ timeoutMs: 1500, requestId: "r-1", traceparent: "00-a-b-01" }), "pong");
    const { headers, body } = last(peer);
    assert.equal(headers[":method"], "POST");
    assert.equal(headers[":path"], "/plugin.Plugin/Ping");
    assert.equal(headers[":authority"], `127.0.0.1:${peer.port}`);
    assert.match(headers["content-type"] ?? "", /^application\/grpc(\+proto)?$/);
    assert.equal(headers["te"], "trailers");
    assert.equal(headers["x-host"], "app");
    assert.equal(headers["x-request-id"], "r-1");
    assert.equal(headers["x-attempt"], "1");
    assert.equal(headers["grpc-timeout"], "1500m");
    assert.equal(headers["traceparent"], "00-a-b-01");
    assert.deepEqual(body, envelope(Buffer.alloc(0)));
    for (const absent of ["authorization", "origin", "cookie", "x-polyplug-nonce", "x-timeout-ms", "x-payload", "grpc-encoding"]) {
      assert.equal(headers[absent], undefined, absent);
    }
  });
});

test("A8, B1: gRPC: exec() sends one message in the seed's form, hex, with the contract's metadata", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    const options: AttemptOptions = { requestId: "r-2", attempt: 3, timeoutMs: 20 };
    assert.equal(text(await driver.exec('say "hi"', new Uint8Array([0xab, 0xff, 0]), options)), "hi");
    const { headers, body } = last(peer);
    assert.equal(headers[":path"], "/plugin.Plugin/Exec");
    assert.equal(headers["x-payload"], "hex");
    assert.equal(headers["x-request-id"], "r-2");
    assert.equal(headers["x-attempt"], "3");
    assert.equal(headers["grpc-timeout"], "20m");
    assert.deepEqual(body, envelope(execRequest('say "hi"', "abff00")));
  });
});

test("A8, B1: gRPC: exec() without options has a UUID of its own and no deadline; commands are Unicode", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    await driver.exec("grüße 日本");
    await driver.exec("a");
    const [first, second] = peer.requests;
    assert.ok(first?.body.includes(Buffer.from("grüße 日本")));
    assert.match(String(first?.headers["x-request-id"]), UUID);
    assert.notEqual(first?.headers["x-request-id"], second?.headers["x-request-id"]);
    assert.equal(first?.headers["grpc-timeout"], undefined);
  });
});

for (
  const [timeoutMs, sent] of [
    [0.2, "1m"],
    [1.9, "1m"],
    [1000.7, "1000m"],
    [99_999_999, "99999999m"],
    [100_000_000, "100000S"],
    [2 ** 31 - 1, "2147483S"],
    [2 ** 31, undefined],
    [Infinity, undefined],
  ] as const
) {
  test(`A12, B1: gRPC: ${timeoutMs} ms left are grpc-timeout ${sent ?? "absent"}`, async () => {
    await withDriver(friendly(), async (driver, peer) => {
      await driver.exec("a", undefined, { timeoutMs });
      assert.equal(last(peer).headers["grpc-timeout"], sent);
    });
  });
}

const RAW = { "x-polyplug": "1; features=raw" };
const forms: readonly (readonly [title: string, options: Partial<DriverOptions>, ping: Record<string, string>, form: "raw" | "hex"])[] = [
  ["nobody says anything", {}, {}, "hex"],
  ["the plugin lists raw", {}, RAW, "raw"],
  ["the configuration adds raw", { features: ["raw"] }, {}, "raw"],
  ["the configuration says goplugin-1", { dialect: "goplugin-1" }, {}, "raw"],
  ["the configuration says seed, though the plugin lists raw", { dialect: "seed" }, RAW, "hex"],
  ["the configuration says seed and adds raw", { dialect: "seed", features: ["raw"] }, {}, "hex"],
  ["the configuration says goplugin-1 and the plugin lists nothing", { dialect: "goplugin-1" }, { "x-polyplug": "1" }, "raw"],
];

for (const [title, options, pingHeaders, form] of forms) {
  test(`B1: gRPC: payloads go as ${form} when ${title}`, async () => {
    await withDriver(friendly(pingHeaders), async (driver, peer) => {
      await driver.identify?.(undefined);
      assert.equal(text(await driver.exec("a.b", ALL)), "hi");
      const { headers, body } = last(peer);
      assert.equal(headers["x-payload"], form);
      assert.deepEqual(body, envelope(execRequest("a.b", form === "raw" ? ALL : hex(ALL))));
    }, options);
  });
}

test("B1: gRPC: raw bytes of an answer stay as they are, ff 00 80 41 included", async () => {
  const raw = new Uint8Array([0xff, 0x00, 0x80, 0x41]);
  await withDriver((stream) => respond(stream, execResponse(raw)), async (driver) => {
    assert.deepEqual(await driver.exec("a"), raw);
  }, { dialect: "goplugin-1" });
});

test("A15, B1: gRPC: identify() sends the nonce and reads features and proof; the token is sent after trust() alone", async () => {
  const said = { "x-polyplug": "1; features=info,cancel", "x-polyplug-proof": "abcd" };
  await withDriver(friendly(said), async (driver, peer) => {
    assert.deepEqual(await driver.identify?.("0123"), { protocol: 1, features: ["info", "cancel"], proof: "abcd" });
    assert.equal(last(peer).headers["x-polyplug-nonce"], "0123");
    await driver.exec("a");
    assert.equal(last(peer).headers["authorization"], undefined);
    driver.trust?.("secret");
    await driver.exec("a");
    assert.equal(last(peer).headers["authorization"], "Bearer secret");
    await driver.ping();
    assert.equal(last(peer).headers["authorization"], "Bearer secret");
  });
});

for (const value of ["a\r\nx-evil: 1", "a\nx-evil: 1", "a\u0000b", "日本", "\ud800"]) {
  test(`A8, B1: gRPC: nothing of a request id or trace context ${JSON.stringify(value)} becomes metadata of its own`, async () => {
    await withDriver(friendly(), async (driver, peer) => {
      for (const options of [{ requestId: value }, { traceparent: value }]) {
        await assert.rejects(driver.exec("a", undefined, options));
        await assert.rejects(driver.ping(options));
      }
      assert.equal(text(await driver.exec("a")), "hi");
      assert.equal(peer.requests.length, 1);
      assert.equal(last(peer).headers["x-evil"], undefined);
    });
  });
}

test("A11, B1: gRPC: exec() over the limit is caller.too_large and not sent; exactly the limit is", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    const message = /1025 bytes, the limit is 1024; it was not sent/;
    await assert.rejects(driver.exec("a", new Uint8Array(1025)), { code: "caller.too_large", origin: "host", plugin: "peer", message });
    await driver.exec("a", new Uint8Array(1024));
    assert.equal(peer.requests.length, 1);
  });
});

test("A11, B1: gRPC: an answer that goes on beyond the cap is caller.too_large, for ping() too, and the connection stays", async () => {
  await withDriver((stream) => respond(stream, execResponse("x".repeat(400_000))), async (driver, peer) => {
    const expected = { code: "caller.too_large", origin: "host", message: /limit of 1024 bytes/, hint: /max_payload/ };
    await assert.rejects(driver.exec("a"), expected);
    await assert.rejects(driver.ping(), expected);
    assert.deepEqual([peer.requests.length, peer.connections], [2, 1]);
  });
});

test("A10, B1: gRPC: an answer of 3 MiB comes whole, 20 at once on one connection", async () => {
  const size = 3 * 1024 * 1024;
  await withDriver((stream) => respond(stream, execResponse(new Uint8Array(size).fill(7))), async (driver, peer) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => driver.exec("a", new Uint8Array(100_000))));
    assert.deepEqual(new Set(answers.map((answer) => answer.length)), new Set([size]));
    assert.deepEqual([peer.requests.length, peer.connections], [20, 1]);
  }, { dialect: "goplugin-1", maxPayloadBytes: size });
});

test("B8, B1: gRPC: a Unix socket is called as a port is", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "s");
    await withGrpcPeer(friendly(), async (peer) => {
      const driver = await open({ kind: "unix", path });
      assert.equal(await driver.ping(), "pong");
      assert.equal(text(await driver.exec("a", bytes("x"))), "hi");
      assert.match(peer.requests[0]?.headers[":authority"] ?? "", /^localhost(:80)?$/);
      await driver.close();
    }, path);
  });
});

test("A8, B1: gRPC over pipes is caller.unsupported", async () => {
  const channel = { input: (async function* () {})(), write: () => Promise.resolve(), close: () => Promise.resolve() };
  await assert.rejects(open({ kind: "pipes", channel }), { code: "caller.unsupported" });
});
