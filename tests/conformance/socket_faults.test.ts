/**
 * Row B12: a plugin on the framed socket with one fault is found out by one check, which tells its author what to change; each check has
 * its fault, but for one that only a plugin that hangs fails.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { conform, type ConformOptions, type ConformReport } from "../../host/conform/conform.ts";
import { formatReport } from "../../host/conform/report.ts";
import { SOCKET_CHECKS } from "../../host/conform/socket_checks.ts";
import { SOCKET_CORE_FAULTS, SOCKET_FULL_FAULTS, type SocketFault } from "./socket_faults.ts";
import { type SocketServedOptions, withFaultySocket } from "./socket_served.ts";
import { assertFound, optionsOf } from "./one_fault.ts";

/** For the plugins that never answer; a right one takes a few milliseconds. */
const timeoutMs = 1000;
/** Whether the second of two calls came before the first had ended cannot be seen, so either answer is right. */
const WITHOUT_FAULT: readonly string[] = ["bad.same_id"];

async function conformServed(served: SocketServedOptions, options: ConformOptions): Promise<ConformReport> {
  return await withFaultySocket(served, (target) => conform(target, { timeoutMs, ...options }));
}

test("B12: the plugin without a fault passes full over the socket, skipping nothing", async () => {
  const report = await conformServed({ hosts: ["conform", "app"] }, { level: "full", mayEnd: true });
  assert.deepEqual(report.results.filter(({ kind }) => kind !== "passed"), [], formatReport(report));
  assert.deepEqual(report.results.map(({ id }) => id), SOCKET_CHECKS.map(({ id }) => id));
  assert.equal(report.commType, "socket");
});

for (const fault of SOCKET_CORE_FAULTS) {
  test(`B12: core over the socket finds the fault ${fault.name} by ${fault.check} alone`, async () => {
    assertFound(await conformServed(optionsOf(fault), { level: "core" }), fault);
  });
}

for (const fault of SOCKET_FULL_FAULTS) {
  test(`B12: full over the socket finds the fault ${fault.name} by ${fault.check} alone`, async () => {
    assertFound(await conformServed(optionsOf(fault), { level: "full", mayEnd: true }), fault);
  });
}

test("B12: every check of the socket has a fault that it finds, at its level", () => {
  const faultsOf = (faults: readonly SocketFault[]) => [...new Set(faults.map(({ check }) => check))].sort();
  const idsOf = (level: string) =>
    SOCKET_CHECKS.filter((check) => check.level === level && !WITHOUT_FAULT.includes(check.id)).map(({ id }) => id).sort();
  assert.deepEqual(faultsOf(SOCKET_CORE_FAULTS), idsOf("core"));
  assert.deepEqual(faultsOf(SOCKET_FULL_FAULTS), idsOf("full"));
});

test("B12: core over the socket does not ask for proof, codes, limits and features that only full asks for", async () => {
  for (
    const fault of ["features.none", "proof.upper_case", "token.ignored", "code.other", "kind.ignored", "limit.none", "truncated.runs"]
  ) {
    const report = await conformServed({ fault }, { level: "core" });
    assert.equal(report.failed, 0, `fault ${fault}:\n${formatReport(report)}`);
  }
});
