/**
 * Row B3: the project's own plugins conform: hello.py to core, hello in TypeScript to full on each runtime, over TCP and a Unix socket.
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { conform, type ConformReport } from "../../host/conform/conform.ts";
import { formatReport } from "../../host/conform/report.ts";
import { languageSkip } from "../languages.ts";
import { RUNTIME, RUNTIMES, withFolder } from "../support.ts";
import { pythonCommand, typescriptCommand, withPlainPlugin, withReadyPlugin } from "./started.ts";

const HELLO = "examples/hello/plugin.ts";

/** Everything has passed but these, which were skipped. */
function assertPassed(report: ConformReport, ...skipped: readonly string[]): void {
  const others = report.results.filter(({ kind }) => kind !== "passed").map(({ id, kind }) => `${kind} ${id}`);
  assert.deepEqual(others, skipped.map((id) => `skipped ${id}`), formatReport(report));
  assert.equal(report.passed, report.results.length - skipped.length);
}

test("B3: hello.py, without a library, conforms to core", { skip: languageSkip("python") }, async () => {
  await withPlainPlugin(pythonCommand("examples/hello/hello.py"), async (target) => {
    const report = await conform(target);
    assertPassed(report);
    assert.equal(report.level, "core");
    assert.ok(report.passed > 30);
  });
});

test("B3: full says what hello.py does not have, and skips what it need not have", { skip: languageSkip("python") }, async () => {
  await withPlainPlugin(pythonCommand("examples/hello/hello.py"), async (target) => {
    const { results } = await conform(target, { level: "full", mayEnd: true });
    const of = (kind: string) => results.filter((result) => result.kind === kind).map(({ id }) => id);
    assert.deepEqual(of("failed"), ["identity", "error.method", "forbidden.origin", "forbidden.host", "limit.over"]);
    assert.deepEqual(of("skipped").filter((id) => /^(raw|info|cancel|shutdown)$/.test(id)), ["raw", "cancel", "info", "shutdown"]);
    const raw = results.find(({ id }) => id === "raw");
    assert.deepEqual(raw?.kind === "skipped" && raw.reason, 'the plugin does not list the feature "raw"');
  });
});

for (const runtime of RUNTIMES) {
  test(`B3: seen from ${RUNTIME}, hello in TypeScript on ${runtime} conforms to full, and ends when it is asked to`, async () => {
    await withReadyPlugin(typescriptCommand(HELLO, runtime), async (target) => {
      const report = await conform(target, { level: "full", mayEnd: true });
      assertPassed(report, "forbidden.x_host");
    });
  });
}

test("B3: a plugin that may not be ended is not, and one whose token is unknown is checked as far as that goes", async () => {
  await withReadyPlugin(typescriptCommand(HELLO, RUNTIME), async (target) => {
    assertPassed(await conform(target, { level: "full" }), "forbidden.x_host", "shutdown");
    const { results, failed } = await conform({ address: target.address });
    const found = results.find(({ kind }) => kind === "failed");
    assert.deepEqual([found?.id, failed], ["exec", 1]);
    assert.match(found?.kind === "failed" ? found.finding.came : "", /^status 401/);
    assert.match(found?.kind === "failed" ? found.finding.advice : "", /--token-file FILE/);
  });
});

test("B3: hello in TypeScript conforms to full with the default limit and without a token", async () => {
  await withReadyPlugin(typescriptCommand(HELLO, RUNTIME), async ({ address }) => {
    const report = await conform({ address }, { level: "full", mayEnd: true });
    assertPassed(report, "proof", "token.missing", "token.wrong", "token.raw", "forbidden.x_host");
  }, { POLYPLUG_TOKEN: undefined, POLYPLUG_MAX_PAYLOAD: undefined });
});

test("B3: a plugin that lists its hosts is checked as one of them", { skip: languageSkip("python") }, async () => {
  await withReadyPlugin(pythonCommand("tests/fixtures/faulty_plugin.py", "--hosts", "app,other"), async (target) => {
    assertPassed(await conform({ ...target, host: "app" }, { level: "full", mayEnd: true }));
  });
  await withReadyPlugin(pythonCommand("tests/fixtures/faulty_plugin.py", "--hosts", "app,other"), async (target) => {
    const refused = await conform(target);
    const [ping] = refused.results.flatMap((result) => result.kind === "failed" ? [result] : []);
    assert.deepEqual([ping?.id, refused.failed, refused.passed], ["ping", 1, 0]);
    assert.match(ping?.finding.advice ?? "", /checked with --host NAME/);
    assert.match(ping?.finding.came ?? "", /^status 403/);
  });
});

test("B3: a plugin on a Unix socket is checked, but for its Host header", async () => {
  await withReadyPlugin(typescriptCommand(HELLO, RUNTIME), async ({ address, ...known }) => {
    await withFolder(async (folder) => {
      const path = join(folder, "socket");
      const open = new Set<Socket>();
      const server = createServer((socket) => {
        const other = connect({ host: "127.0.0.1", port: Number(new URL(address).port) });
        for (const each of [socket, other]) open.add(each.on("error", () => each.destroy()));
        socket.pipe(other).pipe(socket);
        socket.on("close", () => other.destroy());
      });
      server.listen(path);
      await once(server, "listening");
      try {
        assertPassed(
          await conform({ address: `unix:${path}`, ...known }, { level: "full" }),
          "forbidden.host",
          "forbidden.x_host",
          "shutdown",
        );
      } finally {
        for (const socket of open) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      }
    });
  });
});
