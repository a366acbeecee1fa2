/**
 * Row A15: who may call: the token, `X-Host`, `Host`, `Origin`, and the addresses that are listened on.
 * @module
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { rawRequest, sendRaw } from "./raw_http.ts";
import { withServer } from "./served.ts";

const TOKEN = "0123456789abcdef".repeat(4);
const BEARER = { authorization: `Bearer ${TOKEN}` };
const commands = { "test.echo": (payload: Uint8Array) => payload };
const CALL = '{"command":"test.echo","payload":"00"}';

function exec(headers: Readonly<Record<string, string>>): Uint8Array {
  return rawRequest("POST /exec", headers, CALL);
}

function codeOf(body: string): unknown {
  return JSON.parse(body).code;
}

const wrongTokens: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "no token": {},
  "an empty one": { authorization: "Bearer " },
  "no scheme": { authorization: TOKEN },
  "another scheme": { authorization: `Basic ${TOKEN}` },
  "another token": { authorization: `Bearer ${TOKEN.slice(0, -1)}0` },
  "a part of it": { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
  "more than it": { authorization: `Bearer ${TOKEN}0` },
  "it in another case": { authorization: `Bearer ${TOKEN.toUpperCase()}` },
  "it in another header": { "x-token": TOKEN, "x-polyplug-token": TOKEN, cookie: `token=${TOKEN}` },
  "a right proof instead": { "x-polyplug-proof": TOKEN },
};

for (const [what, headers] of Object.entries(wrongTokens)) {
  test(`A15: with a token in force, a call with ${what} is 401 and not run, while ping works`, async () => {
    let runs = 0;
    await withServer({ "test.echo": (payload) => (runs += 1, payload) }, async ({ port }) => {
      const refused = await sendRaw(port, exec(headers));
      assert.deepEqual([refused.status, codeOf(refused.body)], [401, "exec.unauthenticated"]);
      assert.ok(!refused.body.includes(TOKEN));
      const raw = { ...headers, "content-type": "application/octet-stream", "x-command": "test.echo" };
      assert.equal((await sendRaw(port, exec(raw))).status, 401);
      assert.equal(runs, 0);
      assert.equal((await sendRaw(port, rawRequest("GET /ping", headers))).status, 200);
      assert.equal((await sendRaw(port, exec({ ...headers, ...BEARER }))).status, 202);
    }, { token: TOKEN });
  });
}

test("A15: ping proves knowledge of the token under a nonce, and never shows the token", async () => {
  const nonce = "00112233445566778899aabbccddeeff";
  await withServer(commands, async ({ port }) => {
    const { headers, body } = await sendRaw(port, rawRequest("GET /ping", { "x-polyplug-nonce": nonce }));
    assert.equal(headers.get("x-polyplug-proof"), createHmac("sha256", TOKEN).update(nonce).digest("hex"));
    assert.ok(![...headers.values(), body].some((value) => value.includes(TOKEN)));
    assert.equal((await sendRaw(port, rawRequest("GET /ping"))).headers.get("x-polyplug-proof"), undefined);
  }, { token: TOKEN });
  await withServer(commands, async ({ port }) => {
    const { status, headers } = await sendRaw(port, rawRequest("GET /ping", { "x-polyplug-nonce": nonce }));
    assert.deepEqual([status, headers.get("x-polyplug-proof")], [200, undefined]);
  });
});

const hosts: readonly (readonly [listed: readonly string[], token: string | undefined, given: string | undefined, status: number])[] = [
  [[], undefined, undefined, 202],
  [[], undefined, "anyone", 202],
  [[], TOKEN, undefined, 202],
  [["app", "other"], undefined, "app", 202],
  [["app", "other"], undefined, "other", 202],
  [["app"], undefined, "App", 403],
  [["app"], undefined, "stranger", 403],
  [["app"], undefined, "", 403],
  [["app"], undefined, "app, stranger", 403],
  [["app"], undefined, undefined, 202],
  [["app"], TOKEN, undefined, 403],
  [["app"], TOKEN, "stranger", 403],
  [["app"], TOKEN, "app", 202],
];

for (const [listed, token, given, status] of hosts) {
  const title = `X-Host ${given === undefined ? "missing" : JSON.stringify(given)}, ${listed.join(" and ") || "no host"} listed, ${
    token ? "a" : "no"
  } token`;
  test(`A15: ${title}: ping and exec are ${status === 202 ? "answered" : "403 exec.forbidden"}`, async () => {
    const headers: Record<string, string> = { ...(token === undefined ? {} : BEARER), ...(given === undefined ? {} : { "X-Host": given }) };
    await withServer(commands, async ({ port }) => {
      const called = await sendRaw(port, exec(headers));
      const pinged = await sendRaw(port, rawRequest("GET /ping", headers));
      assert.deepEqual([called.status, pinged.status], status === 202 ? [202, 200] : [403, 403]);
      const expected = status === 202 ? undefined : "exec.forbidden";
      assert.deepEqual([codeOf(called.body), codeOf(pinged.body)], [expected, expected]);
    }, { hosts: listed, token });
  });
}

for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:99", "127.9.9.9:80", "[::1]", "[::1]:8080"]) {
  test(`A15: a Host header of ${host} is let in`, async () => {
    await withServer(commands, async ({ port }) => assert.equal((await sendRaw(port, exec({ host }))).status, 202));
  });
}

for (
  const host of [
    "evil.example",
    "evil.example:80",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "10.0.0.1",
    "0.0.0.0",
    "localhost@evil.example",
    "[::2]",
  ]
) {
  test(`A15: a Host header of ${host} is 403 exec.forbidden, on ping and exec, before the token is looked at`, async () => {
    await withServer(commands, async ({ port }) => {
      for (const request of [exec({ host }), rawRequest("GET /ping", { host }), rawRequest("GET /nowhere", { host })]) {
        const answer = await sendRaw(port, request);
        assert.equal(answer.status, 403, answer.body);
        assert.equal(codeOf(answer.body), "exec.forbidden");
      }
    }, { token: TOKEN });
  });
}

for (const origin of ["http://evil.example", "null", "http://localhost", "http://127.0.0.1:8080", ""]) {
  test(`A15: any request with the Origin ${JSON.stringify(origin)} is 403 exec.forbidden and gets no leave of CORS`, async () => {
    await withServer(commands, async ({ port }) => {
      for (const request of [exec({ ...BEARER, origin }), rawRequest("GET /ping", { origin }), rawRequest("OPTIONS /exec", { origin })]) {
        const answer = await sendRaw(port, request);
        assert.deepEqual([answer.status, codeOf(answer.body)], [403, "exec.forbidden"]);
        assert.deepEqual([...answer.headers.keys()].filter((name) => name.startsWith("access-control")), []);
      }
    }, { token: TOKEN });
  });
}

const outside = Object.values(networkInterfaces()).flatMap((all) => all ?? []).find(({ internal, family }) =>
  !internal && family === "IPv4"
);

test("A15: the server listens on the loopback address alone", { skip: outside ? false : "no other address on this machine" }, async () => {
  await withServer(commands, async ({ port }) => {
    const reached = await new Promise((resolve) => {
      const socket = connect({ host: outside?.address ?? "", port });
      socket.once("connect", () => resolve("connected")).once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.once("connect", () => socket.destroy());
    });
    assert.equal(reached, "ECONNREFUSED");
    assert.equal((await sendRaw(port, rawRequest("GET /ping"))).status, 200);
  });
});
