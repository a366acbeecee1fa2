/**
 * Rows A8, A12, A15 and B1 on Connect: what the host writes on the wire, that it writes each call once, and how calls are given up.
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { DriverCaller, DriverOptions } from "../../../protocol/caller.ts";
import { openConnectCaller } from "../../../protocol/connect/caller.ts";
import type { Endpoint } from "../../../protocol/endpoint.ts";
import { bytes, text, withFolder } from "../../support.ts";
import { ALL, execRequest, execResponse, hex } from "../grpc/messages.ts";
import { type Answering, type Peer, rawAnswer, type RawRequest, withPeer } from "../rest/raw_http.ts";

const PROTO = { "content-type": "application/proto" };
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Answers ping with these headers and exec with "hi", in the form that was asked for. */
function friendly(pingHeaders: Readonly<Record<string, string>> = {}): Answering {
  return (socket, { line, headers }) => {
    if (line.includes("Ping")) socket.write(rawAnswer(200, execResponse("pong"), { ...PROTO, ...pingHeaders }));
    else socket.write(rawAnswer(200, execResponse(headers.get("x-payload") === "raw" ? "hi" : "6869"), PROTO));
  };
}

function open(endpoint: Endpoint, options: Partial<DriverOptions> = {}): Promise<DriverCaller> {
  return openConnectCaller(endpoint, { host: "app", plugin: "peer", dialect: undefined, maxPayloadBytes: 1024, ...options });
}

function at(port: number): Endpoint {
  return { kind: "tcp", url: new URL(`http://127.0.0.1:${port}`) };
}

async function withDriver<T>(
  answer: Answering,
  use: (driver: DriverCaller, peer: Peer) => Promise<T>,
  options: Partial<DriverOptions> = {},
): Promise<T> {
  return await withPeer(answer, async (peer) => {
    const driver = await open(at(peer.port), options);
    try {
      return await use(driver, peer);
    } finally {
      await driver.close();
    }
  });
}

function last({ requests }: Peer): RawRequest {
  const request = requests.at(-1);
  assert.ok(request !== undefined);
  return request;
}

test("A8, B1: Connect: ping() posts an empty message to Ping with the contract's headers", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    assert.equal(await driver.ping({ timeoutMs: 1500, requestId: "r-1", traceparent: "00-a-b-01" }), "pong");
    const { line, headers, body } = last(peer);
    assert.equal(line, "POST /plugin.Plugin/Ping HTTP/1.1");
    assert.equal(body.length, 0);
    assert.equal(headers.get("host"), `127.0.0.1:${peer.port}`);
    assert.equal(headers.get("content-type"), "application/proto");
    assert.equal(headers.get("connect-protocol-version"), "1");
    assert.equal(headers.get("x-host"), "app");
    assert.equal(headers.get("x-request-id"), "r-1");
    assert.equal(headers.get("x-attempt"), "1");
    assert.equal(headers.get("connect-timeout-ms"), "1500");
    assert.equal(headers.get("traceparent"), "00-a-b-01");
    assert.equal(headers.get("accept-encoding"), "identity");
    for (const absent of ["authorization", "origin", "cookie", "x-polyplug-nonce", "x-timeout-ms", "x-payload"]) {
      assert.equal(headers.get(absent), undefined, absent);
    }
  });
});

test("A8, B1: Connect: exec() posts the message in the seed's form, hex, with the contract's headers", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    assert.equal(text(await driver.exec('say "hi"', new Uint8Array([0xab, 0xff, 0]), { requestId: "r-2", attempt: 3 })), "hi");
    const { line, headers, body } = last(peer);
    assert.equal(line, "POST /plugin.Plugin/Exec HTTP/1.1");
    assert.deepEqual(body, new Uint8Array(execRequest('say "hi"', "abff00")));
    assert.equal(headers.get("x-payload"), "hex");
    assert.deepEqual([headers.get("x-request-id"), headers.get("x-attempt")], ["r-2", "3"]);
    assert.equal(headers.get("connect-timeout-ms"), undefined);
    await driver.exec("grüße");
    assert.match(last(peer).headers.get("x-request-id") ?? "", UUID);
  });
});

