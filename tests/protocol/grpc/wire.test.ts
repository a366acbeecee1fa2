/**
 * Rows A8, A12 and B1: gRPC's tables: statuses and codes in both directions, forms of payloads, times left; Connect has the same.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isJson, isProto, refusalFrom } from "../../../protocol/connect/wire.ts";
import type { PluginError } from "../../../protocol/errors.ts";
import {
  decodePayload,
  encodePayload,
  errorFromRefusal,
  formatGrpcTimeout,
  formFromDialect,
  messageCap,
  parseGrpcTimeout,
  responseFrom,
  STATUSES,
  statusFromCode,
} from "../../../protocol/grpc/wire.ts";
import { bytes, text } from "../../support.ts";
import { ALL, hex } from "./messages.ts";

test("A8, B1: each code has its status, and comes back by x-error-code", () => {
  const expected = {
    "exec.unknown_command": "Unimplemented",
    "exec.bad_request": "InvalidArgument",
    "exec.invalid_input": "InvalidArgument",
    "exec.unauthenticated": "Unauthenticated",
    "exec.forbidden": "PermissionDenied",
    "exec.not_found": "NotFound",
    "exec.too_large": "ResourceExhausted",
    "exec.unavailable": "Unavailable",
    "exec.timeout": "DeadlineExceeded",
    "exec.cancelled": "Canceled",
    "exec.failed": "Unknown",
    "InvalidArgument": "Unknown",
    "constructor": "Unknown",
  };
  for (const [code, status] of Object.entries(expected)) {
    assert.equal(statusFromCode(code), status);
    const back = errorFromRefusal({ status: statusFromCode(code), message: "m", code });
    assert.deepEqual([back.code, back.message, back.origin], [code, "m", "plugin"]);
  }
});

test("A8, B1: a status without a code of ours gets one; none of them promises that the call was not run", () => {
  const codes = [
    "exec.cancelled",
    "exec.failed",
    "exec.bad_request",
    "exec.timeout",
    "exec.not_found",
    "exec.failed",
    "exec.forbidden",
    "exec.too_large",
    "exec.failed",
    "exec.failed",
    "exec.failed",
    "exec.unknown_command",
    "exec.failed",
    "exec.failed",
    "exec.failed",
    "exec.unauthenticated",
  ];
  assert.deepEqual(STATUSES.slice(1).map((status) => errorFromRefusal({ status, message: "m", code: null }).code), codes);
  for (const forged of ["host.stopped", "caller.refused", "verify.x", "a b", "x".repeat(65)]) {
    assert.equal(errorFromRefusal({ status: "Unknown", message: "m", code: forged }).code, "exec.failed", forged);
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

test("B1: responseFrom() takes success and an empty status, and nothing else", () => {
  const response = bytes("pong");
  assert.equal(responseFrom({ status: "success", response }), response);
  assert.equal(responseFrom({ status: "", response }), response);
  for (const status of ["error", "Success", "x".repeat(5000)]) {
    assert.throws(() => responseFrom({ status, response }), (error: PluginError) => {
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

test("A8, B1: Connect: refusalFrom() takes Connect's errors for the plugin's own, and pages of others for none", () => {
  assert.deepEqual(refusalFrom(404, null, bytes('{"code":"not_found","message":"m"}')), { status: "NotFound", message: "m", code: null });
  for (const body of ["", "<h1>", "null", "[]", "7", '{"code":"exec.not_found"}', '{"code":7}', '{"code":"ok"}', "x".repeat(5000)]) {
    assert.throws(() => refusalFrom(404, null, bytes(body)), (error: PluginError) => {
      return error.code === "caller.bad_response" && error.message.length < 300;
    }, body.slice(0, 20));
  }
});

test("A8, B1: Connect: isJson() and isProto() read a content type as HTTP writes it", () => {
  for (const type of ["application/json", "Application/JSON; charset=utf-8", " application/json ;"]) assert.ok(isJson(type), type);
  for (const type of [null, "", "application/proto", "application/jsonx", "text/plain; application/json"]) {
    assert.ok(!isJson(type), `${type}`);
  }
  for (const type of ["application/proto", "Application/Proto", "application/proto; x=y"]) assert.ok(isProto(type), type);
  for (const type of [null, "", "application/json", "application/protobuf"]) assert.ok(!isProto(type), `${type}`);
});
