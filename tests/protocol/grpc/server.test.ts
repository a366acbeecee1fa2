/**
 * Rows A8, A11, A13, A15 and B1 on gRPC: what the plugin's side answers to raw clients, and that it prints nothing about any of them.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import type { Commands } from "../../../protocol/plugin.ts";
import { bytes, text } from "../../support.ts";
import { ALL, envelope, execRequest, execResponse, hex } from "./messages.ts";
import { exec, ping, send, sendOnce, withServer, withSession } from "./served.ts";

const EXEC = "/plugin.Plugin/Exec";
const TOKEN = "0123456789abcdef".repeat(4);
const BEARER = { authorization: `Bearer ${TOKEN}` };

const commands: Commands = {
  "test.echo": (payload) => payload,
  "test.context": (_payload, { requestId, from }) => bytes(`${requestId} ${from}`),
  "test.hang": () => new Promise(() => {}),
  // Throws an object with the members of the payload's JSON.
  "test.throw": (payload) => {
    throw Object.assign(new Error("no message"), JSON.parse(text(payload)));
  },
};

test("A8, B1: gRPC: Ping is answered with pong, and says what the plugin knows", async () => {
  await withServer(commands, async ({ port }) => {
    const answer = await ping(port);
    assert.deepEqual([answer.status, answer.grpcStatus], [200, "0"]);
    assert.match(String(answer.headers["content-type"]), /^application\/grpc/);
    assert.deepEqual(answer.body, envelope(execResponse("pong")));
    assert.equal(answer.headers["x-polyplug"], "1; features=cancel,info,init,raw,shutdown,stream");
    assert.equal(answer.headers["x-polyplug-proof"], undefined);
  });
});

const forms: readonly (readonly [dialect: "seed" | "goplugin-1", said: "raw" | "hex" | undefined, form: "raw" | "hex"])[] = [
  ["seed", undefined, "hex"],
  ["seed", "hex", "hex"],
  ["seed", "raw", "raw"],
  ["goplugin-1", undefined, "raw"],
  ["goplugin-1", "hex", "hex"],
  ["goplugin-1", "raw", "raw"],
];

for (const [dialect, said, form] of forms) {
  test(`B1: gRPC: with --dialect ${dialect}, x-payload ${said ?? "absent"} is read and answered as ${form}`, async () => {
    await withServer(commands, async ({ port }) => {
      for (const payload of [ALL, new Uint8Array([0xff, 0x00, 0x80, 0x41]), new Uint8Array(0)]) {
        const written = form === "raw" ? payload : hex(payload);
        const answer = await exec(port, "test.echo", written, said === undefined ? {} : { "x-payload": said });
        assert.deepEqual([answer.grpcStatus, answer.headers["x-payload"]], ["0", form]);
        assert.deepEqual(answer.body, envelope(execResponse(written)));
      }
    }, { dialect });
  });
}

test("A8, B1: gRPC: the handler gets x-request-id and x-host; without them a UUID and nobody", async () => {
  await withServer(commands, async ({ port }) => {
    const raw = { "x-payload": "raw" };
    const named = await exec(port, "test.context", "", { ...raw, "x-request-id": "r-1", "x-host": "app" });
    assert.deepEqual(named.body, envelope(execResponse("r-1 app")));
    const unnamed = await exec(port, "test.context", "", raw);
    assert.match(unnamed.body.toString(), /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} $/);
  });
});

const refused: readonly (readonly [
  title: string,
  command: string,
  payload: string | Uint8Array,
  headers: Record<string, string>,
  status: string,
  code: string,
])[] = [
  ["an unknown command", "nothing", "", {}, "12", "exec.unknown_command"],
  ["a command of a prototype", "constructor", "", {}, "12", "exec.unknown_command"],
  ["no command", "", "", {}, "12", "exec.unknown_command"],
  ["odd hex", "test.echo", "abc", {}, "3", "exec.bad_request"],
  ["bad hex", "test.echo", "zz", {}, "3", "exec.bad_request"],
  ["bytes that are no UTF-8 where hex is due", "test.echo", new Uint8Array([0xff, 0xfe]), {}, "3", "exec.bad_request"],
  ["a form that nobody knows", "test.echo", "00", { "x-payload": "base64" }, "3", "exec.bad_request"],
  ["a form in another case", "test.echo", "00", { "x-payload": "RAW" }, "3", "exec.bad_request"],
  ["one byte over the limit in hex", "test.echo", "ab".repeat(1025), {}, "8", "exec.too_large"],
  ["one byte over the limit, raw", "test.echo", new Uint8Array(1025), { "x-payload": "raw" }, "8", "exec.too_large"],
  ["a deadline that passes", "test.hang", "", { "grpc-timeout": "30m" }, "4", "exec.timeout"],
  ["a deadline of a microsecond", "test.hang", "", { "grpc-timeout": "1u" }, "4", "exec.timeout"],
];

for (const [title, command, payload, headers, status, code] of refused) {
  test(`A8, B1: gRPC: ${title} is status ${status}, ${code}`, async () => {
    await withServer(commands, async ({ port }) => {
      const answer = await exec(port, command, payload, headers);
      assert.deepEqual([answer.status, answer.grpcStatus, answer.code], [200, status, code], answer.message);
      assert.notEqual(answer.message, "");
      assert.equal((await ping(port)).grpcStatus, "0");
    });
  });
}

test("A11, B1: gRPC: exactly the limit passes, as hex and raw; a message over the cap is resource exhausted, however long", async () => {
  const limit = 256 * 1024;
  await withServer(commands, async ({ port }) => {
    assert.equal((await exec(port, "test.echo", "ab".repeat(limit))).grpcStatus, "0");
    assert.equal((await exec(port, "test.echo", new Uint8Array(limit), { "x-payload": "raw" })).grpcStatus, "0");
    await withSession(port, async (session) => {
      assert.equal((await send(session, EXEC, envelope(execRequest("test.echo", new Uint8Array(3 * limit))))).grpcStatus, "8");
      assert.equal((await send(session, EXEC, envelope(Buffer.from("x"), 2 ** 32 - 1))).grpcStatus, "8");
      assert.equal((await send(session, EXEC, envelope(execRequest("test.echo", "00")))).grpcStatus, "0");
    });
  }, { maxPayloadBytes: limit });
});

const malformed: readonly (readonly [title: string, body: Uint8Array, headers?: Record<string, string>])[] = [
  ["no message", Buffer.alloc(0)],
  ["half a length", Buffer.from([0, 0])],
  ["half a message", envelope(execRequest("test.echo", "00")).subarray(0, 12)],
  ["two messages", Buffer.concat([envelope(execRequest("test.echo", "00")), envelope(execRequest("test.echo", "00"))])],
  ["no protobuf", envelope(Buffer.alloc(11, 0xff))],
  ["a command that is no UTF-8", envelope(Buffer.concat([Buffer.from([0x0a, 0x02, 0xff, 0xfe])]))],
  ["a compressed message", envelope(Buffer.from("zip"), 3, 1), { "grpc-encoding": "gzip" }],
  ["a compressed message without an encoding", envelope(Buffer.from("zip"), 3, 1)],
  ["a message that says that it is compressed, and is not", envelope(execRequest("test.echo", "00"), undefined, 1)],
  ["a message of an encoding that it does not have", envelope(execRequest("test.echo", "00")), { "grpc-encoding": "gzip" }],
  ["a message that is cut between its fields", envelope(execRequest("test.echo", "00")).subarray(0, 16)],
];

for (const [title, body, headers] of malformed) {
  test(`A8, B1: gRPC: ${title} is refused, not run, and costs its own call alone`, async () => {
    let runs = 0;
    await withServer({ "test.echo": (payload) => (runs += 1, payload) }, async ({ port }) => {
      await withSession(port, async (session) => {
        const answer = await send(session, EXEC, body, headers);
        assert.ok(Number(answer.grpcStatus) > 0, JSON.stringify(answer.trailers));
        assert.equal(runs, 0);
        assert.equal((await send(session, EXEC, envelope(execRequest("test.echo", "00")))).grpcStatus, "0");
      });
    });
  });
}

for (const value of ["99999999H", "99999999M", "99999999S", "2147484S", "1H", "123456789m", "soon", "-5m", "5", "1.5S", "9".repeat(40)]) {
  test(`A12, B1: gRPC: a grpc-timeout of ${value} ends no call early, and nothing is printed about it`, async () => {
    const wait = async (payload: Uint8Array) => (await new Promise((resolve) => setTimeout(resolve, 20)), payload);
    await withServer({ "test.wait": wait }, async ({ port }) => {
      assert.equal((await exec(port, "test.wait", "00", { "grpc-timeout": value })).grpcStatus, "0");
    });
  });
}

test("A8, B1: gRPC: other paths, methods and content types are refused", async () => {
  await withServer(commands, async ({ port }) => {
    const body = envelope(execRequest("test.echo", "00"));
    assert.equal((await sendOnce(port, "/plugin.Plugin/Other", body)).status, 404);
    assert.equal((await sendOnce(port, "/", body)).status, 404);
    assert.equal((await sendOnce(port, EXEC, body, { "content-type": "application/json" })).status, 415);
    assert.equal((await sendOnce(port, EXEC, body, { ":method": "PUT" })).status, 405);
    assert.equal((await ping(port)).grpcStatus, "0");
  });
});

const thrown: readonly (readonly [thrown: Record<string, unknown>, status: string, code: string])[] = [
  [{ message: "m" }, "2", "exec.failed"],
  [{ message: 'Grüße 100%\n"two"', code: "InvalidArgument" }, "2", "InvalidArgument"],
  [{ message: "m", code: "has a space" }, "2", "exec.failed"],
  [{ message: "m", code: "host.stopped" }, "2", "exec.failed"],
  [{ message: "m", code: "exec.unavailable" }, "2", "exec.failed"],
  [{ message: "m", code: "exec.invalid_input" }, "3", "exec.invalid_input"],
  [{ message: "x".repeat(20_000), code: "long" }, "2", "long"],
];

for (const [error, status, code] of thrown) {
  test(`A13, B1: gRPC: a handler that throws the code ${JSON.stringify(error["code"])} is status ${status}, ${code}, and no stack crosses`, async () => {
    await withServer(commands, async ({ port }) => {
      const answer = await exec(port, "test.throw", hex(JSON.stringify({ ...error, stack: "at secret", hint: "secret" })));
      assert.deepEqual([answer.grpcStatus, answer.code], [status, code]);
      assert.equal(answer.message.slice(0, 200), String(error["message"]).slice(0, 200));
      assert.ok(!JSON.stringify([answer.headers, answer.trailers]).includes("secret"));
    }, { maxPayloadBytes: 100_000 });
  });
}

const wrongTokens: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "no token": {},
  "no scheme": { authorization: TOKEN },
  "another token": { authorization: `Bearer ${TOKEN.slice(0, -1)}0` },
  "a part of it": { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
  "it in another case": { authorization: `Bearer ${TOKEN.toUpperCase()}` },
};

for (const [what, headers] of Object.entries(wrongTokens)) {
  test(`A15, B1: gRPC: with a token in force, a call with ${what} is unauthenticated and not run, while ping works`, async () => {
    let runs = 0;
    await withServer({ "test.echo": (payload) => (runs += 1, payload) }, async ({ port }) => {
      const answer = await exec(port, "test.echo", "zz", headers);
      assert.deepEqual([answer.grpcStatus, answer.code, runs], ["16", "exec.unauthenticated", 0]);
      assert.ok(!answer.message.includes(TOKEN));
      assert.equal((await ping(port, headers)).grpcStatus, "0");
      assert.equal((await exec(port, "test.echo", "00", { ...headers, ...BEARER })).grpcStatus, "0");
    }, { token: TOKEN });
  });
}

test("A15, B1: gRPC: ping proves knowledge of the token under a nonce, and never shows the token", async () => {
  const nonce = "00112233445566778899aabbccddeeff";
  await withServer(commands, async ({ port }) => {
    const { headers, body } = await ping(port, { "x-polyplug-nonce": nonce });
    assert.equal(headers["x-polyplug-proof"], createHmac("sha256", TOKEN).update(nonce).digest("hex"));
    assert.ok(!JSON.stringify([headers, body.toString()]).includes(TOKEN));
    assert.equal((await ping(port)).headers["x-polyplug-proof"], undefined);
  }, { token: TOKEN });
});

const hosts: readonly (readonly [listed: readonly string[], token: string | undefined, given: string | undefined, status: string])[] = [
  [[], TOKEN, undefined, "0"],
  [["app"], undefined, "app", "0"],
  [["app"], undefined, "stranger", "7"],
  [["app"], undefined, undefined, "0"],
  [["app"], TOKEN, undefined, "7"],
  [["app"], TOKEN, "app", "0"],
];

for (const [listed, token, given, status] of hosts) {
  test(`A15, B1: gRPC: x-host ${given ?? "missing"}, ${listed.join() || "no host"} listed, ${token ? "a" : "no"} token: status ${status}`, async () => {
    const headers = { ...(token === undefined ? {} : BEARER), ...(given === undefined ? {} : { "x-host": given }) };
    await withServer(commands, async ({ port }) => {
      const called = await exec(port, "test.echo", "00", headers);
      assert.deepEqual([called.grpcStatus, (await ping(port, headers)).grpcStatus], [status, status]);
      assert.equal(called.code, status === "0" ? undefined : "exec.forbidden");
    }, { hosts: listed, token });
  });
}

test("A10, B1: gRPC: 100 streams at once on one connection are each answered with their own bytes", async () => {
  await withServer(commands, async ({ port }) => {
    await withSession(port, async (session) => {
      const payloads = Array.from({ length: 100 }, (_, i) => new Uint8Array(i * 300).fill(i));
      const answers = await Promise.all(
        payloads.map((payload) => send(session, EXEC, envelope(execRequest("test.echo", payload)), { "x-payload": "raw" })),
      );
      for (const [i, answer] of answers.entries()) {
        assert.equal(answer.grpcStatus, "0");
        assert.ok(answer.body.equals(envelope(execResponse(payloads[i] ?? ""))), `call ${i}`);
      }
    });
  }, { maxPayloadBytes: 1 << 20 });
});
