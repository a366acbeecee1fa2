/**
 * Rows B3 and D15 over stdio: the plugin in 40 lines of Python conforms to core, ours to full on each runtime, and a plugin with one fault
 * fails exactly the check that looks for it.
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createObserver } from "../../host/cli/observer.ts";
import { conform, type ConformOptions, type ConformReport } from "../../host/conform/conform.ts";
import { formatReport } from "../../host/conform/report.ts";
import { languageSkip } from "../languages.ts";
import { pathOf, pythonPlugin, RUNTIME, RUNTIMES, typescriptPlugin, withHost } from "../support.ts";

const skip = languageSkip("python");
const PYTHON = "examples/stdio/plugin.py";

/** Starts the plugin and checks it over its pipes. */
async function conformOver(
  plugin: Record<string, unknown>,
  options: ConformOptions,
): Promise<ConformReport> {
  const { drivers, targets } = createObserver();
  const killed = { ...plugin, comm_type: "stdio", stop: { shutdown: 0.01, stdin: 0.01, term: 0.01 } };
  return await withHost({ plugin: killed }, async (host) => {
    await host.start("plugin");
    const [target] = targets();
    assert.equal(target.commType, "stdio");
    return await conform(target, options);
  }, { drivers, supervise: false });
}

function of(report: ConformReport, kind: string): readonly string[] {
  return report.results.filter((result) => result.kind === kind).map(({ id }) => id);
}

test("D15: the example in Python has at most 40 lines, imports the standard library alone, and conforms to core", { skip }, async () => {
  const source = await readFile(pathOf(PYTHON), "utf8");
  assert.ok(source.trimEnd().split("\n").length <= 40);
  assert.deepEqual(source.match(/^(import|from) .*/gm), ["import binascii, hashlib, json, sys"]);
  const report = await conformOver(pythonPlugin(PYTHON), { mayEnd: true });
  assert.deepEqual([of(report, "failed"), of(report, "skipped")], [[], []], formatReport(report));
  assert.ok(report.passed >= 20);
});

for (const runtime of RUNTIMES) {
  test(`D15: seen from ${RUNTIME}, hello in TypeScript on ${runtime} conforms to full over stdio`, async () => {
    const report = await conformOver(typescriptPlugin("examples/hello/plugin.ts", [], runtime), { level: "full", mayEnd: true });
    assert.deepEqual([of(report, "failed"), of(report, "skipped")], [[], ["forbidden.x_host", "stdin.end"]], formatReport(report));
    assert.ok(report.passed >= 28);
  });
}

/** What the argument breaks, and the checks that say so; those that need one of them are skipped. */
const FAULTS: readonly (readonly [fault: string, ...failed: string[]])[] = [
  ["ping.answer", "ping.answer"],
  ["id.text", "id.text"],
  ["identity", "identity"],
  ["exec", "exec"],
  ["exec.answer", "exec.answer"],
  ["exec.plain", "exec.plain"],
  ["exec.echo", "exec.echo"],
  ["bad.params", "bad.params"],
  ["method.unknown", "method.unknown"],
  ["bytes.empty", "bytes.empty"],
  ["bytes.all", "bytes.all"],
  ["bytes.large", "bytes.large"],
  ["unknown_command", "unknown_command"],
  ["lines.joined", "lines.joined"],
  ["names.inherited", "names.inherited"],
  ["limit.exact", "limit.exact"],
  ["limit.over", "limit.over"],
  ["cancel", "cancel"],
  ["info", "info"],
  ["info.commands", "info.commands"],
  ["calls.at_once", "calls.at_once"],
  ["serving", "serving"],
  ["stdout", "stdout"],
  ["error.code", "error.code"],
  ["bad.line", "bad.line"],
  ["bad.long", "bad.long"],
  ["shutdown", "shutdown", "stdin.end"],
  ["stdin.end", "stdin.end"],
];

const MIB = 1024 * 1024;
const full: ConformOptions = { level: "full", mayEnd: true, timeoutMs: 1500 };

test("B3: over stdio, a plugin without a fault passes all", { skip }, async () => {
  const report = await conformOver({ ...pythonPlugin("tests/fixtures/faulty_stdio.py"), max_payload: MIB }, full);
  assert.deepEqual([of(report, "failed"), of(report, "skipped")], [[], ["forbidden.x_host", "stdin.end"]], formatReport(report));
});

for (const [fault, ...failed] of FAULTS) {
  test(`B3: over stdio, the fault ${fault} is found by ${failed.join(" and ")}`, { skip }, async () => {
    const plugin = { ...pythonPlugin("tests/fixtures/faulty_stdio.py", [fault]), max_payload: MIB };
    const report = await conformOver(plugin, full);
    assert.deepEqual(of(report, "failed"), failed, formatReport(report));
  });
}

test(
  "B3: over stdio, a plugin that lists its hosts is checked as one of them, and one that lets strangers in is found",
  { skip },
  async () => {
    for (const [fault, failed] of [["hosts", []], ["hosts.open", ["forbidden.x_host"]]] as const) {
      const { drivers, targets } = createObserver();
      const plugin = { ...pythonPlugin("tests/fixtures/faulty_stdio.py", [fault]), comm_type: "stdio" };
      await withHost({ plugin }, async (host) => {
        await host.start("plugin");
        const report = await conform({ ...targets()[0], host: "app" }, { ...full, mayEnd: false });
        assert.deepEqual(of(report, "failed"), failed, formatReport(report));
      }, { drivers, supervise: false });
    }
  },
);

test("D15: conform() says that stdio needs a program that was started", async () => {
  await assert.rejects(conform({ address: "http://127.0.0.1:1", commType: "stdio" }), RangeError);
});
