/**
 * Row A8: the shapes of REST, as tables: what is written, what is read, and which code each answer stands for.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PluginError } from "../../../protocol/errors.ts";
import { formatIdentity, parseIdentity } from "../../../protocol/headers.ts";
import {
  decodeAnswer,
  decodeExecAnswer,
  decodeExecRequest,
  encodeAnswer,
  encodeError,
  encodeExecRequest,
  errorFromAnswer,
  EXEC_STATUS,
  isRaw,
  jsonCap,
  PING_STATUS,
  statusFromCode,
} from "../../../protocol/rest/wire.ts";
import { bytes, text } from "../../support.ts";

/** What an answer to exec with this status stands for. */
function answered(status: number, text: string): PluginError {
  return errorFromAnswer({ status, expected: 202, text }, { plugin: "unit" });
}

test("A8: the statuses are exactly 200 for ping and 202 for exec", () => {
  assert.deepEqual([PING_STATUS, EXEC_STATUS], [200, 202]);
});

test("A8: encodeExecRequest() writes the contract's two keys, in lower-case hex", () => {
  assert.equal(encodeExecRequest("a.b", new Uint8Array([0xab, 0x0f])), '{"command":"a.b","payload":"ab0f"}');
  assert.equal(encodeExecRequest("a", new Uint8Array(0)), '{"command":"a","payload":""}');
  assert.deepEqual(JSON.parse(encodeExecRequest('"\\ü', bytes("x"))), { command: '"\\ü', payload: "78" });
});

test("A8: decodeExecRequest() reads either case of hex, ignores unknown keys and takes an empty payload", () => {
  const decoded = decodeExecRequest('{"payload":"aBFf","later":{"x":1},"command":"grüße"}');
  assert.deepEqual(decoded, { command: "grüße", payload: new Uint8Array([0xab, 0xff]) });
  assert.equal(decodeExecRequest('{"command":"a","payload":""}').payload.length, 0);
});

for (
  const [body, message] of [
    ["", /not a JSON object/],
    ["{", /not a JSON object/],
    ["null", /not a JSON object/],
    ["[]", /not a JSON object/],
    ['"text"', /not a JSON object/],
    ["{}", /no "command" string/],
    ['{"payload":""}', /no "command" string/],
    ['{"command":1,"payload":""}', /no "command" string/],
    ['{"command":"a"}', /no "payload" string/],
    ['{"command":"a","payload":null}', /no "payload" string/],
    ['{"command":"a","payload":"0"}', /not hex/],
    ['{"command":"a","payload":"zz"}', /not hex/],
  ] as const
) {
  test(`A8: decodeExecRequest() is exec.bad_request for ${body || "an empty body"}`, () => {
    assert.throws(() => decodeExecRequest(body), { code: "exec.bad_request", origin: "plugin", message });
  });
}

test("A8: encodeAnswer() writes what goplugin reads", () => {
  assert.equal(encodeAnswer("pong"), '{"status":"success","data":{"response":"pong"}}');
});

for (
  const answer of [
    '{"status":"success","data":{"response":"6869"}}',
    '{"Status":"success","DATA":{"Response":"6869"}}',
    '{"data":{"response":"6869"}}',
    '{"status":"","data":{"response":"6869"}}',
    '{"status":null,"data":{"response":"6869"}}',
    '{"message":"ok","data":{"response":"6869","more":1},"status":"success"}',
    '{"RESPONSE":"no","data":{"RESPONSE":"ff","response":"6869"}}',
    ' {"status":"success",\r\n"data":{"response":"6869"}} \n',
  ]
) {
  test(`A8: decodeExecAnswer() reads ${answer}`, () => {
    assert.equal(text(decodeExecAnswer(answer)), "hi");
  });
}

for (
  const answer of [
    "",
    "pong",
    "<html></html>",
    "null",
    "[]",
    "{}",
    '{"status":"error","data":{"response":"6869"}}',
    '{"status":"SUCCESS","data":{"response":"6869"}}',
    '{"status":true,"data":{"response":"6869"}}',
    '{"status":"success"}',
    '{"status":"success","data":null}',
    '{"status":"success","data":"6869"}',
    '{"status":"success","data":[]}',
    '{"status":"success","data":{}}',
    '{"status":"success","data":{"response":null}}',
    '{"status":"success","data":{"response":6869}}',
    '{"status":"success","data":{"response":["6869"]}}',
    '{"status":"success","data":{"response":"686"}}',
    '{"status":"success","data":{"response":"zz"}}',
    '{"__proto__":{"data":{"response":"6869"}}}',
  ]
) {
  test(`A8: decodeExecAnswer() is caller.bad_response for ${answer || "an empty body"}`, () => {
    assert.throws(() => decodeExecAnswer(answer), { name: "PluginError", code: "caller.bad_response", origin: "host" });
  });
}

test("A8: decodeExecAnswer() reads an empty response as no bytes, and a message keeps only the start of a long answer", () => {
  assert.equal(decodeExecAnswer('{"data":{"response":""}}').length, 0);
  assert.throws(() => decodeAnswer("x".repeat(100_000)), (error: PluginError) => error.message.length < 300);
});