for (
  const [timeoutMs, sent] of [[0.2, "1"], [1000.7, "1000"], [2 ** 31 - 1, "2147483647"], [2 ** 31, undefined], [
    Infinity,
    undefined,
  ]] as const
) {
  test(`A12, B1: Connect: ${timeoutMs} ms left are connect-timeout-ms ${sent ?? "absent"}`, async () => {
    await withDriver(friendly(), async (driver, peer) => {
      await driver.exec("a", undefined, { timeoutMs });
      assert.equal(last(peer).headers.get("connect-timeout-ms"), sent);
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
];

for (const [title, options, pingHeaders, form] of forms) {
  test(`B1: Connect: payloads go as ${form} when ${title}`, async () => {
    await withDriver(friendly(pingHeaders), async (driver, peer) => {
      await driver.identify?.(undefined);
      assert.equal(text(await driver.exec("a.b", ALL)), "hi");
      assert.equal(last(peer).headers.get("x-payload"), form);
      assert.deepEqual(last(peer).body, new Uint8Array(execRequest("a.b", form === "raw" ? ALL : hex(ALL))));
    }, options);
  });
}

test("A15, B1: Connect: identify() sends the nonce and reads features and proof; the token is sent after trust() alone", async () => {
  await withDriver(friendly({ "X-Polyplug": "1; features=info,cancel", "X-Polyplug-Proof": "abcd" }), async (driver, peer) => {
    assert.deepEqual(await driver.identify?.("0123"), { protocol: 1, features: ["info", "cancel"], proof: "abcd" });
    assert.equal(last(peer).headers.get("x-polyplug-nonce"), "0123");
    await driver.exec("a");
    assert.equal(last(peer).headers.get("authorization"), undefined);
    driver.trust?.("secret");
    await driver.exec("a");
    assert.equal(last(peer).headers.get("authorization"), "Bearer secret");
  });
});

for (const value of ["a\r\nx-evil: 1", "a\u0000b", "日本", "\ud800"]) {
  test(`A8, B1: Connect: nothing of a request id or trace context ${JSON.stringify(value)} becomes a header of its own`, async () => {
    await withDriver(friendly(), async (driver, peer) => {
      for (const options of [{ requestId: value }, { traceparent: value }]) {
        await assert.rejects(driver.exec("a", undefined, options));
        await assert.rejects(driver.ping(options));
      }
      assert.equal(text(await driver.exec("a")), "hi");
      assert.equal(peer.requests.length, 1);
    });
  });
}

test("A11, B1: Connect: exec() over the limit is caller.too_large and not sent; exactly the limit is", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    await assert.rejects(driver.exec("a", new Uint8Array(1025)), { code: "caller.too_large", origin: "host", message: /it was not sent/ });
    await driver.exec("a", new Uint8Array(1024));
    assert.equal(peer.requests.length, 1);
  });
});

const endings: Readonly<Record<string, (socket: Socket) => void>> = {
  "ends the connection": (socket) => void socket.end(),
  "resets the connection": (socket) => void socket.resetAndDestroy(),
  "ends it within the answer's body": (socket) =>
    void socket.end("HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 9\r\n\r\nx"),
};

for (const [how, end] of Object.entries(endings)) {
  test(`A8, B1: Connect: a peer that reads a call on a reused connection and ${how} has seen it once`, async () => {
    const answer: Answering = (socket, request, number) =>
      request.headers.get("x-request-id") === "last" ? end(socket) : friendly()(socket, request, number);
    await withDriver(answer, async (driver, peer) => {
      for (let i = 0; i < 4; i++) await driver.exec("warm");
      await assert.rejects(driver.exec("a", bytes("x"), { requestId: "last" }), { code: "caller.lost", hint: /may have run/ });
      await assert.rejects(driver.ping({ requestId: "last" }), { code: "caller.lost" });
      assert.equal(text(await driver.exec("after")), "hi");
      assert.equal(peer.requests.filter(({ headers }) => headers.get("x-request-id") === "last").length, 2);
    });
  });
}

test("A8, B1: Connect: a port that refuses and a Unix socket that is not there are caller.refused; one that is there is called", async () => {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await withFolder(async (folder) => {
    const path = join(folder, "s");
    for (const endpoint of [at(port), { kind: "unix", path } as const]) {
      const driver = await open(endpoint);
      await assert.rejects(driver.exec("a"), { code: "caller.refused", origin: "host", plugin: "peer", message: /not sent/ });
      await assert.rejects(driver.ping(), { code: "caller.refused" });
      await driver.close();
    }
    const listening = createServer((socket) => socket.on("data", () => socket.end(rawAnswer(200, execResponse("6869"), PROTO))));
    await once(listening.listen(path), "listening");
    const driver = await open({ kind: "unix", path });
    assert.equal(text(await driver.exec("a")), "hi");
    await driver.close();
    await new Promise((resolve) => listening.close(resolve));
  });
});

test("A12, B1: Connect: an aborted call rejects with the signal's reason, closes its connection and leaves the others alone", async () => {
  const gone = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const answer: Answering = (socket, request, number) => {
    if (request.headers.get("x-request-id") !== "hang") return friendly()(socket, request, number);
    socket.once("close", () => gone.resolve());
    arrived.resolve();
  };
  await withDriver(answer, async (driver) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = assert.rejects(
      driver.exec("a", undefined, { signal: controller.signal, requestId: "hang" }),
      (error) => error === reason,
    );
    await arrived.promise;
    controller.abort(reason);
    await call;
    await gone.promise;
    assert.equal(text(await driver.exec("next")), "hi");
    await assert.rejects(driver.exec("a", undefined, { signal: AbortSignal.abort("before") }), (error) => error === "before");
  });
});

test("A8, B1: Connect: close() ends open calls with caller.lost, and later ones are caller.refused", async () => {
  const arrived = Promise.withResolvers<void>();
  await withPeer((_socket, _request, number) => number === 5 ? arrived.resolve() : undefined, async (peer) => {
    const driver = await open(at(peer.port));
    const calls = Promise.allSettled(Array.from({ length: 5 }, () => driver.exec("a")));
    await arrived.promise;
    await driver.close();
    const codes = (await calls).map((end) => end.status === "rejected" && end.reason.code);
    assert.deepEqual(new Set(codes), new Set(["caller.lost"]));
    await assert.rejects(driver.exec("b"), { code: "caller.refused", plugin: "peer" });
    await assert.rejects(driver.ping(), { code: "caller.refused" });
    await driver.close();
    assert.equal(peer.requests.length, 5);
  });
});

test("A8, B1: Connect over pipes is caller.unsupported", async () => {
  const channel = { input: (async function* () {})(), write: () => Promise.resolve(), close: () => Promise.resolve() };
  await assert.rejects(open({ kind: "pipes", channel }), { code: "caller.unsupported" });
});
