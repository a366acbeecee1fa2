/**
 * Rows C1, C2, C5 and C6: a plugin that ends comes back behind the same handle, and what was under way is sent again only where that is safe.
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { AttemptOptions, Driver, PluginHandle, PluginState } from "../../../host/mod.ts";
import { openRestCaller } from "../../../protocol/rest/caller.ts";
import { languageSkip } from "../../languages.ts";
import { buildGoPlugin, bytes, keysOf, measureLagMs, pythonPlugin, text, typescriptPlugin, withFolder, withHost } from "../../support.ts";
import { reached } from "../process/observe.ts";

const lively = typescriptPlugin("tests/fixtures/lively.ts");
const quick = { restart: { max: 1000, min_delay: 0, max_delay: 0 } };

/** Kills the process and waits until the host has seen it; gives what comes after. */
async function kill(pid: number, handle: PluginHandle): Promise<AsyncIterator<PluginState>> {
  const states = handle.states()[Symbol.asyncIterator]();
  await states.next();
  process.kill(pid, "SIGKILL");
  return states;
}

const plugins: readonly (readonly [title: string, plugin: Record<string, unknown>, command: string, skip: string | false])[] = [
  ...["rest", "grpc", "connect", "stdio", "socket"].map((wire) => [wire, { ...lively, ...keysOf(wire) }, "lively.pid", false] as const),
  ["a Python plugin that knows nothing of polyplug", pythonPlugin("tests/fixtures/process/plain.py"), "test.pid", languageSkip("python")],
];

for (const [title, plugin, command, skip] of plugins) {
  test(`C1: ${title}: after a SIGKILL the same handle answers again, within its own start time`, { skip }, async () => {
    const lagMs = await measureLagMs();
    await withHost({ plugin }, async (host) => {
      const handle = host.get("plugin");
      const began = performance.now();
      await handle.ready();
      const startMs = performance.now() - began;
      const pid = Number(text(await handle.exec(command)));
      const states = await kill(pid, handle);
      const { value: gone } = await states.next();
      const killedAt = performance.now();
      const again = Number(text(await handle.exec(command)));
      const tookMs = performance.now() - killedAt;
      assert.equal(gone.kind, "restarting");
      assert.notEqual(again, pid);
      assert.ok(tookMs < 3 * startMs + 50 + 10 * lagMs, `${tookMs} ms, a start takes ${startMs}`);
      assert.deepEqual([host.plugins[0]?.restarts, host.plugins[0]?.lastExit?.signal], [1, "SIGKILL"]);
      assert.deepEqual(handle.state, { kind: "ready", pid: again, launch: 2 });
    });
  });
}

test("C1: a Go plugin that knows nothing of polyplug comes back too", { skip: languageSkip("go") }, async () => {
  await withFolder(async (folder) => {
    const exec = await buildGoPlugin(folder);
    await withHost({ plugin: { exec } }, async (host) => {
      const handle = await host.start("plugin");
      const states = await kill(host.plugins[0]?.pid ?? 0, handle);
      await states.next();
      assert.equal(text(await handle.exec("hello.echo", bytes("again"))), "again");
      assert.deepEqual([host.plugins[0]?.restarts, handle.state.kind === "ready" && handle.state.launch], [1, 2]);
    });
  });
});

test("C1: it comes back without a call", async () => {
  await withHost({ lively }, async (host) => {
    const handle = await host.start("lively");
    const states = await kill(host.plugins[0]?.pid ?? 0, handle);
    const kinds: string[] = [];
    while (kinds.at(-1) !== "ready") kinds.push((await states.next()).value.kind);
    assert.deepEqual(kinds, ["restarting", "starting", "ready"]);
  });
});

test("C2: a plugin that exits on its second, third, fourth … request lets ten idempotent calls through", async () => {
  await withHost({ lively: { ...lively, ...quick } }, async (host) => {
    for (let call = 0; call < 10; call++) {
      const answer = await host.get("lively").exec("lively.fragile", bytes(String(call)), { retry: "idempotent" });
      assert.equal(text(answer), String(call));
    }
    assert.ok((host.plugins[0]?.restarts ?? 0) >= 3);
  });
});

test("C5: caller.lost is sent again only when it is idempotent, with the same id", async () => {
  await withFolder(async (folder) => {
    await withHost({ lively: { ...lively, ...quick } }, async (host) => {
      const handle = host.get("lively");
      const [once, often] = [join(folder, "once"), join(folder, "often")];
      await assert.rejects(handle.exec("lively.note", bytes(`${once} 1`), { requestId: "r-1" }), { code: "caller.lost" });
      assert.equal(await readFile(once, "utf8"), "r-1\n");
      await handle.exec("lively.note", bytes(`${often} 3`), { requestId: "r-2", retry: "idempotent" });
      assert.equal(await readFile(often, "utf8"), "r-2\nr-2\nr-2\n");
    });
  });
});

