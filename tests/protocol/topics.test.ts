/**
 * Topics and patterns, compared with a slow and obvious reading of the rule.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isOwnTopic, isPattern, isTopic, matchesTopic, patternsMeet } from "../../protocol/topics.ts";

const word = fc.constantFrom("a", "b", "c");
const topic = fc.array(word, { minLength: 1, maxLength: 6 });
const pattern = fc.array(fc.oneof(word, fc.constantFrom("*", "#")), { minLength: 1, maxLength: 6 });

/** The rule as one says it. */
function matches([first, ...rest]: readonly string[], words: readonly string[]): boolean {
  if (first === undefined) return words.length === 0;
  if (first === "#") return matches(rest, words) || (words.length > 0 && matches([first, ...rest], words.slice(1)));
  return words.length > 0 && (first === "*" || first === words[0]) && matches(rest, words.slice(1));
}

/** All topics of up to so many of the three words. */
function topicsUpTo(length: number): string[][] {
  const shorter = length === 1 ? [] : topicsUpTo(length - 1);
  const longest = length === 1 ? [[]] : shorter.filter((words) => words.length === length - 1);
  return [...shorter, ...longest.flatMap((words) => ["a", "b", "c"].map((next) => [...words, next]))];
}

test("matchesTopic() does what a slow and obvious one does", () => {
  fc.assert(
    fc.property(pattern, topic, (wanted, words) => {
      assert.equal(matchesTopic(wanted.join("."), words.join(".")), matches(wanted, words));
    }),
    { numRuns: 5000 },
  );
});

test("patternsMeet() says whether some topic fits both", () => {
  const all = topicsUpTo(4);
  const short = fc.array(fc.oneof(word, fc.constantFrom("*", "#")), { minLength: 1, maxLength: 2 });
  fc.assert(
    fc.property(short, short, (one, other) => {
      const both = all.some((words) => matches(one, words) && matches(other, words));
      assert.equal(patternsMeet(one.join("."), other.join(".")), both);
    }),
    { numRuns: 1000 },
  );
});

test("patternsMeet() is the same both ways, and holds for a topic that fits both", () => {
  fc.assert(
    fc.property(pattern, pattern, topic, (one, other, words) => {
      const meet = patternsMeet(one.join("."), other.join("."));
      assert.equal(patternsMeet(other.join("."), one.join(".")), meet);
      assert.ok(meet || !(matches(one, words) && matches(other, words)));
    }),
    { numRuns: 3000 },
  );
});

test("matchesTopic() takes no time on patterns made to take it", () => {
  const hashes = Array(31).fill("#").join(".a.").split(".").slice(0, 32).join(".");
  const words = Array(32).fill("a").join(".");
  const began = performance.now();
  for (let times = 0; times < 1000; times++) {
    matchesTopic(`${hashes}.b`, words);
    patternsMeet(hashes, hashes);
  }
  assert.ok(performance.now() - began < 5000);
});

test("isTopic() and isPattern() take what section 9 of the contract does", () => {
  for (const text of ["a", "a.b", "A-1._", Array(32).fill("a").join(".")]) {
    assert.ok(isTopic(text), text);
    assert.ok(isPattern(text), text);
  }
  for (const text of ["", ".", "a.", ".a", "a..b", "a b", "ä", "a/b", Array(33).fill("a").join("."), "a".repeat(256)]) {
    assert.ok(!isTopic(text), text);
    assert.ok(!isPattern(text), text);
  }
  for (const text of ["*", "#", "a.*", "#.a", "*.*", "a.#.b"]) {
    assert.ok(!isTopic(text), text);
    assert.ok(isPattern(text), text);
  }
  for (const text of ["**", "a.**", "a*", "#a", "a.+", "*#"]) assert.ok(!isPattern(text), text);
});

test("isPattern() and matchesTopic() take what fast-check thinks of", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (one, other) => {
      assert.equal(typeof isPattern(one), "boolean");
      assert.equal(typeof matchesTopic(one, other), "boolean");
    }),
    { numRuns: 1000 },
  );
});

test("the framework's topics are chosen by name alone", () => {
  for (const own of ["polyplug", "polyplug.tick", "polyplug.a.b"]) assert.ok(isOwnTopic(own), own);
  for (const other of ["polyplugs", "a.polyplug", "polyplug-x.y"]) assert.ok(!isOwnTopic(other), other);
  for (const wild of ["#", "*.tick", "#.tick", "*.#"]) assert.ok(!matchesTopic(wild, "polyplug.tick"), wild);
  for (const named of ["polyplug.tick", "polyplug.*", "polyplug.#"]) assert.ok(matchesTopic(named, "polyplug.tick"), named);
  assert.ok(matchesTopic("#", "polyplugs.tick"));
});
