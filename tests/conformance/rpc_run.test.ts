/**
 * Row B3 on gRPC and Connect: what a run does whatever the plugin is: nobody, other protocols, aborts, the token.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { conform } from "../../host/conform/conform.ts";
import { reservePort } from "../../host/process/ports.ts";
import { rawAnswer, withPeer } from "../protocol/rest/raw_http.ts";
import { withFaulty } from "./rpc_served.ts";

const FAILS_WITHOUT_TOKEN: ReadonlyMap<string, readonly string[]> = new Map([
  ["identity.none", ["identity", "exec"]],
  ["token.prefix", ["token.wrong"]],
]);

for (const commType of ["grpc", "connect"] as const) {
  test(`B3: over ${commType}, ping has failed where nobody listens, and the rest is skipped for it`, async () => {
    const { port, release } = await reservePort();
    for (const address of [`http://127.0.0.1:${port}`, "unix:/nowhere/to/be/found"]) {
      const { results, failed, skipped } = await conform({ address, commType });
      const [ping, ...others] = results;
      assert.deepEqual([ping?.id, ping?.kind, failed, skipped], ["ping", "failed", 1, others.length]);
      assert.match(ping?.kind === "failed" ? ping.finding.came : "", /^no answer: it does not accept connections \(.+\)$/);
    }
    release();
  });

  for (
    const [title, bytes] of [
      ["a plugin that speaks REST alone", rawAnswer(404, '{"status":"error","data":null,"message":"There is no such path"}')],
      ["another protocol", "SSH-2.0-OpenSSH_9\r\n\r\n"],
      ["escapes", "HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n\x1b[2J\u202e!!"],
    ] as const
  ) {
    test(`B3: over ${commType}, ${title} fails ping in words fit for a terminal, and its author is told of the other wires`, async () => {
      await withPeer((socket) => socket.end(bytes), async ({ port }) => {
        const { results, failed } = await conform({ address: `http://127.0.0.1:${port}`, commType }, { timeoutMs: 5000 });
        const [ping] = results.flatMap((result) => result.kind === "failed" ? [result] : []);
        assert.deepEqual([ping?.id, failed], ["ping", 1]);
        assert.match(ping?.finding.came ?? "", /^(no answer: (?!within)|HTTP status \d+)/);
        // deno-lint-ignore no-control-regex -- what must not come through
        assert.doesNotMatch(ping?.finding.came ?? "", /[\x00-\x1f\u202e]/);
        assert.match(ping?.finding.advice ?? "", /one that speaks REST or \w+ with that --type/);
      });
    });
  }

  test(`B3: over ${commType}, a plugin that does not say who it is never sees the token, and evidence never shows it`, async () => {
    const fixed = "0123456789abcdef".repeat(4);
    for (const fault of ["identity.none", "token.prefix"]) {
      await withFaulty({ commType, fault, token: fixed }, async (target) => {
        const report = await conform(target, { level: "full" });
        // A plugin that is not sent its token refuses all calls.
        assert.deepEqual(report.results.flatMap(({ id, kind }) => kind === "failed" ? [id] : []), FAILS_WITHOUT_TOKEN.get(fault));
        assert.ok(!JSON.stringify(report).includes(fixed.slice(0, -1)));
      });
    }
  });

  test(`B3: over ${commType}, a run against a plugin that never answers rejects with the signal's reason at once`, async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    await withPeer(() => controller.abort(reason), async ({ port }) => {
      const run = conform({ address: `http://127.0.0.1:${port}`, commType }, { signal: controller.signal });
      await assert.rejects(run, (error) => error === reason);
    });
  });
}