test("A8: each code has its status; all others are 500", () => {
  const expected = {
    "exec.unknown_command": 400,
    "exec.bad_request": 400,
    "exec.unauthenticated": 401,
    "exec.forbidden": 403,
    "exec.not_found": 404,
    "exec.too_large": 413,
    "exec.invalid_input": 422,
    "exec.failed": 500,
    "InvalidArgument": 500,
    "constructor": 500,
    "exec.unavailable": 503,
    "exec.timeout": 504,
  };
  for (const [code, status] of Object.entries(expected)) assert.equal(statusFromCode(code), status, code);
});

test("A8: encodeError() writes the four keys and no stack", () => {
  const error = new PluginError("own.code", 'a "text"\nof two lines', { hint: "h", cause: new Error("inner") });
  const body = encodeError(error);
  assert.deepEqual(JSON.parse(body), { status: "error", data: null, message: 'a "text"\nof two lines', code: "own.code" });
  assert.ok(body.startsWith('{"status":"error","data":null,"message":'));
});

for (
  const [status, code] of [
    [400, "exec.bad_request"],
    [401, "exec.unauthenticated"],
    [403, "exec.forbidden"],
    [404, "exec.not_found"],
    [405, "exec.not_found"],
    [413, "exec.too_large"],
    [418, "exec.failed"],
    [422, "exec.invalid_input"],
    [500, "exec.failed"],
    [502, "exec.failed"],
    [503, "exec.failed"],
    [504, "exec.timeout"],
  ] as const
) {
  test(`A8: errorFromAnswer() makes ${status} without a code ${code}`, () => {
    const bodies = [
      '{"status":"error","data":null,"message":"m"}',
      '{"Message":"m","code":null}',
      '{"message":"m","code":""}',
      '{"message":"m","code":7}',
    ];
    for (const body of bodies) {
      const error = answered(status, body);
      assert.deepEqual([error.code, error.message, error.origin], [code, "m", "plugin"], body);
    }
    for (const body of ["", "<h1>Sorry</h1>", "[1]", "null"]) {
      const error = answered(status, body);
      assert.deepEqual([error.code, error.origin], [code, "plugin"]);
      assert.match(error.message, new RegExp(`status ${status}`));
    }
  });
}

test("D5: errorFromAnswer() believes the codes of a host, and only those", () => {
  const codes = {
    "host.cycle": ["host.cycle", "host"],
    "exec.not_granted": ["exec.not_granted", "plugin"],
    "host.a b": ["exec.failed", "plugin"],
  };
  for (const [given, expected] of Object.entries(codes)) {
    const error = errorFromAnswer({ status: 503, expected: 202, text: JSON.stringify({ code: given }) }, { plugin: "host", isHost: true });
    assert.deepEqual([error.code, error.origin], expected);
  }
});

test("A8: errorFromAnswer() takes the plugin's own code, but none that it may not have", () => {
  const codes = { "own.code": "own.code", "exec.unavailable": "exec.unavailable", "verify.forged": "exec.failed", "a b": "exec.failed" };
  for (const [given, code] of Object.entries(codes)) {
    assert.equal(answered(500, JSON.stringify({ Code: given, MESSAGE: "m" })).code, code);
  }
});

for (const status of [200, 201, 204, 206, 301, 302, 304, 307]) {
  test(`A8: errorFromAnswer() makes ${status} on exec caller.bad_response`, () => {
    const error = answered(status, '{"status":"success","data":{"response":""}}');
    assert.deepEqual([error.code, error.origin], ["caller.bad_response", "host"]);
    assert.match(error.message, new RegExp(`${status}, not 202`));
  });
}

test("A8: isRaw() reads a content type as HTTP writes it", () => {
  for (
    const type of [
      "application/octet-stream",
      "Application/Octet-Stream",
      "application/octet-stream; charset=x",
      " application/octet-stream ;",
    ]
  ) {
    assert.ok(isRaw(type), type);
  }
  const others = [
    null,
    "",
    "application/json",
    "application/octet-streams",
    "text/plain; application/octet-stream",
    "application/x-www-form-urlencoded",
  ];
  for (const type of others) assert.ok(!isRaw(type), String(type));
});

test("A8: jsonCap() is twice the limit and 64 KiB", () => {
  assert.equal(jsonCap(16 * 1024 * 1024), 2 * 16 * 1024 * 1024 + 64 * 1024);
});

test("A8: parseIdentity() reads what formatIdentity() writes, and takes a missing header for a plain plugin", () => {
  assert.equal(formatIdentity(["raw", "cancel"]), "1; features=raw,cancel");
  assert.deepEqual(parseIdentity("1; features=raw,cancel", "ab"), { protocol: 1, features: ["raw", "cancel"], proof: "ab" });
  assert.deepEqual(parseIdentity("1", null), { protocol: 1, features: [] });
  assert.deepEqual(parseIdentity("1;features= raw , cancel ,; later=x", null), { protocol: 1, features: ["raw", "cancel"] });
  assert.deepEqual(parseIdentity(null, null), { features: [] });
  assert.ok(Number.isNaN(parseIdentity("garbage", null).protocol));
});
