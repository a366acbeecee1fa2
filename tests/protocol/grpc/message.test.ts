/**
 * Rows B1 and A11: the messages by hand are protobuf's to the byte, whatever else stands in them, and what is none is refused.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import type { Bytes } from "../../../protocol/caller.ts";
import { Envelope } from "../../../protocol/grpc/envelope.ts";
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from "../../../protocol/grpc/message.ts";
import { bytes } from "../../support.ts";
import { ALL, envelope, execRequest, execResponse, field } from "./messages.ts";

const SIZES = [0, 1, 118, 119, 127, 128, 129, 16_370, 16_383, 16_384, 2_097_152];

function plain(value: Uint8Array): Bytes {
  return new Uint8Array(value);
}

test("B1: messages of any length are written as protobuf has them, and read back", () => {
  for (const size of SIZES) {
    const payload = new Uint8Array(size).fill(7);
    const request = encodeRequest({ command: "grüße 日本", payload }, 5);
    assert.deepEqual(request.subarray(5), plain(Buffer.concat([field(1, "grüße 日本"), size === 0 ? Buffer.alloc(0) : field(2, payload)])));
    assert.deepEqual(decodeRequest(request.subarray(5)), { command: "grüße 日本", payload });
    const answer = encodeAnswer(payload);
    assert.deepEqual(answer, plain(execResponse(payload)));
    assert.deepEqual(decodeAnswer(answer), { status: "success", response: payload });
  }
});

test("B1: fields that nobody knows are passed over, and of a field that comes twice the last counts", () => {
  const unknown = Buffer.concat([
    Buffer.from([3 << 3 | 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
    Buffer.from([4 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]),
    field(5, ALL),
    Buffer.from([6 << 3 | 5, 1, 2, 3, 4]),
  ]);
  const message = plain(Buffer.concat([unknown, execRequest("first", "x"), unknown, execRequest("a", "b"), unknown]));
  assert.deepEqual(decodeRequest(message), { command: "a", payload: bytes("b") });
});

test("A11: a message that is cut at any byte is none, and reads nothing beyond its end", () => {
  const message = plain(execRequest("test.echo", ALL));
  for (let cut = 1; cut < message.length; cut++) {
    const read = decodeRequest(message.subarray(0, cut));
    // Between the two fields it is a message without a payload.
    if (cut === 11) assert.deepEqual(read, { command: "test.echo", payload: new Uint8Array(0) });
    else assert.equal(read, undefined, `cut at ${cut}`);
  }
});

const wrong: Readonly<Record<string, readonly number[]>> = {
  "a group": [0x0b, 0x0c],
  "a wire type that there is not": [0x0e, 0],
  "the field 0": [0x02, 0],
  "a number that never ends": Array(20).fill(0xff),
  "a length over the end": [0x12, 5, 1],
  "a length of 2^63": [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  "text that is no UTF-8": [0x0a, 1, 0xff],
};

for (const [title, message] of Object.entries(wrong)) {
  test(`A11: ${title} is no message`, () => {
    assert.equal(decodeRequest(new Uint8Array(message)), undefined);
    assert.equal(decodeAnswer(new Uint8Array(message)), undefined);
  });
}

test("A11: an envelope in pieces of any length is one message, and one over the cap is known by its first five bytes", () => {
  const whole = envelope(ALL);
  for (const size of [1, 2, 3, 4, 5, 6, 100, 1000]) {
    const read = new Envelope(ALL.length);
    for (let at = 0; at < whole.length; at += size) {
      assert.equal(read.isWhole, false);
      assert.ok(read.add(whole.subarray(at, at + size)));
    }
    assert.ok(read.isWhole);
    assert.deepEqual(plain(read.message), ALL);
    assert.ok(!read.add(new Uint8Array(1)), "more than the cap");
  }
  assert.ok(!new Envelope(ALL.length - 1).add(whole.subarray(0, 5)));
});
