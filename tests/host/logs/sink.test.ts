/**
 * Row C16: an application's `onLog` that fails harms neither the application nor the plugins, and is told once.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { createLogSink } from "../../../host/logs/sink.ts";
import { openHost, type PluginLog } from "../../../host/mod.ts";
import { bytes, configOf, typescriptPlugin, withFolder, withHost } from "../../support.ts";

const record: PluginLog = { time: new Date(), plugin: "a", level: "info", message: "x", values: {} };

/** The warnings of the process while `use` runs. */
async function warningsOf(use: () => Promise<unknown> | unknown): Promise<readonly string[]> {
  const warnings: string[] = [];
  const listen = ({ name, message }: Error) => void (name === "PolyplugWarning" && warnings.push(message));
  process.on("warning", listen);
  try {
    await use();
    // Warnings come with the next turn.
    await new Promise((resolve) => setTimeout(resolve, 1));
    return warnings;
  } finally {
    process.off("warning", listen);
  }
}

const failures: readonly [what: string, onLog: () => unknown, said: RegExp][] = [
  ["throws", () => {
    throw new Error("disk full");
  }, /^onLog threw: disk full; /],
  ["throws what is no error", () => {
    throw "disk full";
  }, /^onLog threw: disk full; /],
  ["rejects", () => Promise.reject(new Error("disk full")), /^onLog threw: disk full; /],
];

for (const [what, onLog, said] of failures) {
  test(`C16: an onLog that ${what} each time is told once`, async () => {
    let calls = 0;
    const warnings = await warningsOf(async () => {
      const log = createLogSink(() => (calls++, onLog()));
      for (let count = 0; count < 100; count++) log(record);
      await Promise.resolve();
    });
    assert.equal(calls, 100);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", said);
  });
}

test("C16: a plugin's calls are answered, and it is stopped, while onLog throws at each line", async () => {
  let calls = 0;
  const all = Promise.withResolvers<void>();
  const onLog = () => {
    calls += 1;
    if (calls === 2000) all.resolve();
    throw new Error("disk full");
  };
  const warnings = await warningsOf(async () => {
    await withHost({ writes: typescriptPlugin("tests/fixtures/writes.ts") }, async (host) => {
      const handle = host.get("writes");
      await handle.exec("test.stderr", bytes("x\n".repeat(1000)));
      await handle.exec("test.stdout", bytes("x\n".repeat(1000)));
      await all.promise;
      assert.equal(await handle.ping(), "pong");
    }, { onLog });
  });
  assert.equal(warnings.length, 1);
});

test("C16: an onLog that throws at a notice keeps no host from opening", async () => {
  await withFolder(async (folder) => {
    const onLog = (given: PluginLog) => {
      throw new Error(given.message);
    };
    const warnings = await warningsOf(async () => {
      const broken = { exec: "node", exec_file: "gone.ts" };
      await using host = await openHost("test", { config: configOf({ broken }, folder), onLog });
      assert.equal(host.rejected.get("broken")?.code, "verify.missing_file");
    });
    assert.equal(warnings.length, 1);
  });
});
