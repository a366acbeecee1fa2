/**
 * Row A8: what the host writes on the wire, read as bytes by a TCP server.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { AttemptOptions, DriverCaller } from "../../../protocol/caller.ts";
import { openRestCaller } from "../../../protocol/rest/caller.ts";
import { bytes, text } from "../../support.ts";
import { type Answering, type Peer, rawAnswer, type RawRequest, rightAnswer, withPeer } from "./raw_http.ts";

const PONG = '{"status":"success","data":{"response":"pong"}}';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Answers ping with these headers and exec with "hi", raw when asked raw. */
function friendly(pingHeaders: Readonly<Record<string, string>> = {}): Answering {
  return (socket, { line, headers }) => {
    if (line.startsWith("GET")) socket.write(rawAnswer(200, PONG, pingHeaders));
    else if (headers.has("x-command")) socket.write(rawAnswer(202, bytes("hi"), { "content-type": "application/octet-stream" }));
    else socket.write(rightAnswer(bytes("hi")));
  };
}

async function withDriver<T>(
  answer: Answering,
  use: (driver: DriverCaller, peer: Peer) => Promise<T>,
  features: readonly string[] = [],
): Promise<T> {
  return await withPeer(answer, async (peer) => {
    const endpoint = { kind: "tcp", url: new URL(`http://127.0.0.1:${peer.port}`) } as const;
    const driver = await openRestCaller(endpoint, { host: "app", plugin: "peer", dialect: "seed", maxPayloadBytes: 1024, features });
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

test("A8: ping() sends GET /ping with the contract's headers and no body", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    assert.equal(await driver.ping({ timeoutMs: 1500, requestId: "r-1", traceparent: "00-a-b-01" }), "pong");
    const { line, headers, body } = last(peer);
    assert.equal(line, "GET /ping HTTP/1.1");
    assert.equal(body.length, 0);
    assert.equal(headers.get("host"), `127.0.0.1:${peer.port}`);
    assert.equal(headers.get("x-host"), "app");
    assert.equal(headers.get("x-request-id"), "r-1");
    assert.equal(headers.get("x-attempt"), "1");
    assert.equal(headers.get("x-timeout-ms"), "1500");
    assert.equal(headers.get("traceparent"), "00-a-b-01");
    assert.equal(headers.get("accept-encoding"), "identity");
    for (const absent of ["authorization", "origin", "cookie", "x-polyplug-nonce", "content-length"]) {
      assert.equal(headers.get(absent), undefined);
    }
  });
});

test("A8: exec() sends POST /exec with JSON, lower-case hex and the contract's headers", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    const options: AttemptOptions = { requestId: "r-2", attempt: 3, timeoutMs: 20 };
    assert.equal(text(await driver.exec('say "hi"', new Uint8Array([0xab, 0xff, 0]), options)), "hi");
    const { line, headers, body } = last(peer);
    assert.equal(line, "POST /exec HTTP/1.1");
    assert.equal(text(body), '{"command":"say \\"hi\\"","payload":"abff00"}');
    assert.equal(headers.get("content-type"), "application/json");
    assert.equal(headers.get("x-host"), "app");
    assert.equal(headers.get("x-request-id"), "r-2");
    assert.equal(headers.get("x-attempt"), "3");
    assert.equal(headers.get("x-timeout-ms"), "20");
    assert.equal(headers.get("accept-encoding"), "identity");
    for (const absent of ["authorization", "origin", "traceparent", "x-command"]) assert.equal(headers.get(absent), undefined);
  });
});

test("A8: exec() without options has a UUID of its own, and an empty payload is an empty text", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    await driver.exec("a");
    await driver.exec("a");
    const [first, second] = peer.requests;
    assert.equal(text(last(peer).body), '{"command":"a","payload":""}');
    assert.match(first?.headers.get("x-request-id") ?? "", UUID);
    assert.notEqual(first?.headers.get("x-request-id"), second?.headers.get("x-request-id"));
    assert.equal(first?.headers.get("x-timeout-ms"), undefined);
  });
});

for (
  const [timeoutMs, sent] of [
    [0.2, "1"],
    [1.9, "1"],
    [1000.7, "1000"],
    [2 ** 31 - 1, "2147483647"],
    [2 ** 31, undefined],
    [Infinity, undefined],
  ] as const
) {
  test(`A8: ${timeoutMs} ms left are x-timeout-ms ${sent ?? "absent"}`, async () => {
    await withDriver(friendly(), async (driver, peer) => {
      await driver.exec("a", undefined, { timeoutMs });
      assert.equal(last(peer).headers.get("x-timeout-ms"), sent);
    });
  });
}

test("A8: calls one after the other use the same connections", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    for (let i = 0; i < 20; i++) await driver.exec("a");
    assert.equal(peer.requests.length, 20);
    // A call may come while the one before still settles, hence two.
    assert.ok(peer.connections <= 2, `${peer.connections} connections`);
  });
});

