/**
 * D12: plugins hear when all have started and when the host stops, once each.
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openHost } from "../../../host/mod.ts";
import { assertNoneLeft, configOf, keysOf, withFolder, withHost } from "../../support.ts";
import { eventually, heardUntil, listener, statusOf, WIRES } from "./listening.ts";

const NOTICES = { on: ["polyplug.started", "polyplug.stopping"] };
const HEARS = { subscribes: ["polyplug.started", "polyplug.stopping"] };

/** The topics that a plugin has written into its file. */
async function topicsIn(file: string): Promise<readonly string[]> {
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n").slice(0, -1); // What stands behind the last newline is being written.
  return lines.map((line) => JSON.parse(line).topic);
}

for (const wire of WIRES) {
  test(`D12: over ${wire}: polyplug.started after all are ready, polyplug.stopping before they end, once each`, async () => {
    await withFolder(async (folder) => {
      const files = { a: join(folder, "a"), b: join(folder, "b") };
      const keys = { ...keysOf(wire), ...HEARS };
      const plugins = { a: listener({ ...NOTICES, file: files.a }, keys), b: listener({ ...NOTICES, file: files.b }, keys) };
      await withHost(plugins, async (host) => {
        const states: string[][] = [];
        const heard = (async () => {
          for await (const { topic } of host.events.subscribe("polyplug.#")) {
            states.push([
              topic,
              ...host.plugins.map(({ state }) => state.kind),
            ]);
          }
        })();
        await host.startAll();
        await host.startAll();
        for (const plugin of ["a", "b"]) {
          assert.deepEqual((await heardUntil(host, plugin, 1)).map(({ topic }) => topic), ["polyplug.started"]);
        }
        await host.stopAll();
        await host.close();
        await heard;
        assert.deepEqual(states, [["polyplug.started", "ready", "ready"], ["polyplug.stopping", "ready", "ready"]]);
      });
      for (const file of Object.values(files)) assert.deepEqual(await topicsIn(file), ["polyplug.started", "polyplug.stopping"]);
    });
  });
}

test("D12: a host that closes as soon as it has started tells both", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "a");
    await withHost({ a: listener({ ...NOTICES, file }, HEARS) }, (host) => host.startAll());
    assert.deepEqual([...await topicsIn(file)].sort(), ["polyplug.started", "polyplug.stopping"]);
  });
});

test("D12: after stopAll() another startAll() tells both again; a plugin that is started again alone is not told", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "a");
    await withHost({ a: listener({ ...NOTICES, file }, HEARS) }, async (host) => {
      await host.startAll();
      await heardUntil(host, "a", 1);
      await host.stop("a");
      await host.start("a");
      await host.stopAll();
      await host.startAll();
      await heardUntil(host, "a", 1);
    });
    assert.deepEqual(await topicsIn(file), ["polyplug.started", "polyplug.stopping", "polyplug.started", "polyplug.stopping"]);
  });
});

test("D12: a plugin on demand that is not needed is not started for a notice", async () => {
  await withHost({ asleep: listener(NOTICES, { ...HEARS, daemon: false }), a: listener(NOTICES, HEARS) }, async (host, marker) => {
    await host.startAll();
    await heardUntil(host, "a", 1);
    assert.equal(host.get("asleep").state.kind, "idle");
    await host.stop("a");
    await assertNoneLeft(marker);
  });
});

test("D12: a plugin that never acknowledges holds a close for 2 s, no longer", async () => {
  await withHost(
    { a: listener({ ...NOTICES, slowMs: 60_000 }, { ...HEARS, stop: { shutdown: 0.1, stdin: 0.1, term: 0.1 } }) },
    async (host) => {
      await host.startAll();
      await eventually(() => statusOf(host, "a").waiting === 1);
      const began = performance.now();
      await host.close();
      const tookMs = performance.now() - began;
      assert.ok(tookMs >= 1900 && tookMs < 6000, `${tookMs} ms`);
    },
  );
});

test("D12: no notice wakes what was never started", async () => {
  await withFolder(async (folder) => {
    const host = await openHost("test", { config: configOf({ a: listener(NOTICES, HEARS) }, folder) });
    await host.settings.set(new Uint8Array(1));
    await host.close();
    assert.equal(host.get("a").state.kind, "stopped");
    assert.deepEqual(host.plugins.map(({ startedAt }) => startedAt), [undefined]);
  });
});
