/**
 * Row C10, the ladder of stopping where stop.test.ts does not go: groups without their leader, zombies, open calls on every wire.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { PluginLog } from "../../../host/mod.ts";
import { languageSkip } from "../../languages.ts";
import { assertNoneLeft, bytes, keysOf, measureLagMs, pathOf, pythonPlugin, text, typescriptPlugin, withHost } from "../../support.ts";
import { isAlive } from "./guardians.ts";
import { processesSeen } from "./observe.ts";

const skip = languageSkip("python");
const workbench = typescriptPlugin("tests/fixtures/workbench.ts");
const stays = pathOf("tests/fixtures/process/stays.py");

test("C10: SIGKILL goes to the group although its leader ended at an earlier step", { skip }, async () => {
  const lagMs = await measureLagMs();
  const stop = { shutdown: 0.2, stdin: 0.3, term: 0.4 };
  // The leader ends with its stdin; what serves heeds neither stdin nor SIGTERM.
  const wrapper = { exec: "/bin/sh", exec_args: ["-c", 'python3 "$0" "$@" & read -r _; exit 5', stays], exec_file: stays, stop };
  await withHost({ wrapper }, async (host, marker) => {
    await host.start("wrapper");
    await processesSeen(marker, 2);
    const started = performance.now();
    await host.stop("wrapper");
    const tookMs = performance.now() - started;
    await assertNoneLeft(marker);
    assert.equal(host.plugins[0]?.lastExit?.code, 5);
    assert.ok(tookMs >= 680 && tookMs <= 1000 + 10 * lagMs, `${tookMs} ms`);
  });
});

test("C10: zombies do not count: a group in which nobody else is left needs no further step", { skip }, async () => {
  const lagMs = await measureLagMs();
  const logs: PluginLog[] = [];
  await withHost({ zombie: pythonPlugin("tests/fixtures/process/zombie.py") }, async (host) => {
    await host.start("zombie");
    const group = host.plugins[0]?.pid ?? 0;
    const parent = Number(/^parent (\d+)$/.exec(logs.map(({ message }) => message).join("\n"))?.[1]);
    assert.ok(parent > 0);
    try {
      const started = performance.now();
      await host.stop("zombie");
      const tookMs = performance.now() - started;
      assert.ok(tookMs <= 1000 + 10 * lagMs, `${tookMs} ms`); // With the zombie counted it takes 5 s more.
      assert.equal(host.plugins[0]?.lastExit?.code, 0);
      assert.ok(process.kill(-group, 0), "the zombie is still in the group");
    } finally {
      process.kill(parent, "SIGKILL");
      while (await isAlive(parent));
    }
  }, { onLog: (record) => void logs.push(record) });
});

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C10: ${wire}: calls that are open at stop() finish within the grace, those that do not are lost`, async () => {
    const lagMs = await measureLagMs();
    const stop = { shutdown: 1.2, stdin: 0.2, term: 0.2 };
    await withHost({ workbench: { ...workbench, ...keysOf(wire), stop } }, async (host, marker) => {
      const handle = await host.start("workbench");
      const short = Array.from({ length: 3 }, (_, i) => handle.exec("test.wait", bytes(String(300 + i))));
      const hung = assert.rejects(handle.exec("test.hang", undefined, { timeoutMs: Infinity }), { origin: "host" });
      while (JSON.parse(text(await handle.exec("test.ends"))).calls.length === 0);
      const started = performance.now();
      const stopping = host.stop("workbench");
      assert.deepEqual((await Promise.all(short)).map(text), ["300", "301", "302"]);
      await Promise.all([hung, stopping]);
      const tookMs = performance.now() - started;
      assert.ok(tookMs >= 1180 && tookMs <= 2000 + 10 * lagMs, `${tookMs} ms`);
      await assertNoneLeft(marker);
    });
  });

  test(`C10: ${wire}: a plugin of ours ends at the first step, as soon as its last call is answered`, async () => {
    const lagMs = await measureLagMs();
    await withHost({ workbench: { ...workbench, ...keysOf(wire) } }, async (host) => {
      const handle = await host.start("workbench");
      const open = handle.exec("test.wait", bytes("300"));
      await handle.ping();
      const started = performance.now();
      await host.stop("workbench");
      const tookMs = performance.now() - started;
      assert.equal(text(await open), "300");
      assert.equal(host.plugins[0]?.lastExit?.code, 0);
      assert.ok(tookMs <= 1500 + 10 * lagMs, `${tookMs} ms`);
    });
  });
}
