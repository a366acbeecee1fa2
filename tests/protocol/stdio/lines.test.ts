/**
 * Row D15: lines of any size in chunks of any size; what is over the limit is dropped to its newline, and never kept.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LineReader } from "../../../protocol/stdio/lines.ts";
import { callLine, lineCap, readCall, readEdges, readError, readMessage, readPong, readResponse } from "../../../protocol/stdio/wire.ts";
import { bytes } from "../../support.ts";

function reader(cap: number) {
  const lines: string[] = [];
  const dropped: (readonly [head: string, tail: string, bytes: number])[] = [];
  const made = new LineReader(cap, { onLine: (line) => void lines.push(line.trim()), onOversized: (...each) => void dropped.push(each) });
  return { made, lines, dropped };
}

test("D15: LineReader gives the same lines however they are cut, those in other scripts too", () => {
  const text = '{"a":"é€𝄞"}\n\n{"b":2}\r\nlast one\nlong ' + "x".repeat(9000) + "\nrest";
  for (const size of [1, 2, 3, 7, 64, 4096, 1 << 20]) {
    const { made, lines, dropped } = reader(10_000);
    const all = bytes(text);
    for (let at = 0; at < all.length; at += size) made.push(all.subarray(at, at + size));
    assert.deepEqual(lines, ['{"a":"é€𝄞"}', "", '{"b":2}', "last one", "long " + "x".repeat(9000)], `chunks of ${size}`);
    assert.equal(made.end(), "rest");
    assert.deepEqual(dropped, []);
  }
});

test("D15: LineReader keeps a line of exactly the limit and drops one byte more, with its edges, and reads on", () => {
  for (const size of [1, 10, 99, 5000]) {
    const { made, lines, dropped } = reader(2000);
    const all = bytes(`${"a".repeat(2000)}\n${"b".repeat(600)}${"c".repeat(1401)}\nnext\n`);
    for (let at = 0; at < all.length; at += size) made.push(all.subarray(at, at + size));
    assert.deepEqual(lines, ["a".repeat(2000), "next"], `chunks of ${size}`);
    assert.deepEqual(dropped, [["b".repeat(512), "c".repeat(512), 2001]]);
  }
});

test("D15: LineReader holds no more than the limit of a line that never ends", () => {
  const { made, dropped } = reader(1 << 20);
  const chunk = new Uint8Array(1 << 20).fill(65);
  for (let index = 0; index < 500; index++) made.push(chunk);
  assert.deepEqual(dropped, []);
  assert.equal(made.end(), "A".repeat(512));
  made.push(bytes("\nafter\n"));
  assert.equal(dropped[0]?.[2], 500 * (1 << 20));
});

test("D15: readEdges() finds the id at the beginning or the end of a line, and tells a call from an answer", () => {
  const long = "0".repeat(600);
  const edges = (line: string) => readEdges(line.slice(0, 512), line.slice(-512));
  assert.deepEqual(edges(`{"jsonrpc":"2.0","id":7,"result":{"response":"${long}"}}`), { id: 7, kind: "answer" });
  assert.deepEqual(edges(`{"jsonrpc": "2.0", "result": {"response": "${long}"}, "id": "a-1"}`), { id: "a-1", kind: "answer" });
  assert.deepEqual(edges(`{"id":"x","method":"exec","params":{"payload":"${long}"}}`), { id: "x", kind: "call" });
  for (const line of [long, `{"result":{"id":7,"response":"${long}"}}`, `["id",7,"${long}"]`]) assert.equal(edges(line), undefined, line);
});

test("D15: the wire reads what other libraries write, and says what is wrong with what it cannot read", () => {
  assert.equal(lineCap(1024), 2048 + 65_536);
  for (const line of ["", "no", "[]", "17", "null", "{}", '{"jsonrpc":"1.0"}', '{"jsonrpc":2}']) {
    assert.equal(readMessage(line), undefined, line);
  }
  assert.deepEqual(readPong("pong"), { features: [] });
  assert.deepEqual(readPong({ response: "pong", polyplug: 1, features: ["info", 7] }), { protocol: 1, features: ["info"] });
  for (const wrong of ["gnop", {}, null, 5, { response: ["pong"] }]) {
    assert.throws(() => readPong(wrong), { code: "caller.bad_response" });
    assert.throws(() => readResponse(wrong), { code: "caller.bad_response" });
  }
  assert.deepEqual(readError({ code: -32601, message: "none" }), { code: "exec.unknown_command", message: "none" });
  assert.deepEqual(readError({ code: 5, message: "m", data: { code: "own.code" } }), { code: "own.code", message: "m" });
  assert.equal(readError("text").code, "exec.failed");
  assert.equal(typeof readCall({ command: "a", payload: "0" }), "string");
  assert.deepEqual(readCall({ command: "a", payload: "fF" }), { command: "a", payload: Uint8Array.of(255), target: undefined });
});

test("D15: a call is one line whatever is in it, and meta has the headers by name", () => {
  const options = { requestId: "r", attempt: 2, traceparent: "t", from: "p", hops: 3, timeoutMs: 1500.7, target: 'q"\n' };
  const line = callLine(5, { method: "exec", command: "a\n\u2028", payload: Uint8Array.of(10, 255), host: 'h"', options });
  assert.equal(line.indexOf("\n"), line.length - 1);
  assert.deepEqual(JSON.parse(line), {
    jsonrpc: "2.0",
    id: 5,
    method: "exec",
    params: {
      command: "a\n\u2028",
      plugin: 'q"\n',
      payload: "0aff",
      meta: {
        "x-host": 'h"',
        "x-request-id": "r",
        "x-attempt": "2",
        traceparent: "t",
        "x-polyplug-from": "p",
        "x-polyplug-hops": "3",
        timeout_ms: 1500,
      },
    },
  });
});
