/**
 * Row B3: the report as people see it: 80 columns, with and without colour, evidence that the terminal does not obey.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Check } from "../../host/conform/check.ts";
import type { CheckResult, ConformReport } from "../../host/conform/conform.ts";
import { visible, visibleBytes } from "../../host/conform/evidence.ts";
import { formatReport, formatResult, formatSummary } from "../../host/conform/report.ts";
import { REST_CHECKS } from "../../host/conform/rest_checks.ts";
import { connectChecks, grpcChecks } from "../../host/conform/rpc_checks.ts";
import { SOCKET_CHECKS } from "../../host/conform/socket_checks.ts";
import { bytes } from "../support.ts";

const about = { id: "exec.status", title: "exec has the status 202", level: "core", section: 3 } as const;
const passed: CheckResult = { ...about, kind: "passed" };
const skipped: CheckResult = { ...about, kind: "skipped", reason: 'the plugin does not list the feature "raw"' };
const failed: CheckResult = {
  ...about,
  kind: "failed",
  finding: {
    sent: `POST /exec, body {"command":"hello.echo","payload":"${"2e".repeat(90)}"}`,
    expected: "status 202",
    came: "status 200, body …",
    advice: "Answer with the status 202 when the command went well: hosts take no other, not even 200",
  },
};
const report: ConformReport = {
  address: "http://127.0.0.1:41234",
  commType: "rest",
  level: "core",
  results: [passed, skipped, failed],
  passed: 1,
  failed: 1,
  skipped: 1,
};

// deno-lint-ignore no-control-regex -- the escapes of colours
const ESCAPES = /\x1b\[\d+m/g;

test("B3: a passed check is one line: mark, section, name, what it is about", () => {
  assert.equal(formatResult(passed), "ok    3  exec.status              exec has the status 202");
});

test("B3: a check that was not made says why, indented under itself", () => {
  assert.equal(
    formatResult(skipped),
    [
      "skip  3  exec.status              not checked: the plugin does not list the",
      '                                  feature "raw"',
    ].join("\n"),
  );
});

test("B3: a fault has what was sent, expected and came, and what to do, each under its label", () => {
  assert.equal(
    formatResult(failed),
    [
      "FAIL  3  exec.status              exec has the status 202",
      "         sent      POST /exec, body",
      `                   {"command":"hello.echo","payload":"${"2e".repeat(13)}`,
      `                   ${"2e".repeat(30)}2`,
      `                   e${"2e".repeat(30)}`,
      `                   ${"2e".repeat(16)}"}`,
      "         expected  status 202",
      "         came      status 200, body …",
      "         to do     Answer with the status 202 when the command went well: hosts",
      "                   take no other, not even 200",
    ].join("\n"),
  );
});

test("B3: the summary counts and says what that means, and where the numbers are explained", () => {
  assert.equal(
    formatSummary(report),
    '1 passed, 1 failed, 1 not checked\nIt does not conform to level "core". The numbers are the sections of\nprotocol/README.md.',
  );
  assert.equal(formatSummary({ ...report, failed: 0 }), '1 passed, 0 failed, 1 not checked\nIt conforms to level "core".');
});

test("B3: no line is longer than the columns, with and without colour; colour changes nothing else", () => {
  const long = { ...report, address: `unix:/${"a".repeat(200)}` };
  for (const columns of [80, 60, 120]) {
    const plain = formatReport(long, { columns });
    const colored = formatReport(long, { columns, color: true });
    assert.deepEqual(plain.split("\n").filter((line) => line.length > columns), []);
    assert.doesNotMatch(plain, ESCAPES);
    assert.ok(colored.includes("\x1b[31mFAIL  \x1b[0m"));
    assert.equal(colored.replaceAll(ESCAPES, ""), plain);
  }
});

const LISTS: readonly (readonly [string, readonly Omit<Check, "run">[]])[] = [
  ["rest", REST_CHECKS],
  ["grpc", grpcChecks("seed")],
  ["grpc in goplugin-1", grpcChecks("goplugin-1")],
  ["connect", connectChecks("seed")],
  ["connect in goplugin-1", connectChecks("goplugin-1")],
  ["socket", SOCKET_CHECKS],
];

/** The section of a wire, where it is not that of gRPC and Connect. */
const SECTIONS: ReadonlyMap<string, number> = new Map([["rest", 3], ["socket", 10]]);

for (const [wire, checks] of LISTS) {
  test(`B3: each check of ${wire} has a name of its own that fits its column, a title of one line, and advice of one sentence`, () => {
    const ids = checks.map(({ id }) => id);
    const known = new Set(LISTS.flatMap(([, list]) => list.map(({ id }) => id)));
    assert.equal(new Set(ids).size, ids.length);
    for (const { id, title, section, advice, needs = [] } of checks) {
      assert.ok(id.length < 25, id);
      assert.ok(title.length <= 46, title);
      assert.ok([2, 6, 7, 9, SECTIONS.get(wire) ?? 4].includes(section), id);
      assert.match(advice, /^[A-Z][^]*[^.]$/, id);
      assert.doesNotMatch(advice, /\. [A-Z]|TypeScript|Promise|undefined/, id);
      // What the wire does not have counts as passed.
      const missing = needs.filter((need) => ids.includes(need) ? ids.indexOf(need) > ids.indexOf(id) : !known.has(need));
      assert.deepEqual(missing, [], `${id} needs what comes later`);
    }
  });
}

test("B3: no wire but REST is told in REST's words", () => {
  for (const [wire, checks] of LISTS.slice(1)) {
    const words = checks.map(({ id, title, advice }) => `${wire} ${id}: ${title} ${advice}`);
    assert.deepEqual(words.filter((text) => /\b(20|40|41)\d\b|octet-stream|GET |\/exec/.test(text)), []);
  }
  const words = SOCKET_CHECKS.map(({ title, advice }) => `${title}: ${advice}`);
  assert.deepEqual(words.filter((text) => /header|metadata|status|X-Host|streams held|content-length/.test(text)), []);
});

test("B3: the same name asks at the same level, and for the same feature, on every wire", () => {
  const rest = new Map(REST_CHECKS.map((check) => [check.id, check]));
  for (const [checks, least] of [[grpcChecks("seed"), 30], [SOCKET_CHECKS, 25]] as const) {
    const shared = checks.filter(({ id }) => rest.has(id));
    assert.ok(shared.length > least, String(shared.length));
    for (const { id, level, feature } of shared) {
      const same = rest.get(id);
      assert.deepEqual([id, level, feature], [id, same?.level, same?.feature]);
    }
  }
});

test("B3: evidence shows control characters, marks of direction and long texts cut, with their length", () => {
  assert.equal(visible("a\x1b[31m\r\n\t\x00\x7f\u202e\u200b"), "a\\x1b[31m\\r\\n\\t\\x00\\x7f\\u{202e}\\u{200b}");
  assert.equal(visible("😀".repeat(5), 3), "😀😀😀… (10 characters in all)");
  assert.equal(visible("abc", 3), "abc");
  assert.equal(visibleBytes(bytes("x".repeat(1000)), 4), "xxxx… (1000 bytes in all)");
  assert.equal(visibleBytes(Uint8Array.of(0x61, 0xff, 0x0a)), "a\ufffd\\n");
});
