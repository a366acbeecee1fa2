/**
 * Row A8: payloads are written in lower-case hex and read in either case.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeHex, encodeHex } from "../../protocol/hex.ts";

const ALL = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** What `use` gives while the runtime has no hex of its own. */
function withoutNative<T>(use: () => T): T {
  const native = Object.getOwnPropertyDescriptor(Uint8Array.prototype, "toHex");
  Reflect.deleteProperty(Uint8Array.prototype, "toHex");
  try {
    return use();
  } finally {
    if (native !== undefined) Object.defineProperty(Uint8Array.prototype, "toHex", native);
  }
}

test("A8: encodeHex() writes two lower-case digits a byte, with and without the runtime's own", () => {
  const expected = Array.from(ALL, (byte) => byte.toString(16).padStart(2, "0")).join("");
  assert.equal(encodeHex(ALL), expected);
  assert.equal(withoutNative(() => encodeHex(ALL)), expected);
  assert.equal(encodeHex(new Uint8Array(0)), "");
  assert.equal(withoutNative(() => encodeHex(new Uint8Array(0))), "");
  assert.equal(encodeHex(ALL.subarray(250, 252)), "fafb");
});

test("A8: encodeHex() without the runtime's own agrees beyond one chunk", () => {
  const payload = Uint8Array.from({ length: 20_001 }, (_, i) => i % 251);
  assert.equal(withoutNative(() => encodeHex(payload)), Array.from(payload, (byte) => byte.toString(16).padStart(2, "0")).join(""));
});

test("A8: decodeHex() reads either case and gives back what was written", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
    const plain = new Uint8Array(payload);
    assert.deepEqual(decodeHex(encodeHex(plain)), plain);
    assert.deepEqual(decodeHex(encodeHex(plain).toUpperCase()), plain);
  }));
  assert.deepEqual(decodeHex("aBFf00"), new Uint8Array([0xab, 0xff, 0]));
  assert.deepEqual(decodeHex(""), new Uint8Array(0));
});

for (
  const wrong of ["a", "abc", "zz", "0x", "0g", "g0", " 0", "0 ", "61 62", "61\n62", "+1", "-1", "٣٤", "ａｂ", "6\u0000", "@@", "``", "::"]
) {
  test(`A8: decodeHex() refuses ${JSON.stringify(wrong)}`, () => {
    assert.equal(decodeHex(wrong), undefined);
  });
}
