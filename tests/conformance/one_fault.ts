/**
 * What the tests of plugins with one fault each share on gRPC, Connect and the framed socket.
 * @module
 */
import assert from "node:assert/strict";
import type { ConformReport } from "../../host/conform/conform.ts";
import { formatReport } from "../../host/conform/report.ts";
import type { Fault } from "./faults.ts";

/** A fault, and the hosts that its plugin lists. */
export interface OneFault extends Pick<Fault, "name" | "check" | "advice" | "came" | "plain"> {
  readonly hosts?: readonly string[];
}

/** How the plugin with the fault is served; a plain one knows nothing of a token. */
export function optionsOf({ name, hosts, plain }: OneFault): {
  readonly fault: string;
  readonly hosts?: readonly string[];
  readonly token?: undefined;
} {
  return { fault: name, ...(hosts === undefined ? {} : { hosts }), ...(plain === true ? { token: undefined } : {}) };
}

/** Exactly this check has failed, with the evidence and advice that the table has. */
export function assertFound(report: ConformReport, { name, check, advice, came = /./ }: OneFault): void {
  const failed = report.results.flatMap((result) => result.kind === "failed" ? [result] : []);
  assert.deepEqual(failed.map(({ id }) => id), [check], `fault ${name}:\n${formatReport(report)}`);
  for (const { finding } of failed) {
    assert.match(finding.advice, advice);
    assert.match(finding.came, came);
    assert.ok(finding.sent !== "" && finding.expected !== "");
  }
}
