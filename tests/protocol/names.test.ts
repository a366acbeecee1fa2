/**
 * Names of plugins, hosts and commands: WIRE.md section 9.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { definePlugin } from "../../plugin/mod.ts";
import { commandProblem, isDottedName, isName } from "../../protocol/names.ts";
import { isReserved } from "../../protocol/reserved.ts";

test("A8: isName() takes letters, digits, _ and -, and no device of Windows", () => {
  for (const name of ["a", "0", "A-b_c", "x".repeat(64), "console", "com", "com10", "constructor"]) assert.ok(isName(name), name);
  const wrong = ["", "-a", "_a", "a.b", "a b", "ä", "x".repeat(65), "a\n", "a/b", "..", "__proto__", "con", "CON", "Nul", "com1", "LPT9"];
  for (const name of wrong) assert.ok(!isName(name), JSON.stringify(name));
});

test("A8: commandProblem() takes 1 to 255 bytes of UTF-8 without control characters", () => {
  const right = ["a", "hello.world", "grüße", "日本.コマンド", "with space", "a,b;c=d", "é".repeat(127), "x".repeat(255), "__proto__"];
  for (const command of right) assert.equal(commandProblem(command), undefined, command);
  const wrong = {
    "": /empty/,
    "a\r\nx-evil: 1": /control/,
    "a\u0000": /control/,
    "\u007f": /control/,
    "\u0085": /control/,
    "a\tb": /control/,
    "\ud800": /well-formed/,
  };
  for (const [command, problem] of Object.entries(wrong)) assert.match(commandProblem(command) ?? "", problem);
  assert.match(commandProblem("x".repeat(256)) ?? "", /256 bytes, the limit is 255/);
  assert.match(commandProblem("é".repeat(128)) ?? "", /256 bytes/);
});

test("A8: isDottedName() takes words joined by single dots", () => {
  for (const name of ["a", "a.b", "A-1._x", "x".repeat(255)]) assert.ok(isDottedName(name), name);
  for (const name of ["", ".", "a.", ".a", "a..b", "a b", "ü", "a\n", "x".repeat(256)]) {
    assert.ok(!isDottedName(name), JSON.stringify(name));
  }
});

test("A8: isReserved() keeps polyplug and polyplug.* for the framework", () => {
  for (const command of ["polyplug", "polyplug.", "polyplug.info", "polyplug.anything.else"]) assert.ok(isReserved(command), command);
  for (const command of ["polyplugin", "my.polyplug.info", "Polyplug.info", ""]) assert.ok(!isReserved(command), command);
});

test("A8: definePlugin() refuses names, versions and commands outside the contract with a TypeError", () => {
  const echo = (bytes: Uint8Array) => bytes;
  const good = { name: "good", version: "1.0.0", commands: { "a.b": echo } };
  assert.equal(definePlugin(good), good);
  assert.throws(() => definePlugin({ ...good, name: "no good" }), { name: "TypeError", message: /"no good"/ });
  assert.throws(() => definePlugin({ ...good, version: "" }), { name: "TypeError", message: /needs a version/ });
  assert.throws(() => definePlugin({ ...good, commands: { "a..b": echo } }), { name: "TypeError", message: /"a\.\.b"/ });
  assert.throws(() => definePlugin({ ...good, commands: { "polyplug.info": echo } }), { name: "TypeError", message: /reserved/ });
  assert.throws(() => definePlugin({ ...good, commands: { "a.b": "text" as unknown as typeof echo } }), {
    name: "TypeError",
    message: /must be a function/,
  });
});
