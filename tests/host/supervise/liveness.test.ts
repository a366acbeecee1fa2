/**
 * Row C3 with real plugins: one that no longer answers is found and replaced, one that is busy is left alone.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type Host, openHost, type PluginHandle, type PluginState } from "../../../host/mod.ts";
import { definePlugin, serve, type Served } from "../../../plugin/mod.ts";
import { languageSkip } from "../../languages.ts";
import {
  assertNoneLeft,
  bytes,
  configOf,
  keysOf,
  measureLagMs,
  pythonPlugin,
  text,
  typescriptPlugin,
  withFolder,
  withHost,
} from "../../support.ts";
import { reached } from "../process/observe.ts";

const skip = languageSkip("python");
const lively = typescriptPlugin("tests/fixtures/lively.ts");
const oneAtATime = pythonPlugin("tests/fixtures/process/one_at_a_time.py");
const times = { ping_interval: 0.2, ping_timeout: 0.3 };

/** Stops a process, hands it over, and lets it go on if it still can. */
async function whileStopped(pid: number, use: () => Promise<void>): Promise<void> {
  process.kill(pid, "SIGSTOP");
  try {
    await use();
  } finally {
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It is gone, as it should be.
    }
  }
}

/** The kinds of state from now on, up to and with the next `ready`. */
async function untilReadyAgain(handle: PluginHandle): Promise<readonly PluginState[]> {
  const seen: PluginState[] = [];
  for await (const state of handle.states()) {
    seen.push(state);
    if (state.kind === "ready" && seen.length > 1) break;
  }
  return seen;
}

const silenced = [
  ...["rest", "grpc", "connect", "stdio", "socket"].map((wire) => [wire, { ...lively, ...keysOf(wire) }, "lively.pid", false] as const),
  ["a plain Python plugin", pythonPlugin("tests/fixtures/process/plain.py"), "test.pid", skip],
] as const;

for (const [title, plugin, command, skipped] of silenced) {
  test(
    `C3: ${title}: a plugin that accepts and never answers is killed after ping_timeout and started again`,
    { skip: skipped },
    async () => {
      const lagMs = await measureLagMs();
      await withHost({ plugin: { ...plugin, ...times } }, async (host) => {
        const handle = host.get("plugin");
        const pid = Number(text(await handle.exec(command)));
        const life = untilReadyAgain(handle);
        const began = performance.now();
        await whileStopped(pid, async () => {
          await reached(handle, "restarting");
          assert.ok(performance.now() - began < 1.5 * 200 + 300 + 500 + 10 * lagMs, `${performance.now() - began} ms`);
          const kinds = (await life).map(({ kind }) => kind);
          assert.deepEqual(kinds, ["ready", "unhealthy", "restarting", "starting", "ready"]);
        });
        assert.notEqual(Number(text(await handle.exec(command))), pid);
        assert.deepEqual([host.plugins[0]?.restarts, host.plugins[0]?.lastExit?.signal], [1, "SIGKILL"]);
        const [, unhealthy, restarting] = await life;
        assert.match(reasonOf(unhealthy), /did not answer ping within 300 ms/);
        assert.match(reasonOf(restarting), /since it gave no right answer to ping: It did not answer ping within 300 ms/);
      });
    },
  );
}

function reasonOf(state: PluginState | undefined): string {
  return state !== undefined && "reason" in state ? state.reason.message : "";
}

test("C3: with the default times a silent plugin is replaced within 5 to 7.5 s and 2 s more", async () => {
  const lagMs = await measureLagMs();
  await withHost({ lively }, async (host) => {
    const handle = host.get("lively");
    const pid = Number(text(await handle.exec("lively.pid")));
    const began = performance.now();
    await whileStopped(pid, async () => {
      await reached(handle, "unhealthy");
      const tookMs = performance.now() - began;
      assert.ok(tookMs > 5000 && tookMs < 7500 + 2000 + 250 + 10 * lagMs, `${tookMs} ms`);
      assert.notEqual(Number(text(await handle.exec("lively.pid"))), pid);
    });
  });
});

test("C3: a plugin that answers ping wrong when it is up is killed and started again", { skip }, async () => {
  const sour = pythonPlugin("tests/fixtures/process/turns_sour.py");
  await withHost({ sour: { ...sour, ...times } }, async (host) => {
    const handle = await host.start("sour");
    const life = untilReadyAgain(handle);
    await handle.exec("test.turn");
    const [, unhealthy, , , again] = await life;
    assert.match(reasonOf(unhealthy), /gnop/);
    assert.equal(again?.kind, "ready");
    assert.equal(host.plugins[0]?.restarts, 1);
  });
});

