/**
 * Row C16: what plugins in TypeScript and Python write, on both streams, as records.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, PluginLog } from "../../../host/mod.ts";
import { MAX_LINE_CHARS } from "../../../host/logs/lines.ts";
import { languageSkip } from "../../languages.ts";
import { bytes, pythonPlugin, typescriptPlugin, withHost } from "../../support.ts";

const languages = [
  ["TypeScript", typescriptPlugin("tests/fixtures/writes.ts"), false],
  ["Python", pythonPlugin("tests/fixtures/process/writes.py"), languageSkip("python")],
] as const;

/** Records, and a promise of the next ones. */
function createCollector() {
  const records: PluginLog[] = [];
  let look = () => {};
  return {
    records,
    onLog: (record: PluginLog) => {
      records.push(record);
      look();
    },
    /** Resolves when there are as many from this stream, with these; times and plugins left out. */
    seen: async (stream: string, count: number) => {
      const found = () => records.filter(({ values }) => values["stream"] === stream);
      while (found().length < count) await new Promise<void>((resolve) => look = resolve);
      return found().map(({ level, message, values }) => [level, message, values]);
    },
  };
}

type Collector = ReturnType<typeof createCollector>;

async function withWriter(plugin: Record<string, unknown>, use: (host: Host, collector: Collector) => Promise<void>): Promise<void> {
  const collector = createCollector();
  await withHost({ db: plugin }, (host) => use(host, collector), { onLog: collector.onLog });
}

const LINES = [
  "plain",
  '{"level":"warn","message":"nearly full","free":3}',
  '{"@level":"error","@message":"lost","@module":"db"}',
  '{"@message":1}',
  "[WARN] low",
  "",
  '{"msg":"windows","level":20}\r',
  "x".repeat(200_000),
  `{"level":"error","message":"${"x".repeat(200_000)}"}`,
  "last",
].join("\n");

for (const [language, plugin, skip] of languages) {
  for (const stream of ["stdout", "stderr"] as const) {
    test(`C16: each line of a ${language} plugin's ${stream} is one record, in order`, { skip }, async () => {
      await withWriter(plugin, async (host, { records, seen }) => {
        await host.get("db").exec(`test.${stream}`, bytes(`${LINES}\n`));
        assert.deepEqual(await seen(stream, 10), [
          ["info", "plain", { stream }],
          ["warn", "nearly full", { free: 3, stream }],
          ["error", "lost", { "@module": "db", stream }],
          ["info", '{"@message":1}', { stream }],
          ["warn", "low", { stream }],
          ["info", "", { stream }],
          ["debug", "windows", { stream }],
          ["info", `${"x".repeat(MAX_LINE_CHARS)}…`, { stream }],
          ["info", `{"level":"error","message":"${"x".repeat(MAX_LINE_CHARS - 28)}…`, { stream }],
          ["info", "last", { stream }],
        ]);
        assert.ok(records.every(({ plugin, time }) => plugin === "db" && time instanceof Date));
        assert.equal(await host.get("db").ping(), "pong");
      });
    });

    test(`C16: bytes of a ${language} plugin's ${stream} that are no UTF-8 stand as replacement characters`, { skip }, async () => {
      await withWriter(plugin, async (host, { seen }) => {
        await host.get("db").exec(`test.${stream}`, Uint8Array.of(0x61, 0xff, 0xfe, 0x62, 0x0a, 0xc3, 0x0a, 0x63, 0x0a));
        assert.deepEqual((await seen(stream, 3)).map(([, message]) => message), ["a\ufffd\ufffdb", "\ufffd", "c"]);
      });
    });

    test(`C16: the last line of a ${language} plugin's ${stream} counts without an ending`, { skip }, async () => {
      await withWriter(plugin, async (host, { seen }) => {
        await host.get("db").exec(`test.${stream}`, bytes('{"level":"error","message":"last words"}'));
        await host.stop("db");
        assert.deepEqual(await seen(stream, 1), [["error", "last words", { stream }]]);
      });
    });
  }
}

test("C16: console.log and console.error of a TypeScript plugin are plain records, each with its stream", async () => {
  await withWriter(languages[0][1], async (host, { seen }) => {
    await host.get("db").exec("test.console");
    assert.deepEqual(await seen("stdout", 1), [["info", "from console.log", { stream: "stdout" }]]);
    assert.deepEqual(await seen("stderr", 1), [["info", "from console.error", { stream: "stderr" }]]);
  });
});
