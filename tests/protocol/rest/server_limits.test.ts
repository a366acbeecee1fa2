/**
 * Rows A8 and A11: what the plugin's side does with a body over the limit: it reads on for a while, answers 413 and closes.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { measureLagMs } from "../../support.ts";
import { type RawAnswer, rawRequest, sendRaw, sendThenRead } from "./raw_http.ts";
import { withServer } from "./served.ts";

const LIMIT = 256 * 1024;
const CAP = 2 * LIMIT + 64 * 1024;
const OCTETS = { "content-type": "application/octet-stream", "x-command": "test.echo", connection: "keep-alive" };
const commands = { "test.echo": (payload: Uint8Array) => payload };
const limited = { maxPayloadBytes: LIMIT };

function assertRefused(answer: RawAnswer): void {
  assert.equal(answer.status, 413, answer.body);
  assert.deepEqual(JSON.parse(answer.body), {
    status: "error",
    data: null,
    message: `The payload has more than the limit of ${LIMIT} bytes`,
    code: "exec.too_large",
  });
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  assert.equal(answer.headers.get("connection"), "close");
}

/** The bytes in chunks of 32 KiB, as `transfer-encoding: chunked` has them. */
function inChunks(size: number): Uint8Array {
  const part = `8000\r\n${"x".repeat(0x8000)}\r\n`;
  return new TextEncoder().encode(`${part.repeat(Math.ceil(size / 0x8000))}0\r\n\r\n`);
}

test("A11: exactly the limit passes, raw and in JSON", async () => {
  await withServer(commands, async ({ port }) => {
    const raw = await sendRaw(port, rawRequest("POST /exec", { ...OCTETS, connection: "close" }, new Uint8Array(LIMIT)));
    assert.deepEqual([raw.status, raw.bytes.length], [202, LIMIT]);
    const body = JSON.stringify({ command: "test.echo", payload: "ab".repeat(LIMIT) });
    const json = await sendRaw(port, rawRequest("POST /exec", {}, body));
    assert.deepEqual([json.status, JSON.parse(json.body).data.response.length], [202, 2 * LIMIT]);
  }, limited);
});

const json = (bytes: number) => JSON.stringify({ command: "test.echo", payload: "ab".repeat(bytes) });
const tooLarge: readonly (readonly [title: string, ...parts: (string | Uint8Array)[]])[] = [
  ["one byte over the limit, raw", rawRequest("POST /exec", OCTETS, new Uint8Array(LIMIT + 1))],
  ["one byte over the limit, in JSON", rawRequest("POST /exec", { connection: "keep-alive" }, json(LIMIT + 1))],
  ["twice the limit, raw", rawRequest("POST /exec", OCTETS, new Uint8Array(2 * LIMIT))],
  ["one byte over the cap of JSON", rawRequest("POST /exec", { connection: "keep-alive" }, "x".repeat(CAP + 1))],
  ["nearly twice the cap of JSON", rawRequest("POST /exec", { connection: "keep-alive" }, "x".repeat(2 * CAP - 1))],
  ["raw chunks", rawRequest("POST /exec", { ...OCTETS, "transfer-encoding": "chunked" }), inChunks(LIMIT + 1)],
  ["chunks of JSON", rawRequest("POST /exec", { "transfer-encoding": "chunked", connection: "keep-alive" }), inChunks(CAP + 1)],
];

for (const [title, ...parts] of tooLarge) {
  test(`A8: a body of ${title} is 413 exec.too_large, read by a client that sends everything first, and the connection closes`, async () => {
    await withServer(commands, async ({ port }) => {
      assertRefused(await sendThenRead(port, ...parts));
      assert.equal((await sendRaw(port, rawRequest("GET /ping"))).status, 200);
    }, limited);
  });
}

test("A8: a client that says a length over the limit and sends nothing is refused within a second", async () => {
  await withServer(commands, async ({ port }) => {
    const lagMs = await measureLagMs();
    const started = performance.now();
    assertRefused(await sendRaw(port, `POST /exec HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${100 * CAP}\r\n\r\n`));
    const elapsed = performance.now() - started;
    assert.ok(elapsed < 1500 + 10 * lagMs, `${elapsed} ms`);
  }, limited);
});

test("A8: a client that sends on and on is cut off, and the server goes on", async () => {
  await withServer(commands, async ({ port }) => {
    const part = new Uint8Array(1024 * 1024);
    const header = `POST /exec HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${64 * part.length}\r\n\r\n`;
    const answer = await sendRaw(port, header, ...Array.from({ length: 64 }, () => part));
    assert.ok([0, 413].includes(answer.status), String(answer.status));
    assert.equal((await sendRaw(port, rawRequest("GET /ping"))).status, 200);
  }, limited);
});

for (
  const [title, line, headers, status] of [
    ["without the token", "POST /exec", OCTETS, 401],
    ["to another path", "POST /nowhere", OCTETS, 404],
    ["with an Origin", "POST /exec", { ...OCTETS, origin: "http://evil.example" }, 403],
  ] as const
) {
  test(`A8: a large body ${title} is ${status} all the same`, async () => {
    await withServer(commands, async ({ port }) => {
      const answer = await sendRaw(port, rawRequest(line, { ...headers, connection: "close" }, new Uint8Array(LIMIT)));
      assert.equal(answer.status, status);
      assert.equal(JSON.parse(answer.body).status, "error");
    }, { ...limited, token: "secret" });
  });
}
