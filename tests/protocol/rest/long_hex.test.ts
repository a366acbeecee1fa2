/**
 * Rows A8 and A10: a long body of JSON is read chunk by chunk to what `JSON.parse` makes of the whole, and written to what a short one is.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HEAD_BYTES, HexBody, JsonBody, LONG_BYTES } from "../../../protocol/rest/long_hex.ts";
import { decodeExecAnswer, decodeExecRequest, encodeExecAnswer, encodeExecRequest, longExecRequest } from "../../../protocol/rest/wire.ts";
import { bytes } from "../../support.ts";
import { withServer } from "./served.ts";
import { rawRequest, sendRaw } from "./raw_http.ts";

/** Reads a body in chunks of these sizes, again and again, and is told its length or nothing. */
function readIn(body: string, sizes: readonly number[], isToldLength: boolean): JsonBody {
  const whole = bytes(body);
  const json = new JsonBody(isToldLength ? whole.length : Number.NaN);
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    json.push(whole.subarray(at, at + size));
    at += size;
  }
  return json;
}

/** What comes of it, an error as its code and message. */
function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return { code: (error as { code?: string }).code, message: (error as Error).message };
  }
}

const DIGITS = "0123456789abcdefABCDEF";
/** Many digits, as a handful repeated, so that a run stays quick; sometimes of odd length, and sometimes with something else in them. */
const long = fc.tuple(fc.string({ unit: fc.constantFrom(...DIGITS), minLength: 1, maxLength: 9 }), fc.integer({ min: 0, max: 3 })).map(
  ([part, more]) => part.repeat(Math.ceil(2 * HEAD_BYTES / part.length)) + part.slice(0, more),
);
const wrong = fc.constantFrom("g", " ", "\\u0061", "\\n", "\\", "é", '\\"', "\n", '"', "\u0000");
const value = fc.oneof(
  long,
  fc.tuple(long, wrong, long).map((parts) => parts.join("")),
  fc.tuple(wrong, long).map((parts) => parts.join("")),
  fc.constantFrom("", "0", "00", "aBFf"),
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => JSON.stringify(text).slice(1, -1)),
).map((text) => `"${text}"`);
const key = fc.constantFrom(
  "command",
  "payload",
  "Payload",
  "response",
  "RESPONSE",
  "status",
  "data",
  "x",
  "pay\\u006coad",
  '\\"payload',
  "\\\\",
);
const space = fc.constantFrom("", "", "", " ", "\r\n\t");
const member = fc.tuple(space, key, space, space, fc.oneof(value, fc.constantFrom("1", "null", "[]", '{"payload":"00"}', '"success"'))).map(
  ([before, name, behind, front, said]) => `${before}"${name}"${behind}:${front}${said}`,
);
const object = fc.array(member, { maxLength: 4 }).map((members) => `{${members.join(",")}}`);
const request = fc.tuple(member, value, member).map(([one, said, two]) => `{${one},"command":"a","payload":${said},${two}}`);
const nested = fc.tuple(object, value, fc.constantFrom("", "\n", "}", ',"data":{}', "x")).map(
  ([before, said, after]) => `{"before":${before},"status":"success","data":{"response":${said}}${after}}`,
);
const body = fc.oneof(
  object,
  request,
  nested,
  fc.tuple(nested, fc.constantFrom('"payload":"', "[", "\ufeff")).map(([text, front]) => front + text),
);
const sizes = fc.oneof(fc.constant([1_000_000]), fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 }));

const MANY = "aB".repeat(HEAD_BYTES);
/** A later string that is the long one's start, a long string that is no payload, an odd digit at the end, one that is cut off. */
const TRICKY = [
  `{"command":"a","payload":"${MANY}","payload":"${MANY.slice(0, 128)}"}`,
  `{"command":"${MANY}","payload":"00"}`,
  `{"status":"${MANY}","data":{"response":"00"}}`,
  `{"command":"a","payload":"${MANY}c"}`,
  `{"data":{"response":"${MANY}`,
];