test("A15: a call goes to the plugin itself, whatever proxy the environment names", async () => {
  const names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
  const before = names.map((name) => [name, process.env[name]] as const);
  await withPeer((socket) => socket.end(rightAnswer(bytes("proxy"))), async (proxy) => {
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;
    try {
      await withDriver(friendly(), async (driver) => {
        assert.equal(await driver.ping(), "pong");
        assert.equal(text(await driver.exec("a")), "hi");
      });
      assert.equal(proxy.connections, 0);
    } finally {
      for (const [name, value] of before) {
        delete process.env[name];
        if (value !== undefined) process.env[name] = value;
      }
    }
  });
});

for (const how of ["the plugin lists raw", "the configuration adds raw"]) {
  test(`A8: exec() sends the bytes as they are when ${how}`, async () => {
    const listed = how.startsWith("the plugin");
    const answer = friendly(listed ? { "x-polyplug": "1; features=raw" } : {});
    await withDriver(answer, async (driver, peer) => {
      await driver.identify?.(undefined);
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      assert.equal(text(await driver.exec("a.b", all)), "hi");
      const { line, headers, body } = last(peer);
      assert.equal(line, "POST /exec HTTP/1.1");
      assert.equal(headers.get("content-type"), "application/octet-stream");
      assert.equal(headers.get("x-command"), "a.b");
      assert.deepEqual(body, all);
      await driver.exec("a.b");
      assert.deepEqual([last(peer).body.length, last(peer).headers.get("content-length")], [0, "0"]);
    }, listed ? [] : ["raw"]);
  });
}

for (const command of ["grüße", "日本", "with space", "a\u2028b", "\u00e9"]) {
  test(`A8: the command ${JSON.stringify(command)}, which no header can carry, goes as JSON even to a plugin that takes raw bytes`, async () => {
    await withDriver(friendly(), async (driver, peer) => {
      assert.equal(text(await driver.exec(command, bytes("x"))), "hi");
      assert.deepEqual(JSON.parse(text(last(peer).body)), { command, payload: "78" });
    }, ["raw"]);
  });
}

test("A8: an octet-stream answer to a call in JSON is read as the JSON that the contract promises", async () => {
  const answer: Answering = (socket) => socket.write(rightAnswer(bytes("hi"), { "content-type": "application/octet-stream" }));
  await withDriver(answer, async (driver) => assert.equal(text(await driver.exec("a")), "hi"));
});

test("A8: a JSON answer to a call in raw bytes is read as JSON", async () => {
  const answer: Answering = (socket) => socket.write(rightAnswer(bytes("hi"), { "content-type": "application/json; charset=utf-8" }));
  await withDriver(answer, async (driver) => assert.equal(text(await driver.exec("a")), "hi"), ["raw"]);
});

test("A15: identify() sends the nonce and reads features and proof; the token is sent after trust() alone", async () => {
  await withDriver(friendly({ "X-Polyplug": "1; features=info,cancel", "X-Polyplug-Proof": "abcd" }), async (driver, peer) => {
    assert.deepEqual(await driver.identify?.("0123"), { protocol: 1, features: ["info", "cancel"], proof: "abcd" });
    assert.equal(last(peer).headers.get("x-polyplug-nonce"), "0123");
    await driver.exec("a");
    assert.equal(last(peer).headers.get("authorization"), undefined);
    driver.trust?.("secret");
    await driver.exec("a");
    assert.equal(last(peer).headers.get("authorization"), "Bearer secret");
    await driver.ping();
    assert.equal(last(peer).headers.get("authorization"), "Bearer secret");
  });
});

const injections = ["a\r\nx-evil: 1", "a\nx-evil: 1", "a\u0000b", "日本", "\ud800"];

for (const value of injections) {
  test(`A8: nothing of a request id or trace context ${JSON.stringify(value)} becomes a header of its own`, async () => {
    await withDriver(friendly(), async (driver, peer) => {
      for (const options of [{ requestId: value }, { traceparent: value }]) {
        await assert.rejects(driver.exec("a", undefined, options));
        await assert.rejects(driver.ping(options));
      }
      assert.equal(text(await driver.exec("a")), "hi");
      assert.equal(peer.requests.length, 1);
      assert.equal(last(peer).headers.get("x-evil"), undefined);
    });
  });
}

test("A8: exec() over the limit is caller.too_large, and nothing is sent", async () => {
  await withDriver(friendly(), async (driver, peer) => {
    const expected = {
      code: "caller.too_large",
      origin: "host",
      plugin: "peer",
      message: /1025 bytes, the limit is 1024; it was not sent/,
    };
    await assert.rejects(driver.exec("a", new Uint8Array(1025)), expected);
    await driver.exec("a", new Uint8Array(1024));
    assert.equal(peer.requests.length, 1);
  });
});
