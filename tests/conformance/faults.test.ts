/**
 * Row B3: a plugin in Python with one fault is found out by one check, which tells its author what to change; each check has its fault.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { conform, type ConformOptions, type ConformReport, type ConformTarget } from "../../host/conform/conform.ts";
import { formatReport } from "../../host/conform/report.ts";
import { REST_CHECKS } from "../../host/conform/rest_checks.ts";
import { languageSkip } from "../languages.ts";
import { CORE_FAULTS, type Fault, FULL_FAULTS } from "./faults.ts";
import { pythonCommand, withReadyPlugin } from "./started.ts";

const skip = languageSkip("python");
const FIXTURE = "tests/fixtures/faulty_plugin.py";
/** For the plugins that never answer; a right one takes a few milliseconds. */
const timeoutMs = 2000;

async function conformFixture(args: readonly string[], options: ConformOptions, plain = false): Promise<ConformReport> {
  const env = plain ? { POLYPLUG_TOKEN: undefined } : {};
  return await withReadyPlugin(pythonCommand(FIXTURE, ...args), async ({ token, ...target }) => {
    const known: ConformTarget = plain || token === undefined ? target : { ...target, token };
    return await conform(known, { timeoutMs, ...options });
  }, env);
}

/** Exactly this check has failed, with the evidence and advice that the table has. */
function assertFound(report: ConformReport, { name, check, advice, came = /./ }: Fault): void {
  const failed = report.results.flatMap((result) => result.kind === "failed" ? [result] : []);
  assert.deepEqual(failed.map(({ id }) => id), [check], `--fault ${name}:\n${formatReport(report)}`);
  for (const { finding } of failed) {
    assert.match(finding.advice, advice);
    assert.match(finding.came, came);
    assert.ok(finding.sent !== "" && finding.expected !== "");
  }
}

test("B3: the Python fixture without a fault passes full, skipping nothing", { skip }, async () => {
  const report = await conformFixture(["--hosts", "conform,app"], { level: "full", mayEnd: true });
  assert.deepEqual(report.results.filter(({ kind }) => kind !== "passed"), [], formatReport(report));
  assert.deepEqual(report.results.map(({ id }) => id), REST_CHECKS.map(({ id }) => id));
});

for (const fault of CORE_FAULTS) {
  test(`B3: core finds the fault ${fault.name} by ${fault.check} alone`, { skip }, async () => {
    assertFound(await conformFixture(["--fault", fault.name], { level: "core" }), fault);
  });
}

for (const fault of FULL_FAULTS) {
  test(`B3: full finds the fault ${fault.name} by ${fault.check} alone`, { skip }, async () => {
    const args = ["--fault", fault.name, ...(fault.args ?? [])];
    assertFound(await conformFixture(args, { level: "full", mayEnd: true }, fault.plain), fault);
  });
}

test("B3: core does not ask for codes, statuses and features that only full asks for", { skip }, async () => {
  for (const name of ["features.misspelt", "token.ignored", "code.422", "origin.ignored", "limit.none"]) {
    const report = await conformFixture(["--fault", name], { level: "core" });
    assert.equal(report.failed, 0, `--fault ${name}:\n${formatReport(report)}`);
  }
});

test("B3: every check has a fault that it finds", () => {
  const found = new Set([...CORE_FAULTS, ...FULL_FAULTS].map(({ check }) => check));
  assert.deepEqual(REST_CHECKS.map(({ id }) => id).filter((id) => !found.has(id)), []);
  const core = new Set(REST_CHECKS.filter(({ level }) => level === "core").map(({ id }) => id));
  assert.deepEqual(CORE_FAULTS.map(({ check }) => check).filter((check) => !core.has(check)), []);
  assert.deepEqual(FULL_FAULTS.map(({ check }) => check).filter((check) => core.has(check)), []);
});
