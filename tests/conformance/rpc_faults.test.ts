/**
 * Row B3 on gRPC and Connect: a service with one fault is found out by one check, which tells its author what to change; each check has
 * its fault.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { conform, type ConformOptions, type ConformReport } from "../../host/conform/conform.ts";
import { formatReport } from "../../host/conform/report.ts";
import { connectChecks, grpcChecks } from "../../host/conform/rpc_checks.ts";
import { RPC_CORE_FAULTS, RPC_FULL_FAULTS, type RpcFault } from "./rpc_faults.ts";
import { type ServedOptions, withFaulty } from "./rpc_served.ts";
import { assertFound, optionsOf } from "./one_fault.ts";

const WIRES = [["grpc", grpcChecks], ["connect", connectChecks]] as const;
/** For the services that never answer; a right one takes a few milliseconds. */
const timeoutMs = 1000;

async function conformServed(served: ServedOptions, options: ConformOptions): Promise<ConformReport> {
  return await withFaulty(served, (target) => conform(target, { timeoutMs, ...options }));
}

for (const [commType, checksOf] of WIRES) {
  const isHere = ({ only }: RpcFault) => only === undefined || only === commType;

  for (const dialect of ["seed", "goplugin-1"] as const) {
    test(`B3: the service without a fault passes full over ${commType} in the dialect ${dialect}, skipping nothing`, async () => {
      const report = await conformServed({ commType, dialect, hosts: ["conform", "app"] }, { level: "full", mayEnd: true });
      assert.deepEqual(report.results.filter(({ kind }) => kind !== "passed"), [], formatReport(report));
      assert.deepEqual(report.results.map(({ id }) => id), checksOf(dialect).map(({ id }) => id));
      assert.equal(report.commType, commType);
    });
  }

  for (const fault of RPC_CORE_FAULTS.filter(isHere)) {
    test(`B3: core over ${commType} finds the fault ${fault.name} by ${fault.check} alone`, async () => {
      assertFound(await conformServed({ commType, ...optionsOf(fault) }, { level: "core" }), fault);
    });
  }

  for (const fault of RPC_FULL_FAULTS.filter(isHere)) {
    test(`B3: full over ${commType} finds the fault ${fault.name} by ${fault.check} alone`, async () => {
      assertFound(await conformServed({ commType, ...optionsOf(fault) }, { level: "full", mayEnd: true }), fault);
    });
  }

  test(`B3: every check of ${commType} has a fault that it finds, at its level`, () => {
    const faultsOf = (faults: readonly RpcFault[]) => [...new Set(faults.filter(isHere).map(({ check }) => check))].sort();
    const idsOf = (level: string) => checksOf("seed").filter((check) => check.level === level).map(({ id }) => id).sort();
    assert.deepEqual(faultsOf(RPC_CORE_FAULTS), idsOf("core"));
    assert.deepEqual(faultsOf(RPC_FULL_FAULTS), idsOf("full"));
  });

  test(`B3: core over ${commType} does not ask for metadata, codes and features that only full asks for`, async () => {
    for (const fault of ["features.misspelt", "token.ignored", "code.none", "path.any", "limit.none", "raw.ignored", "json.none"]) {
      const report = await conformServed({ commType, fault }, { level: "core" });
      assert.equal(report.failed, 0, `fault ${fault}:\n${formatReport(report)}`);
    }
  });

  test(`B1: a service in the seed's dialect that is checked as goplugin-1 over ${commType} is told which dialect it speaks`, async () => {
    const { results } = await withFaulty({ commType }, (target) => conform({ ...target, dialect: "goplugin-1" }, { timeoutMs }));
    const [failed, ...others] = results.flatMap((result) => result.kind === "failed" ? [result] : []);
    assert.deepEqual([failed?.id, others], ["dialect", []]);
    assert.match(failed?.finding.advice ?? "", /takes payloads as hex, which is the dialect "seed": check it with --dialect seed/);
  });
}
