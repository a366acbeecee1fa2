/**
 * Rows A8, A12 and B1: gRPC's tables: statuses and codes in both directions, forms of payloads, times left; Connect has the same.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorFromAnswer, isAnswer, isJson } from "../../../protocol/connect/wire.ts";
import { PluginError } from "../../../protocol/errors.ts";
import {
  decodePayload,
  encodePayload,
  errorFromRpc,
  formatGrpcTimeout,
  formFromDialect,
  messageCap,
  parseGrpcTimeout,
  responseFrom,
  rpcError,
} from "../../../protocol/grpc/wire.ts";
import { bytes, text } from "../../support.ts";
import { ALL, hex } from "./messages.ts";

test("A8, B1: each code has its status, and comes back by x-error-code", () => {
  const expected = {
    "exec.unknown_command": Code.Unimplemented,
    "exec.bad_request": Code.InvalidArgument,
    "exec.invalid_input": Code.InvalidArgument,
    "exec.unauthenticated": Code.Unauthenticated,
    "exec.forbidden": Code.PermissionDenied,
    "exec.not_found": Code.NotFound,
    "exec.too_large": Code.ResourceExhausted,
    "exec.unavailable": Code.Unavailable,
    "exec.timeout": Code.DeadlineExceeded,
    "exec.cancelled": Code.Canceled,
    "exec.failed": Code.Unknown,
    "InvalidArgument": Code.Unknown,
    "constructor": Code.Unknown,
  };
  for (const [code, status] of Object.entries(expected)) {
    const error = rpcError(new PluginError(code, "m", { hint: "secret", cause: new Error("secret") }));
    assert.deepEqual([error.code, error.rawMessage, [...error.metadata]], [status, "m", [["x-error-code", code]]]);
    const back = errorFromRpc(error);
    assert.deepEqual([back.code, back.message, back.origin], [code, "m", "plugin"]);
  }
});

test("A8, B1: a status without a code of ours gets one; none of them promises that the call was not run", () => {
  const expected: Readonly<Record<number, string>> = {
    [Code.Canceled]: "exec.cancelled",
    [Code.Unknown]: "exec.failed",
    [Code.InvalidArgument]: "exec.bad_request",
    [Code.DeadlineExceeded]: "exec.timeout",
    [Code.NotFound]: "exec.not_found",
    [Code.AlreadyExists]: "exec.failed",
    [Code.PermissionDenied]: "exec.forbidden",
    [Code.ResourceExhausted]: "exec.too_large",
    [Code.FailedPrecondition]: "exec.failed",
    [Code.Aborted]: "exec.failed",
    [Code.OutOfRange]: "exec.failed",
    [Code.Unimplemented]: "exec.unknown_command",
    [Code.Internal]: "exec.failed",
    [Code.Unavailable]: "exec.failed",
    [Code.DataLoss]: "exec.failed",
    [Code.Unauthenticated]: "exec.unauthenticated",
  };
  for (const [status, code] of Object.entries(expected)) assert.equal(errorFromRpc(new ConnectError("m", Number(status))).code, code);
  for (const forged of ["host.stopped", "caller.refused", "verify.x", "a b", "x".repeat(65)]) {
    assert.equal(errorFromRpc(new ConnectError("m", Code.Unknown, { "x-error-code": forged })).code, "exec.failed", forged);
  }
});

test("B1: seed is hex, goplugin-1 is raw; hex is written lower-case and read in either case", () => {
  assert.deepEqual([formFromDialect("seed"), formFromDialect("goplugin-1")], ["hex", "raw"]);
  assert.equal(encodePayload(ALL, "raw"), ALL);
  assert.equal(text(encodePayload(ALL, "hex")), hex(ALL));
  assert.deepEqual(decodePayload(bytes(hex(ALL).toUpperCase()), "hex"), ALL);
  for (const bad of ["0", "zz", "0x", " 00"]) assert.equal(decodePayload(bytes(bad), "hex"), undefined, bad);
  assert.equal(decodePayload(new Uint8Array([0xff, 0xfe]), "hex"), undefined);
});

test("B1: responseFrom() takes success, an empty status and missing data, and nothing else", () => {
  assert.equal(responseFrom({ Status: "success", Data: { Response: "pong" } }, ""), "pong");
  assert.equal(responseFrom({ Status: "", Data: { Response: "pong" } }, ""), "pong");
  assert.equal(responseFrom({ Status: "success" }, ""), "");
  for (const Status of ["error", "Success", "x".repeat(5000)]) {
    assert.throws(() => responseFrom({ Status, Data: { Response: "pong" } }, ""), (error: PluginError) => {
      return error.code === "caller.bad_response" && error.message.length < 300;
    });
  }
});

test("A12: grpc-timeout has at most eight digits and is read back as whole milliseconds, at least 1", () => {
  for (
    const [ms, written, read] of [[1, "1m", 1], [99_999_999, "99999999m", 99_999_999], [2 ** 31 - 1, "2147483S", 2_147_483_000]] as const
  ) {
    assert.equal(formatGrpcTimeout(ms), written);
    assert.equal(parseGrpcTimeout(written), read);
  }
  const read: Readonly<Record<string, number>> = { "2H": 7_200_000, "3M": 180_000, "1S": 1000, "1500u": 2, "1n": 1, "0m": 1 };
  for (const [written, ms] of Object.entries(read)) assert.equal(parseGrpcTimeout(written), ms, written);
  for (const bad of ["", "5", "m", "-5m", "1.5S", "123456789m", "5 m", "5x", "undefined"]) {
    assert.equal(parseGrpcTimeout(bad), undefined, bad);
  }
});

test("A11: messageCap() is twice the limit and 64 KiB, and no more than gRPC can write", () => {
  assert.equal(messageCap(16 * 1024 * 1024), 2 * 16 * 1024 * 1024 + 64 * 1024);
  assert.equal(messageCap(Number.MAX_SAFE_INTEGER), 2 ** 32 - 1);
});

test("A8, B1: Connect: errorFromAnswer() takes Connect's errors for the plugin's own, and pages of others for none", () => {
  const own = errorFromAnswer(404, new Headers(), bytes('{"code":"not_found","message":"m"}'));
  assert.ok(own instanceof ConnectError && isAnswer(own));
  assert.deepEqual([own.code, own.rawMessage], [Code.NotFound, "m"]);
  assert.ok(!isAnswer(new ConnectError("m")));
  for (const body of ["", "<h1>", "null", "[]", "7", '{"code":"exec.not_found"}', '{"code":7}', "x".repeat(5000)]) {
    const error = errorFromAnswer(404, new Headers(), bytes(body));
    assert.ok(error instanceof PluginError && error.code === "caller.bad_response" && error.message.length < 300, body.slice(0, 20));
  }
});

test("A8, B1: Connect: isJson() reads a content type as HTTP writes it", () => {
  for (const type of ["application/json", "Application/JSON; charset=utf-8", " application/json ;"]) assert.ok(isJson(type), type);
  for (const type of [null, "", "application/proto", "application/jsonx", "text/plain; application/json"]) {
    assert.ok(!isJson(type), `${type}`);
  }
});