test("C3: a plugin that does one thing at a time and is busy for 3 s with one call is not killed", { skip }, async () => {
  await withHost({ busy: { ...oneAtATime, ...times } }, async (host) => {
    const handle = await host.start("busy");
    const pid = host.plugins[0]?.pid;
    assert.equal(text(await handle.exec("test.wait", bytes("3"))), "3");
    assert.equal(Number(text(await handle.exec("test.pid"))), pid);
    assert.deepEqual([host.plugins[0]?.restarts, handle.state], [0, { kind: "ready", pid, launch: 1 }]);
  });
});

test("C3: a plugin that hangs in a call is killed when the call's deadline has passed, not before", { skip }, async () => {
  const lagMs = await measureLagMs();
  await withHost({ hung: { ...oneAtATime, ...times } }, async (host) => {
    const handle = await host.start("hung");
    const life = untilReadyAgain(handle);
    const began = performance.now();
    await assert.rejects(handle.exec("test.hang", undefined, { timeoutMs: 1500 }), { code: "caller.timeout" });
    await reached(handle, "unhealthy");
    const tookMs = performance.now() - began;
    assert.ok(tookMs > 1790 && tookMs < 1800 + 500 + 10 * lagMs, `${tookMs} ms`);
    assert.deepEqual((await life).map(({ kind }) => kind), ["ready", "unhealthy", "restarting", "starting", "ready"]);
    assert.equal(await handle.ping(), "pong");
  });
});

test("C3: a plugin that hangs under load is found too, and what waits is answered by the next process", async () => {
  await withHost({ lively: { ...lively, ...times } }, async (host) => {
    const handle = host.get("lively");
    const pid = Number(text(await handle.exec("lively.pid")));
    await whileStopped(pid, async () => {
      let isReplaced = false;
      const load = async () => {
        while (!isReplaced) {
          await handle.exec("lively.pid", undefined, { timeoutMs: 400 }).then(
            (answer) => isReplaced ||= Number(text(answer)) !== pid,
            () => {},
          );
        }
      };
      await Promise.all([load(), new Promise((resolve) => setTimeout(resolve, 130)).then(load)]);
    });
    assert.equal(host.plugins[0]?.lastExit?.signal, "SIGKILL");
  });
});

test("C3: a call past its deadline is no reason to kill a plugin that still answers others", async () => {
  await withHost({ lively: { ...lively, ping_interval: 0.2, ping_timeout: 0.3 } }, async (host) => {
    const handle = await host.start("lively");
    const pid = host.plugins[0]?.pid;
    let isOver = false;
    const others = async () => {
      while (!isOver) assert.equal(Number(text(await handle.exec("lively.pid"))), pid);
    };
    const answered = others();
    await assert.rejects(handle.exec("lively.wait", bytes("60000"), { timeoutMs: 300 }), { code: "caller.timeout" });
    isOver = true;
    await answered;
    // One that answers nothing but ping is well too.
    await assert.rejects(handle.exec("lively.wait", bytes("60000"), { timeoutMs: 300 }), { code: "caller.timeout" });
    await new Promise((resolve) => setTimeout(resolve, 800));
    assert.deepEqual(handle.state, { kind: "ready", pid, launch: 1 });
  });
});

test("C3: supervise takes times of the application's own, and supervise: false never pings", async () => {
  for (const [supervise, expected] of [[{ pingIntervalMs: 100, pingTimeoutMs: 200 }, "unhealthy"], [false, "ready"]] as const) {
    await withHost({ lively: { ...lively, ...times } }, async (host) => {
      const handle = host.get("lively");
      const pid = Number(text(await handle.exec("lively.pid")));
      await whileStopped(pid, async () => {
        const over = new Promise<"ready">((resolve) => setTimeout(() => resolve("ready"), 1500));
        const sick = reached(handle, "unhealthy").then(({ kind }) => kind);
        assert.equal(await (supervise === false ? Promise.race([sick, over]) : sick), expected);
      });
    }, { supervise });
  }
});

test("C3: times that no timer can keep are a RangeError when the host is opened", async () => {
  const config = configOf({ lively }, "/nowhere");
  for (const ms of [-1, Number.NaN, Infinity, 2 ** 31]) {
    await assert.rejects(openHost("test", { config, supervise: { pingIntervalMs: ms } }), {
      name: "RangeError",
      message: `supervise.pingIntervalMs must be 0 to 2147483647 milliseconds, not ${ms}`,
    });
  }
  await assert.rejects(openHost("test", { config, supervise: { pingTimeoutMs: 0 } }), { name: "RangeError", message: /pingTimeoutMs/ });
  await (await openHost("test", { config, supervise: { pingIntervalMs: 0, pingTimeoutMs: 2 ** 31 - 1 } })).close();
});