test("A10: a long body of JSON is read in chunks to what JSON.parse makes of it, request and answer, right and wrong", () => {
  fc.assert(
    fc.property(body, sizes, fc.boolean(), (text, chunks, isToldLength) => {
      for (const decode of [decodeExecRequest, decodeExecAnswer]) {
        // Digits that were put back are lower-case; nothing of them is seen but their value, and the first in a message.
        const expected = outcome(() => decode(new TextDecoder().decode(bytes(text))));
        assert.deepEqual(outcome(() => decode(readIn(text, chunks, isToldLength).end())), expected);
      }
    }),
    { numRuns: 200, examples: TRICKY.map((text): [string, number[], boolean] => [text, [1000], true]) },
  );
});

test("A10: a long payload is read whatever comes around it, in chunks of odd sizes, and its memory is nobody else's", () => {
  const payload = Uint8Array.from({ length: HEAD_BYTES + 7 }, (_, i) => i * 7);
  const hex = Array.from(payload, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const bodies = [
    `{"command":"é","payload":"${hex}"}`,
    `{"payload":"${hex.toUpperCase()}","command":"é"}`,
    `{ "x": "\\"payload\\":\\"00", "payload" : "00", "payload"\n:\t"${hex}", "y": [{"payload":"00"}], "command":"é" }\n`,
  ];
  for (const text of bodies) {
    for (const isToldLength of [true, false]) {
      for (const size of [1, 2, 333, 65_536, 1_000_000]) {
        const decoded = decodeExecRequest(readIn(text, [size], isToldLength).end());
        assert.deepEqual(decoded, { command: "é", payload });
        assert.equal(decoded.payload.buffer.byteLength, payload.length);
      }
    }
  }
});

test("A10: long bodies are written as the short ones are", () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.integer({ min: 0, max: 3 }), (command, part, more) => {
      const payload = Uint8Array.from({ length: LONG_BYTES + more }, (_, i) => part[i % part.length] ?? 0);
      const long = longExecRequest(command, payload);
      const expected = bytes(encodeExecRequest(command, payload));
      assert.deepEqual(long.bytes(), expected);
      assert.deepEqual(bytes([...long.pieces()].join("")), expected);
      assert.equal(long.length, expected.length);
      const answer = encodeExecAnswer(payload);
      assert.ok(answer instanceof Uint8Array);
      assert.deepEqual(decodeExecAnswer(new TextDecoder().decode(answer)), payload);
    }),
    { numRuns: 3 },
  );
  assert.deepEqual(new HexBody("é", new Uint8Array(0), "}").bytes(), bytes("é}"));
});

test("A8: the server reads a long payload that comes in chunks without a length, and refuses one that is not hex", async () => {
  const commands = { "test.length": (payload: Uint8Array) => bytes(String(payload.length)) };
  await withServer(commands, async ({ port }) => {
    const chunked = { "transfer-encoding": "chunked" };
    const send = async (payload: string) => {
      const text = `{"command":"test.length","payload":"${payload}"}`;
      const parts = text.match(/[^]{1,10000}/g) ?? [];
      const encoded = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
      return await sendRaw(port, rawRequest("POST /exec", chunked), bytes(`${encoded}0\r\n\r\n`));
    };
    const right = await send("Ab".repeat(HEAD_BYTES));
    assert.deepEqual([right.status, JSON.parse(right.body).data.response], [202, "3635353336"]);
    for (const wrong of [`${"ab".repeat(HEAD_BYTES)}a`, `${"ab".repeat(HEAD_BYTES)}g0`]) {
      const refused = await send(wrong);
      assert.deepEqual([refused.status, JSON.parse(refused.body).code], [400, "exec.bad_request"]);
    }
  }, { maxPayloadBytes: 1024 * 1024 });
});