test("C5: each try has the same id and the next number, and an error answer is one request", async () => {
  const tries: unknown[] = [];
  const rest: Driver = async (endpoint, options) => {
    const driver = await openRestCaller(endpoint, options);
    return {
      ping: (pingOptions) => driver.ping(pingOptions),
      identify: async (nonce, pingOptions) => await driver.identify?.(nonce, pingOptions) ?? { features: [] },
      trust: (token) => driver.trust?.(token),
      exec: (command, payload, given: AttemptOptions = {}) => {
        if (command.startsWith("lively.")) tries.push([command, given.requestId, given.attempt]);
        return driver.exec(command, payload, given);
      },
      close: () => driver.close(),
    };
  };
  await withFolder(async (folder) => {
    await withHost({ lively: { ...lively, ...quick } }, async (host) => {
      const options = { requestId: "r-1", retry: "idempotent" } as const;
      await host.get("lively").exec("lively.note", bytes(`${join(folder, "calls")} 2`), options);
      await assert.rejects(host.get("lively").exec("lively.none", undefined, options), { code: "exec.unknown_command" });
    }, { drivers: { rest } });
  });
  assert.ok(tries.length >= 4);
  const noted = tries.slice(1).map((_, index) => ["lively.note", "r-1", index + 1]);
  assert.deepEqual(tries, [...noted, ["lively.none", "r-1", 1]]);
});

test("C5: a call that waits for a restart keeps its own deadline", async () => {
  await withHost({ lively: { ...lively, restart: { max: 5, min_delay: 30, max_delay: 30 } } }, async (host) => {
    const handle = await host.start("lively");
    for (let death = 0; death < 2; death++) {
      const states = await kill(host.plugins[0]?.pid ?? 0, handle);
      await states.next();
      if (death === 0) await reached(handle, "ready");
    }
    const began = performance.now();
    await assert.rejects(handle.exec("lively.pid", undefined, { timeoutMs: 200 }), { code: "caller.timeout" });
    assert.ok(performance.now() - began < 10_000);
    assert.equal(handle.state.kind, "restarting");
  });
});

test("C6: fifty calls during a restart cause one start; one that gives up leaves the others alone", async () => {
  await withHost({ lively }, async (host) => {
    const handle = await host.start("lively");
    const states = await kill(host.plugins[0]?.pid ?? 0, handle);
    await states.next();
    const controller = new AbortController();
    const aborted = handle.exec("lively.pid", undefined, { signal: controller.signal });
    const late = handle.exec("lively.pid", undefined, { timeoutMs: 1 });
    const calls = Array.from({ length: 50 }, () => handle.exec("lively.pid"));
    controller.abort();
    await assert.rejects(aborted, { code: "caller.aborted" });
    await assert.rejects(late, { code: "caller.timeout" });
    const pids = new Set((await Promise.all(calls)).map(text));
    assert.equal(pids.size, 1);
    assert.equal(host.plugins[0]?.restarts, 1);
    assert.deepEqual(handle.state, { kind: "ready", pid: Number([...pids][0]), launch: 2 });
  });
});

test("C4: after too many ends calls are host.crashed at once, telling the last one, and start() begins afresh", async () => {
  await withHost({ lively: { ...lively, restart: { max: 2, min_delay: 0.05 } } }, async (host) => {
    const handle = host.get("lively");
    for (let death = 0; death < 3; death++) {
      await handle.ready();
      await assert.rejects(handle.exec("lively.exit"), { code: "caller.lost" });
      for await (const { kind } of handle.states()) if (kind !== "ready") break;
    }
    const { reason } = await reached(handle, "crashed") as PluginState & { kind: "crashed" };
    assert.match(reason.message, /exited with code 7/);
    const began = performance.now();
    await assert.rejects(handle.exec("lively.pid"), { code: "host.crashed", message: /exited with code 7/ });
    await assert.rejects(handle.ready(), { code: "host.crashed" });
    assert.ok(performance.now() - began < 1000);
    await host.start("lively");
    assert.equal(handle.state.kind, "ready");
  });
});

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`C5: ${wire}: a call to a plugin that somebody else has told to end waits for the next process, and runs once`, async () => {
    await withFolder(async (folder) => {
      await withHost({ lively: { ...lively, ...keysOf(wire) } }, async (host) => {
        const file = join(folder, "calls");
        const handle = await host.start("lively");
        const open = handle.exec("lively.wait", bytes("1000"), { retry: "never" });
        while (text(await handle.exec("lively.waiting")) !== "1");
        process.kill(host.plugins[0]?.pid ?? 0, "SIGTERM");
        // Between its last answer and its exit nobody can tell whether a call was taken, though none is.
        for (let call = 0; call < 5; call++) {
          await handle.exec("lively.note", bytes(file), { requestId: `r-${call}`, retry: "idempotent" });
        }
        assert.equal(text(await open), "1000");
        assert.equal(await readFile(file, "utf8"), "r-0\nr-1\nr-2\nr-3\nr-4\n");
      });
    });
  });
}