test("C3: ping_interval = 0 never pings: a silent plugin stays ready until a call's deadline has passed", async () => {
  await withHost({ lively: { ...lively, ...times, ping_interval: 0 } }, async (host) => {
    const handle = host.get("lively");
    const pid = Number(text(await handle.exec("lively.pid")));
    await whileStopped(pid, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal(handle.state.kind, "ready");
      await assert.rejects(handle.exec("lively.pid", undefined, { timeoutMs: 100 }), { code: "caller.timeout" });
      await reached(handle, "unhealthy");
      assert.notEqual(Number(text(await handle.exec("lively.pid"))), pid);
    });
  });
});

test("C3: stop() of a plugin that is silent, unhealthy, or waits for its restart leaves nothing", async () => {
  const restart = { max: 5, min_delay: 60, max_delay: 60 };
  for (const when of ["ready", "unhealthy", "restarting"] as const) {
    await withHost({ lively: { ...lively, ...times, restart, stop: { shutdown: 0.2, stdin: 0.1, term: 0.1 } } }, async (host, marker) => {
      const handle = host.get("lively");
      const die = async () => process.kill(Number(text(await handle.exec("lively.pid"))), "SIGKILL");
      if (when === "restarting") {
        await die();
        await reached(handle, "restarting");
        await reached(handle, "ready");
        await die();
      } else process.kill(Number(text(await handle.exec("lively.pid"))), "SIGSTOP");
      await reached(handle, when);
      const waiting = handle.exec("lively.pid").then(() => "answered", ({ code }) => code);
      await host.stop("lively");
      assert.equal(handle.state.kind, "stopped");
      assert.match(await waiting, when === "ready" ? /^caller\.(lost|refused)$|^host\.stopped$/ : /^host\.stopped$/);
      await assertNoneLeft(marker);
    });
  }
});

const named = definePlugin({ name: "named", version: "1.0.0", commands: { "named.echo": (payload) => payload } });

/** Serves a plugin as if somebody had started it before the host. */
async function withServed<T>(listen: string, use: (served: Served) => Promise<T>): Promise<T> {
  const served = await serve(named, { listen, port: 0, signal: new AbortController().signal });
  try {
    return await use(served);
  } finally {
    await served.close();
  }
}

/** Opens a host of the one plugin `named`, which runs elsewhere. */
async function withAttached(plugin: Record<string, unknown>, folder: string, use: (host: Host) => Promise<void>): Promise<void> {
  // Nothing else keeps this process: a host whose plugins all run elsewhere does not.
  const timer = setInterval(() => {}, 1000);
  const host = await openHost("test", { config: configOf({ named: plugin }, join(folder, "state")) });
  try {
    await use(host);
  } finally {
    await host.close();
    clearInterval(timer);
  }
}

test("C3: an attached plugin that goes away is unhealthy, then looked for; when it is back the waiting call is answered", async () => {
  await withFolder(async (folder) => {
    const listen = `unix:${join(folder, "s")}`;
    const plugin = { attach: listen, ping_interval: 0.1, ping_timeout: 0.3, start_timeout: 30 };
    await withAttached(plugin, folder, async (host) => {
      const handle = host.get("named");
      const echo = async (word: string) => text(await handle.exec("named.echo", bytes(word)));
      await withServed(listen, async () => assert.equal(await echo("a"), "a"));
      const life = untilReadyAgain(handle);
      await reached(handle, "starting");
      const waiting = echo("b");
      await withServed(listen, async () => {
        assert.equal(await waiting, "b");
        assert.deepEqual((await life).map(({ kind }) => kind), ["ready", "unhealthy", "restarting", "starting", "ready"]);
        assert.equal(host.plugins[0]?.pid, undefined);
        assert.equal(await echo("c"), "c");
      });
    });
  });
});

test("C3: an attached plugin that stays away is host.crashed after so many tries, and start() looks for it afresh", async () => {
  await withFolder(async (folder) => {
    const listen = `unix:${join(folder, "s")}`;
    const restart = { max: 2, min_delay: 0, max_delay: 0 };
    const plugin = { attach: listen, ping_interval: 0.1, ping_timeout: 0.3, start_timeout: 0.3, restart };
    await withAttached(plugin, folder, async (host) => {
      const handle = host.get("named");
      await withServed(listen, async () => assert.equal(await handle.ping(), "pong"));
      await reached(handle, "crashed");
      await assert.rejects(handle.ping(), { code: "host.crashed", message: /Cannot reach plugin "named"/ });
      await withServed(listen, async () => {
        await host.start("named");
        assert.equal(await handle.ping(), "pong");
      });
    });
  });
});
