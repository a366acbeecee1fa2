/**
 * Row A8: what the plugin's side answers, byte for byte, to requests sent as bytes.
 * @module
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { PluginError } from "../../../protocol/errors.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import { bytes, text } from "../../support.ts";
import { rawRequest, sendRaw } from "./raw_http.ts";
import { withServer } from "./served.ts";

const OCTETS = { "content-type": "application/octet-stream" };

const commands: Commands = {
  "test.echo": (payload) => payload,
  "test.context": (_payload, { requestId, from }) => bytes(`${requestId} ${from}`),
  "test.hang": () => new Promise(() => {}),
  // Throws an object with the members of the payload's JSON.
  "test.throw": (payload) => {
    throw Object.assign(new Error("no message"), JSON.parse(text(payload)));
  },
};

function exec(command: unknown, payload: unknown = "", headers: Readonly<Record<string, string>> = {}): Uint8Array {
  return rawRequest("POST /exec", { "content-type": "application/json", ...headers }, JSON.stringify({ command, payload }));
}

const hexOf = (payload: string) => Array.from(bytes(payload), (byte) => byte.toString(16).padStart(2, "0")).join("");

test("A8: GET /ping is answered with exactly 200 and pong, and says what the plugin knows", async () => {
  await withServer(commands, async ({ port }) => {
    for (const target of ["/ping", "/ping?x=1"]) {
      const answer = await sendRaw(port, rawRequest(`GET ${target}`));
      assert.equal(answer.status, 200);
      assert.equal(answer.body, '{"status":"success","data":{"response":"pong"}}');
      assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
      assert.equal(answer.headers.get("x-polyplug"), "1; features=cancel,info,init,raw,shutdown,stream");
      assert.equal(answer.headers.get("x-polyplug-proof"), undefined);
    }
  });
});

test("A8: POST /exec is answered with exactly 202 and lower-case hex", async () => {
  await withServer(commands, async ({ port }) => {
    const answer = await sendRaw(port, exec("test.echo", "ABcd00FF"));
    assert.equal(answer.status, 202);
    assert.equal(answer.body, '{"status":"success","data":{"response":"abcd00ff"}}');
    assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
    assert.equal(answer.headers.get("content-encoding"), undefined);
    assert.equal((await sendRaw(port, exec("test.echo"))).body, '{"status":"success","data":{"response":""}}');
  });
});

for (
  const type of [
    "application/x-www-form-urlencoded",
    "text/plain;charset=UTF-8",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-8",
    "",
    "garbage",
  ]
) {
  test(`A8: POST /exec takes JSON under the content type ${type || "of nobody"}, as curl and urllib send`, async () => {
    await withServer(commands, async ({ port }) => {
      const body = '{"later":true,"payload":"6869","command":"test.echo","id":[1]}';
      const answer = await sendRaw(port, rawRequest("POST /exec", type === "" ? {} : { "content-type": type }, body));
      assert.deepEqual([answer.status, answer.body], [202, '{"status":"success","data":{"response":"6869"}}']);
    });
  });
}

test("A8: POST /exec of an octet-stream is answered with the raw bytes", async () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  await withServer(commands, async ({ port }) => {
    for (const payload of [all, new Uint8Array(0), all.subarray(200)]) {
      const answer = await sendRaw(port, rawRequest("POST /exec", { ...OCTETS, "X-Command": "test.echo" }, payload));
      assert.equal(answer.status, 202);
      assert.equal(answer.headers.get("content-type"), "application/octet-stream");
      assert.deepEqual(answer.bytes, new Uint8Array(payload));
    }
  });
});

test("A8: POST /exec of an octet-stream without a command is exec.bad_request; its errors are JSON", async () => {
  await withServer(commands, async ({ port }) => {
    const unnamed = await sendRaw(port, rawRequest("POST /exec", OCTETS, "x"));
    assert.deepEqual([unnamed.status, JSON.parse(unnamed.body).code], [400, "exec.bad_request"]);
    const unknown = await sendRaw(port, rawRequest("POST /exec", { ...OCTETS, "x-command": "nothing" }, "x"));
    assert.deepEqual([unknown.status, JSON.parse(unknown.body).code], [400, "exec.unknown_command"]);
    assert.match(unknown.headers.get("content-type") ?? "", /^application\/json/);
  });
});

test("A8: a body may come in chunks, and in two pieces", async () => {
  await withServer(commands, async ({ port }) => {
    const start = "POST /exec HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    const chunked = await sendRaw(
      port,
      `${start}transfer-encoding: chunked\r\n\r\n`,
      '16\r\n{"command":"test.echo"\r\n',
      '11\r\n,"payload":"00"} \r\n0\r\n\r\n',
    );
    assert.deepEqual([chunked.status, chunked.body], [202, '{"status":"success","data":{"response":"00"}}']);
    const split = await sendRaw(port, `${start}content-length: 39\r\n\r\n{"command":"test.`, 'echo","payload":"01"} ');
    assert.deepEqual([split.status, split.body], [202, '{"status":"success","data":{"response":"01"}}']);
  });
});

test("A8: two connections may be held open, and one may carry many calls", async () => {
  await withServer(commands, async ({ port }) => {
    const idle = connect({ host: "127.0.0.1", port });
    await new Promise((resolve) => idle.once("connect", resolve));
    const kept = rawRequest("GET /ping", { connection: "keep-alive" });
    const answer = await sendRaw(port, kept, kept, rawRequest("GET /ping"));
    assert.equal(`${answer.status} ${answer.body}`.match(/pong/g)?.length, 3);
    idle.destroy();
  });
});

test("A8: the handler gets x-request-id and X-Host; without them a UUID and nobody", async () => {
  await withServer(commands, async ({ port }) => {
    const named = await sendRaw(port, exec("test.context", "", { "x-request-id": "r-1", "X-Host": "app" }));
    assert.equal(JSON.parse(named.body).data.response, hexOf("r-1 app"));
    const unnamed = await sendRaw(port, rawRequest("POST /exec", { ...OCTETS, "x-command": "test.context" }));
    assert.match(unnamed.body, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} $/);
  });
});

const refused: readonly (readonly [title: string, request: Uint8Array, status: number, code: string])[] = [
  ["an unknown command", exec("nothing"), 400, "exec.unknown_command"],
  ["a command of a prototype", exec("constructor"), 400, "exec.unknown_command"],
  ["a body that is not JSON", rawRequest("POST /exec", {}, "command=x"), 400, "exec.bad_request"],
  ["no body", rawRequest("POST /exec"), 400, "exec.bad_request"],
  ["an array", rawRequest("POST /exec", {}, "[]"), 400, "exec.bad_request"],
  ["no command", rawRequest("POST /exec", {}, '{"payload":""}'), 400, "exec.bad_request"],
  ["no payload", rawRequest("POST /exec", {}, '{"command":"test.echo"}'), 400, "exec.bad_request"],
  ["odd hex", exec("test.echo", "abc"), 400, "exec.bad_request"],
  ["bad hex", exec("test.echo", "zz"), 400, "exec.bad_request"],
  ["a payload that is no string", exec("test.echo", 5), 400, "exec.bad_request"],
  ["another path", rawRequest("GET /"), 404, "exec.not_found"],
  ["a path below", rawRequest("POST /exec/x", {}, "{}"), 404, "exec.not_found"],
  ["a path that ends in a slash", rawRequest("GET /ping/"), 404, "exec.not_found"],
  ["a path in another case", rawRequest("GET /Ping"), 404, "exec.not_found"],
  ["POST /ping", rawRequest("POST /ping", {}, "{}"), 405, "exec.not_found"],
  ["GET /exec", rawRequest("GET /exec"), 405, "exec.not_found"],
  ["DELETE /exec", rawRequest("DELETE /exec"), 405, "exec.not_found"],
  ["OPTIONS /exec", rawRequest("OPTIONS /exec"), 405, "exec.not_found"],
  ["a deadline that passes", exec("test.hang", "", { "x-timeout-ms": "30" }), 504, "exec.timeout"],
];

for (const [title, request, status, code] of refused) {
  test(`A8: ${title} is ${status} ${code}`, async () => {
    await withServer(commands, async ({ port }) => {
      const answer = await sendRaw(port, request);
      assert.equal(answer.status, status, answer.body);
      assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
      const { message, ...rest } = JSON.parse(answer.body);
      assert.deepEqual(rest, { status: "error", data: null, code });
      assert.ok(typeof message === "string" && message !== "");
    });
  });
}

test("A8: HEAD /ping is no ping", async () => {
  await withServer(commands, async ({ port }) => {
    const answer = await sendRaw(port, rawRequest("HEAD /ping"));
    assert.deepEqual([answer.status, answer.body], [405, ""]);
  });
});

for (const value of ["0", "-5", "1.5", "abc", "", "2147483648", "Infinity", "9".repeat(40)]) {
  test(`A8: an x-timeout-ms of ${value || "nothing"} is no deadline`, async () => {
    await withServer(
      { "test.wait": async (payload) => (await new Promise((resolve) => setTimeout(resolve, 20)), payload) },
      async ({ port }) => {
        assert.equal((await sendRaw(port, exec("test.wait", "00", { "x-timeout-ms": value }))).status, 202);
      },
    );
  });
}

const thrown: readonly (readonly [thrown: Record<string, unknown>, status: number, code: string])[] = [
  [{ message: "m" }, 500, "exec.failed"],
  [{ message: "m", code: "InvalidArgument" }, 500, "InvalidArgument"],
  [{ message: "m", code: "hello.refused-9_A" }, 500, "hello.refused-9_A"],
  [{ message: "m", code: "has a space" }, 500, "exec.failed"],
  [{ message: "m", code: "x".repeat(65) }, 500, "exec.failed"],
  [{ message: "m", code: 7 }, 500, "exec.failed"],
  [{ message: "m", code: "config.invalid" }, 500, "exec.failed"],
  [{ message: "m", code: "caller.refused" }, 500, "exec.failed"],
  [{ message: "m", code: "exec.unavailable" }, 500, "exec.failed"],
  [{ message: "m", code: "exec.invalid_input" }, 422, "exec.invalid_input"],
  [{ message: "m", code: "exec.timeout" }, 504, "exec.timeout"],
];

for (const [error, status, code] of thrown) {
  test(`A8: a handler that throws the code ${JSON.stringify(error["code"])} is ${status} ${code}, and no stack crosses`, async () => {
    await withServer(commands, async ({ port }) => {
      const answer = await sendRaw(
        port,
        exec("test.throw", hexOf(JSON.stringify({ ...error, stack: "at secret", hint: "h", cause: "c" }))),
      );
      assert.equal(answer.status, status);
      assert.equal(answer.body, `{"status":"error","data":null,"message":"m","code":${JSON.stringify(code)}}`);
    });
  });
}

test("A8: a thrown PluginError crosses with code and message alone", async () => {
  const fail = () => {
    throw new PluginError("own.code", 'line\r\n"two"', { hint: "secret hint", cause: new Error("secret cause") });
  };
  await withServer({ fail }, async ({ port }) => {
    const { body } = await sendRaw(port, exec("fail"));
    assert.deepEqual(JSON.parse(body), { status: "error", data: null, message: 'line\r\n"two"', code: "own.code" });
  });
});

for (
  const garbage of [
    "\u0000\u0001\u0002\r\n\r\n",
    "GET\r\n\r\n",
    "GET /ping HTTP/9.9\r\n\r\n",
    "SSH-2.0-x\r\n\r\n",
    "POST /exec HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
  ]
) {
  test(`A8: ${JSON.stringify(garbage)} costs its own connection alone`, async () => {
    await withServer(commands, async ({ port }) => {
      const answer = await sendRaw(port, garbage);
      assert.ok(answer.status === 0 || answer.status >= 400, String(answer.status));
      assert.equal((await sendRaw(port, exec("test.echo", "00"))).status, 202);
    });
  });
}
