/**
 * Rows B3 and B12: the project's own plugins conform: hello.py to core, hello in TypeScript to full on each runtime, over TCP and a Unix socket,
 * and both of the framed socket.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { conform, type ConformReport } from "../../host/conform/conform.ts";
import { formatReport } from "../../host/conform/report.ts";
import { languageSkip } from "../languages.ts";
import { RUNTIME, RUNTIMES, withFolder } from "../support.ts";
import { pythonCommand, typescriptCommand, withPlainPlugin, withReadyPlugin, withSocketPlugin } from "./started.ts";

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

for (const commType of ["grpc", "connect"] as const) {
  for (const runtime of RUNTIMES) {
    test(`B3: seen from ${RUNTIME}, hello in TypeScript on ${runtime} conforms to full over ${commType}`, async () => {
      await withReadyPlugin([...typescriptCommand(HELLO, runtime), "--comm-type", commType], async (target) => {
        const report = await conform({ ...target, commType }, { level: "full", mayEnd: true });
        assertPassed(report, "forbidden.x_host");
        assert.ok(report.passed >= 45);
      });
    });
  }

  test(`B1: hello in the dialect goplugin-1 conforms to full over ${commType}, and is known by it when it is taken for the seed's`, async () => {
    const command = [...typescriptCommand(HELLO, RUNTIME), "--comm-type", commType, "--dialect", "goplugin-1"];
    await withReadyPlugin(command, async (target) => {
      const wrong = await conform({ ...target, commType }, { level: "full" });
      const [failed, ...others] = wrong.results.flatMap((result) => result.kind === "failed" ? [result] : []);
      assert.deepEqual([failed?.id, others], ["dialect", []]);
      assert.match(failed?.finding.advice ?? "", /the dialect "goplugin-1": check it with --dialect goplugin-1/);
      assertPassed(
        await conform({ ...target, commType, dialect: "goplugin-1" }, { level: "full", mayEnd: true }),
        "forbidden.x_host",
      );
    });
  });

  test(`B3: full over ${commType} checks a plugin whose token is unknown as far as that goes`, async () => {
    await withReadyPlugin([...typescriptCommand(HELLO, RUNTIME), "--comm-type", commType], async ({ address }) => {
      const { results, failed } = await conform({ address, commType }, { level: "full" });
      const found = results.find(({ kind }) => kind === "failed");
      assert.deepEqual([found?.id, failed], ["exec", 1]);
      assert.match(found?.kind === "failed" ? found.finding.came : "", /^status Unauthenticated/);
      assert.match(found?.kind === "failed" ? found.finding.advice : "", /--token-file FILE/);
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

for (const commType of ["rest", "grpc", "connect"] as const) {
  test(`B3: a plugin on a Unix socket is checked over ${commType}, but for its Host header`, async () => {
    await withFolder(async (folder) => {
      const listen = `unix:${join(folder, "socket")}`;
      const command = [...typescriptCommand(HELLO, RUNTIME), "--comm-type", commType, "--listen", listen];
      await withReadyPlugin(command, async (target) => {
        assert.equal(target.address, listen);
        const report = await conform({ ...target, commType }, { level: "full" });
        assertPassed(report, ...(commType === "grpc" ? [] : ["forbidden.host"]), "forbidden.x_host", "shutdown");
      });
    });
  });
}

for (const runtime of RUNTIMES) {
  test(`B12: seen from ${RUNTIME}, hello in TypeScript on ${runtime} conforms to full over the framed socket`, async () => {
    await withSocketPlugin(typescriptCommand(HELLO, runtime), async (target) => {
      const report = await conform(target, { level: "full", mayEnd: true });
      assertPassed(report, "forbidden.x_host");
      assert.ok(report.passed >= 45);
    });
  });
}

test("B12: hello in TypeScript conforms to full over the framed socket with the default limit and without a token", async () => {
  await withSocketPlugin(typescriptCommand(HELLO, RUNTIME), async ({ address, commType = "rest" }) => {
    const report = await conform({ address, commType }, { level: "full", mayEnd: true });
    assertPassed(report, "proof", "token.missing", "token.wrong", "token.hello", "forbidden.x_host");
  }, { POLYPLUG_TOKEN: undefined, POLYPLUG_MAX_PAYLOAD: undefined });
});

test("B12: a plugin that lists its hosts is checked over the framed socket as one of them", async () => {
  await withSocketPlugin(typescriptCommand("tests/fixtures/lists_hosts.ts", RUNTIME), async (target) => {
    const { results } = await conform({ ...target, host: "a-stranger" });
    const [ping, ...others] = results.flatMap((result) => result.kind === "failed" ? [result] : []);
    assert.deepEqual([ping?.id, others], ["ping", []]);
    assert.match(ping?.finding.came ?? "", /^error 0, exec\.forbidden/);
    assert.match(ping?.finding.advice ?? "", /checked with --host NAME/);
  });
});

const SOCKET_PLUGIN = "examples/socket/plugin.py";

test(
  "B12: the plugin in Python, without a library, conforms to core over the framed socket",
  { skip: languageSkip("python") },
  async () => {
    await withSocketPlugin(pythonCommand(SOCKET_PLUGIN), async (target) => {
      const report = await conform(target);
      assertPassed(report);
      assert.ok(report.passed > 20);
      const { results, failed } = await conform({ address: target.address, commType: "socket" });
      assert.deepEqual([results.find(({ kind }) => kind === "failed")?.id, failed], ["exec", 1], "without its token");
    });
  },
);

test(
  "B12: full proves the token of the plugin in Python, and skips the features that it does not list",
  { skip: languageSkip("python") },
  async () => {
    await withSocketPlugin(pythonCommand(SOCKET_PLUGIN), async (target) => {
      const { results } = await conform(target, { level: "full", mayEnd: true, timeoutMs: 1000 });
      const kinds = new Map(results.map(({ id, kind }) => [id, kind]));
      const proved = [
        "proof",
        "private",
        "token.missing",
        "token.wrong",
        "token.hello",
        "bad.no_hello",
        "bad.hello",
        "limit.exact",
        "serving",
      ];
      assert.deepEqual(proved.map((id) => kinds.get(id)), proved.map(() => "passed"));
      assert.deepEqual(["cancel", "info", "shutdown"].map((id) => kinds.get(id)), ["skipped", "skipped", "skipped"]);
    });
  },
);
