/**
 * Takes the JUnit report of one test file, as Deno, Bun or Node write it, and gives its tests.
 * @module
 */

/** One test of a report. `message` is the failure's, or the reason of a skip (only Node writes reasons). */
export interface TestCase {
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly message: string;
}

/** The tests of a report, or undefined when the report is cut off: its runtime ended before it was done. */
export function parseJunit(xml: string): TestCase[] | undefined {
  if (!xml.includes("</testsuites>")) return undefined;
  // Node leaves `>` inside attributes as it is.
  return [...xml.matchAll(/<testcase\b((?:\s+\w+="[^"]*")*)\s*(?:\/>|>(.*?)<\/testcase>)/gs)].map(([, attributes = "", body = ""]) => {
    const outcome = /<(?:failure|error)\b/.test(body) ? "failed" : /<skipped\b/.test(body) ? "skipped" : "passed";
    return { title: attribute(attributes, "name"), outcome, message: attribute(body, "message") };
  });
}

function attribute(xml: string, name: string): string {
  return unescape(new RegExp(`\\b${name}="([^"]*)"`).exec(xml)?.[1] ?? "");
}

const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

/** Twice, because Node escapes a quote and then the ampersand of the escape. */
function unescape(text: string): string {
  const once = (escaped: string) =>
    escaped.replaceAll(/&(?:#(\d+)|(\w+));/g, (whole, code, name) => code ? String.fromCodePoint(Number(code)) : entities[name] ?? whole);
  return once(once(text));
}
