/**
 * The ready line of WIRE.md section 2: which lines are one, and which are a plugin's own output.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReadyLine, formatVersionLine, parseReadyLine } from "../../protocol/ready_line.ts";

test("A6: formatReadyLine() writes what parseReadyLine() reads, on one line", () => {
  const line = formatReadyLine("rest", { address: "http://127.0.0.1:41234" });
  assert.equal(line, '{"polyplug":1,"comm_type":"rest","address":"http://127.0.0.1:41234"}');
  assert.deepEqual(parseReadyLine(line), { polyplug: 1, commType: "rest", address: "http://127.0.0.1:41234", socket: undefined });
  assert.deepEqual(parseReadyLine(formatVersionLine()), { polyplug: 1, commType: undefined, address: undefined, socket: undefined });
});

test("A6: parseReadyLine() ignores unknown keys, order and spaces", () => {
  const line = '{ "later": [1], "address": "unix:/tmp/x.sock", "polyplug": 7 , "comm_type":"grpc"}';
  assert.deepEqual(parseReadyLine(line), { polyplug: 7, commType: "grpc", address: "unix:/tmp/x.sock", socket: undefined });
});

test("A6: parseReadyLine() reads a value of another type as absent", () => {
  assert.deepEqual(parseReadyLine('{"polyplug":1,"comm_type":5,"address":null}'), {
    polyplug: 1,
    commType: undefined,
    address: undefined,
    socket: undefined,
  });
});

for (
  const line of [
    "",
    "hello",
    "{",
    '{"polyplug":1',
    '{"polyplug":"1"}',
    '{"polyplug":null}',
    '{"polyplug":true}',
    '{"other":1}',
    '{"a":{"polyplug":1}}',
    '{"__proto__":{"polyplug":1}}',
    '[{"polyplug":1}]',
    'null "polyplug"',
    '{"polyplug":1} trailing',
    'INFO {"polyplug":1}',
  ]
) {
  test(`A6: parseReadyLine() leaves ${JSON.stringify(line)} to the plugin's log`, () => {
    assert.equal(parseReadyLine(line), undefined);
  });
}
