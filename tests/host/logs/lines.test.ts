/**
 * Row C16: the lines of a pipe, wherever its chunks are cut.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLineSplitter, MAX_LINE_CHARS } from "../../../host/logs/lines.ts";
import { bytes } from "../../support.ts";

function linesOf(chunks: Iterable<Uint8Array>): readonly string[] {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => void lines.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

const cases: readonly [what: string, content: Uint8Array, lines: readonly string[]][] = [
  ["lines", bytes("a\nb\n"), ["a", "b"]],
  ["lines of Windows", bytes("a\r\nb\r\n"), ["a", "b"]],
  ["empty lines", bytes("\n\na\n"), ["", "", "a"]],
  ["a last line without an ending", bytes('a\n{"level":"warn","msg":"x"}'), ["a", '{"level":"warn","msg":"x"}']],
  ["a carriage return within", bytes("1 %\r2 %\n"), ["1 %\r2 %"]],
  ["characters of two to four bytes", bytes("é€😀\n€"), ["é€😀", "€"]],
  ["invalid UTF-8", Uint8Array.of(0x61, 0xff, 0x62, 0x0a, 0xc3, 0x0a, 0xe2, 0x82), ["a\ufffdb", "\ufffd", "\ufffd"]],
  ["nothing", new Uint8Array(), []],
];

for (const [what, content, lines] of cases) {
  test(`C16: ${what}: whole, and byte by byte`, () => {
    assert.deepEqual(linesOf([content]), lines);
    assert.deepEqual(linesOf(Array.from(content, (byte) => Uint8Array.of(byte))), lines);
  });
}

test("C16: a line of 200 KB is cut and marked, and the next one is whole", () => {
  const content = bytes(`${"x".repeat(200_000)}\nnext\n`);
  for (const size of [content.length, 65_536, 1000]) {
    const chunks = Array.from({ length: Math.ceil(content.length / size) }, (_, at) => content.subarray(at * size, (at + 1) * size));
    assert.deepEqual(linesOf(chunks), [`${"x".repeat(MAX_LINE_CHARS)}…`, "next"]);
  }
});

test("C16: a line that is cut within a character is well-formed", () => {
  const [line = ""] = linesOf([bytes(`${"x".repeat(MAX_LINE_CHARS - 1)}😀\n`)]);
  assert.ok(line.isWellFormed());
  assert.equal(line.slice(-3), "x\ufffd…");
});

test("C16: a line of 100 MB without an end keeps no more than one of its length", () => {
  const chunk = new Uint8Array(1024 * 1024).fill(0x78);
  const [line = "", ...more] = linesOf((function* () {
    for (let count = 0; count < 100; count++) yield chunk;
  })());
  assert.deepEqual([line.length, more], [MAX_LINE_CHARS + 1, []]);
});
