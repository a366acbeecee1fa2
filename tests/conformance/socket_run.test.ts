/**
 * Row B12: what a run over the framed socket does whatever the plugin is: nobody, other protocols, aborts, the token.
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { conform } from "../../host/conform/conform.ts";
import { reservePort } from "../../host/process/ports.ts";
import { rawAnswer } from "../protocol/rest/raw_http.ts";
import { withFolder } from "../support.ts";
import { withFaultySocket } from "./socket_served.ts";

const commType = "socket";

/** Listens, does this with each connection, and hands the address to `use`. */
async function withListening(behave: (socket: Socket) => void, use: (address: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      open.add(socket);
      socket.on("error", () => {}).resume();
      behave(socket);
    });
    const path = join(folder, "s");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      await use(`unix:${path}`);
    } finally {
      for (const each of open) each.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

test("B12: over the socket, ping has failed where nobody listens, and the rest is skipped for it", async () => {
  const { port, release } = await reservePort();
  for (const address of [`http://127.0.0.1:${port}`, "unix:/nowhere/to/be/found"]) {
    const { results, failed, skipped } = await conform({ address, commType }, { level: "full" });
    const [ping, ...others] = results;
    assert.deepEqual([ping?.id, ping?.kind, failed], ["ping", "failed", 1]);
    assert.equal(skipped, others.length);
    assert.match(ping?.kind === "failed" ? ping.finding.came : "", /^no answer: it does not accept connections \(.+\)/);
  }
  release();
});

for (
  const [title, bytes, came] of [
    [
      "REST",
      rawAnswer(404, "{}"),
      /the bytes 485454502f312e3120 came where a frame begins \("HTTP\/1\.1 "\): their length is \d+, more than/,
    ],
    ["escapes", "\x1b[2J\u202e!!!", /^no answer: the bytes 1b5b324a/],
    ["a length under 5", "\0\0\0\x04\x01\0\0\0\0", /their length is 4, under 5/],
    ["half a frame", "\0\0\0\x20\x01\0\0\0\0{", /the connection was closed in the middle of a frame/],
    ["nothing", "", /the connection was closed without an answer/],
  ] as const
) {
  test(`B12: over the socket, ${title} for an answer fails ping, in words fit for a terminal`, async () => {
    await withListening((socket) => void socket.end(bytes), async (address) => {
      const { results, failed } = await conform({ address, commType }, { timeoutMs: 5000 });
      const [ping] = results.flatMap((result) => result.kind === "failed" ? [result] : []);
      assert.deepEqual([ping?.id, failed], ["ping", 1]);
      assert.match(ping?.finding.came ?? "", came);
      // deno-lint-ignore no-control-regex -- what must not come through
      assert.doesNotMatch(ping?.finding.came ?? "", /[\x00-\x1f\u202e]/);
    });
  });
}

test("B12: over the socket, evidence never shows the token", async () => {
  const token = "0123456789abcdef".repeat(4);
  for (const fault of ["token.ignored", "token.prefix", "token.answered", "refused.silently"]) {
    await withFaultySocket({ fault, token }, async (target) => {
      const report = await conform(target, { level: "full" });
      assert.equal(report.failed, 1, fault);
      assert.ok(!JSON.stringify(report).includes(token.slice(0, -1)), fault);
    });
  }
});

test("B12: over the socket, a run against a plugin that never answers rejects with the signal's reason at once", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  await withListening(() => controller.abort(reason), async (address) => {
    const run = conform({ address, commType }, { signal: controller.signal });
    await assert.rejects(run, (error) => error === reason);
  });
});
