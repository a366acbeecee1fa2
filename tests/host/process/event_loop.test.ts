/**
 * Row A16: after `close()`, and after its plugin was killed, nothing of polyplug keeps an application's event loop alive.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { languageSkip } from "../../languages.ts";
import { assertNoneLeft, configOf, measureLagMs, pathOf, pythonPlugin, RUNTIME, typescriptPlugin, withFolder } from "../../support.ts";

const application = pathOf("tests/fixtures/process/application.ts");
const plain = pythonPlugin("tests/fixtures/process/plain.py");
const plainPath = pathOf("tests/fixtures/process/plain.py");
const python = languageSkip("python");

/** How an application ended: what it wrote, its code, and how long after its last line. */
interface Ending {
  readonly code: number | null;
  readonly output: string;
  readonly afterMs: number;
}

/** Runs the application on the runtime of this test. */
async function runApplication(plugins: Record<string, Record<string, unknown>>, fate: string): Promise<Ending> {
  return await withFolder(async (folder) => {
    const marker = crypto.randomUUID();
    const marked = Object.fromEntries(Object.entries(plugins).map(([name, plugin]) => [name, { ...plugin, env: { TEST_MARKER: marker } }]));
    const config = JSON.stringify(configOf(marked, join(folder, "state")));
    const args = [...(RUNTIME === "deno" ? ["run", "-A", "-q"] : []), application, config, fate];
    const child = spawn(RUNTIME, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env } });
    let output = "";
    let closedAt = Number.NaN;
    const read = (chunk: Uint8Array) => {
      output += new TextDecoder().decode(chunk);
      if (/^closed$/m.test(output) && Number.isNaN(closedAt)) closedAt = performance.now();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    const guard = setTimeout(() => child.kill("SIGKILL"), 30_000);
    const [code] = await once(child, "exit");
    const afterMs = performance.now() - closedAt;
    clearTimeout(guard);
    await assertNoneLeft(marker);
    return { code, output, afterMs };
  });
}

const cases: readonly [title: string, skip: string | false, plugins: Record<string, Record<string, unknown>>][] = [
  ["a plugin of ours", false, { one: typescriptPlugin("tests/fixtures/workbench.ts") }],
  ["a plain plugin", python, { one: plain }],
  ["a shell wrapper", python, { one: { exec: "/bin/sh", exec_args: ["-c", 'python3 "$0" "$@" & wait', plainPath], exec_file: plainPath } }],
  ["two plugins", python, { one: plain, two: typescriptPlugin("tests/fixtures/workbench.ts") }],
];

for (const [title, skip, plugins] of cases) {
  test(`A16: an application with ${title} ends by itself after close()`, { skip }, async () => {
    const lagMs = await measureLagMs();
    const { code, output, afterMs } = await runApplication(plugins, "closed");
    assert.deepEqual({ code, output: output.trim() }, { code: 0, output: "closed" });
    assert.ok(afterMs <= 1000 + 10 * lagMs, `${afterMs} ms`);
  });
}

for (const [title, skip, plugins] of cases.slice(0, 3)) {
  test(`A16: an application whose plugin was killed ends by itself, without close(): ${title}`, { skip }, async () => {
    const lagMs = await measureLagMs();
    const { code, output, afterMs } = await runApplication(plugins, "killed");
    assert.deepEqual({ code, output: output.trim() }, { code: 0, output: "closed" });
    assert.ok(afterMs <= 1000 + 10 * lagMs, `${afterMs} ms`);
  });
}

test("A16: an application whose plugin could not start ends by itself, without close()", { skip: python }, async () => {
  const lagMs = await measureLagMs();
  const silent = { ...pythonPlugin("tests/fixtures/process/silent.py"), start_timeout: 1, ping_timeout: 0.3 };
  const { code, output, afterMs } = await runApplication({ silent }, "failed");
  assert.deepEqual({ code, output: output.trim() }, { code: 0, output: "ready.timeout\nclosed" });
  assert.ok(afterMs <= 1000 + 10 * lagMs, `${afterMs} ms`);
});
