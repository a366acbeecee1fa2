/**
 * Topics and the patterns that choose among them: words joined by dots, `*` for one word, `#` for any number of them.
 * @module
 */
import { isDottedName } from "./names.ts";

/** The most words that a topic or a pattern has. */
const MOST_WORDS = 32;
/** What the framework's own topics begin with. */
const OWN = "polyplug";

/** Whether an event may have this topic: at most 32 words of letters, digits, "_" or "-", joined by dots. */
export function isTopic(text: string): boolean {
  return isDottedName(text) && text.split(".").length <= MOST_WORDS;
}

/** Whether this is a pattern: as a topic, and a word may be `*` or `#`. */
export function isPattern(text: string): boolean {
  const words = text.split(".");
  return text.length <= 255 && words.length <= MOST_WORDS && words.every((word) => word === "*" || word === "#" || isTopic(word));
}

/** Whether it belongs to the framework; nobody else publishes there. */
export function isOwnTopic(topic: string): boolean {
  return topic === OWN || topic.startsWith(`${OWN}.`);
}

/** Whether a pattern chooses a topic. The framework's own are chosen by name alone: no wildcard stands for their first word. */
export function matchesTopic(pattern: string, topic: string): boolean {
  if (pattern === topic) return true;
  const [first] = pattern;
  if (isOwnTopic(topic) && (first === "*" || first === "#")) return false;
  return matchesWords(pattern.split("."), topic.split("."));
}

/** Whether there is a topic that both patterns choose. */
export function patternsMeet(a: string, b: string): boolean {
  const [one, other] = [a.split("."), b.split(".")];
  /** Whether what is left of `one` from each word on meets what is left of `other`. */
  let meets = new Array<boolean>(one.length + 1).fill(false);
  for (let j = other.length; j >= 0; j--) {
    const before = meets; // From the word of `other` after this one.
    meets = [];
    for (let i = one.length; i >= 0; i--) {
      const [left, right] = [one[i], other[j]];
      if (left === undefined && right === undefined) meets[i] = true;
      else if (left === "#" && (meets[i + 1] || (right !== undefined && before[i]))) meets[i] = true;
      else if (right === "#" && (before[i] || (left !== undefined && meets[i + 1]))) meets[i] = true;
      else {meets[i] = left !== undefined && right !== undefined && (left === "*" || right === "*" || left === right) &&
          before[i + 1] === true;}
    }
  }
  return meets[0] === true;
}

/** Goes through both once; where words do not fit, the last `#` takes one word more. */
function matchesWords(pattern: readonly string[], words: readonly string[]): boolean {
  let [at, word] = [0, 0];
  let [retryAt, retryWord] = [-1, 0];
  while (word < words.length) {
    const wanted = pattern[at];
    if (wanted === "#") {
      [retryAt, retryWord] = [at, word];
      at += 1;
    } else if (wanted !== undefined && (wanted === "*" || wanted === words[word])) {
      at += 1;
      word += 1;
    } else if (retryAt >= 0) {
      retryWord += 1;
      [at, word] = [retryAt + 1, retryWord];
    } else {
      return false;
    }
  }
  return pattern.slice(at).every((rest) => rest === "#");
}
