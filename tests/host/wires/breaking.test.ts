/**
 * Rows A12, A14 and B1 through the host on all three wires: plugins that are killed or stopped under load, connections that are cut anywhere.
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openHost, type PluginHandle } from "../../../host/mod.ts";
import { definePlugin, serve } from "../../../plugin/mod.ts";
import { bytes, configOf, keysOf, text, typescriptPlugin, withFolder, withHost } from "../../support.ts";

const workbench = typescriptPlugin("tests/fixtures/workbench.ts");

/** The codes with which calls have ended; what was answered is "answered". */
async function codesOf(calls: readonly Promise<unknown>[]): Promise<ReadonlySet<string>> {
  const ends = await Promise.allSettled(calls);
  return new Set(ends.map((end) => end.status === "rejected" ? String(end.reason.code) : "answered"));
}

async function callsOpen(handle: PluginHandle, count: number): Promise<void> {
  while (JSON.parse(text(await handle.exec("test.ends"))).calls.length < count);
}

for (const wire of ["rest", "grpc", "connect", "socket"] as const) {
  test(`A14: ${wire}: 50 calls that are open when the plugin is killed are caller.lost, and the next has a new process`, async () => {
    await withHost({ workbench: { ...workbench, ...keysOf(wire) } }, async (host) => {
      const handle = host.get("workbench");
      const pid = JSON.parse(text(await handle.exec("test.pid")));
      const calls = Array.from({ length: 50 }, () => handle.exec("test.hang", new Uint8Array(3000)));
      const codes = codesOf(calls);
      await callsOpen(handle, 50);
      process.kill(pid, "SIGKILL");
      assert.deepEqual(await codes, new Set(["caller.lost"]));
      assert.notEqual(JSON.parse(text(await handle.exec("test.pid", undefined, { retry: "idempotent" }))), pid);
    });
  });

  test(`A14: ${wire}: calls that come while the plugin is being killed end, and are answered where they may be sent again`, async () => {
    await withHost({ workbench: { ...workbench, ...keysOf(wire) } }, async (host) => {
      const handle = host.get("workbench");
      const pid = JSON.parse(text(await handle.exec("test.pid")));
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < 40; i++) {
        if (i === 20) process.kill(pid, "SIGKILL");
        calls.push(handle.exec("test.echo", bytes("x"), { retry: "idempotent" }));
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual(await codesOf(calls), new Set(["answered"]));
    });
  });

  test(`A12: ${wire}: a plugin that is stopped for a while costs only the calls whose deadline passes`, async () => {
    await withHost({ workbench: { ...workbench, ...keysOf(wire) } }, async (host) => {
      const handle = host.get("workbench");
      const pid = JSON.parse(text(await handle.exec("test.pid")));
      process.kill(pid, "SIGSTOP");
      try {
        const patient = Array.from({ length: 10 }, () => handle.exec("test.echo", new Uint8Array(20_000)));
        const hasty = Array.from({ length: 10 }, () => handle.exec("test.echo", new Uint8Array(20_000), { timeoutMs: 150 }));
        assert.deepEqual(await codesOf(hasty), new Set(["caller.timeout"]));
        process.kill(pid, "SIGCONT");
        assert.deepEqual(await codesOf(patient), new Set(["answered"]));
        assert.equal(JSON.parse(text(await handle.exec("test.pid"))), pid);
      } finally {
        process.kill(pid, "SIGCONT");
      }
    });
  });
}

// The framed socket has no place between its two ends; tests/protocol/socket cuts its frames.
for (const wire of ["rest", "grpc", "connect"] as const) {
  test(`A14: ${wire}: connections that are cut after seeded numbers of bytes fail their calls, each with a code, and later ones are answered`, async () => {
    let runs = 0;
    const echo = definePlugin({ name: "echo", version: "1.0.0", commands: { "test.echo": (payload) => (runs += 1, payload) } });
    const served = await serve(echo, { commType: wire, port: 0, signal: new AbortController().signal });
    let seed = 42;
    const next = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
    let cutting = false;
    await withProxy(Number(new URL(served.address).port), () => cutting ? 1 + next(3000) : Infinity, async (port) => {
      await withFolder(async (folder) => {
        const config = configOf({ echo: { attach: `http://127.0.0.1:${port}`, ...keysOf(wire) } }, join(folder, "state"));
        const host = await openHost("test", { config });
        const handle = host.get("echo");
        await handle.ping();
        cutting = true;
        const answers: Promise<unknown>[] = [];
        for (let i = 0; i < 60; i++) {
          const payload = new Uint8Array(next(2000)).fill(i);
          // A call that is answered must be answered rightly; every fourth is waited for, so that connections are used again and shared.
          answers.push(handle.exec("test.echo", payload, { timeoutMs: 5000 }).then((answer) => assert.deepEqual(answer, payload)));
          if (i % 4 === 3) await Promise.allSettled(answers);
        }
        const codes = await codesOf(answers);
        assert.ok([...codes].every((code) => ["answered", "caller.lost", "caller.refused"].includes(code)), [...codes].join());
        assert.ok(codes.has("caller.lost") && runs <= 60, `${[...codes].join()}, ${runs} runs`);
        cutting = false;
        const last = handle.exec("test.echo", bytes("last"));
        assert.equal(text(await last.catch(() => handle.exec("test.echo", bytes("last")))), "last");
        await host.close();
      });
    });
    await served.close();
  });
}

/** Listens, passes each connection on to a port, and cuts it after so many bytes, both directions together; every other time by a reset. */
async function withProxy(port: number, bytesBeforeCut: () => number, use: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server = createServer((client) => {
    const plugin = connect({ host: "127.0.0.1", port });
    let left = Infinity;
    const cut = () => {
      cuts += 1;
      if (cuts % 2 === 0) client.resetAndDestroy();
      else client.destroy();
      plugin.destroy();
    };
    for (const [from, to] of [[client, plugin], [plugin, client]] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
      from.on("data", (chunk: Uint8Array) => {
        if (left === Infinity) left = bytesBeforeCut();
        to.write(chunk.subarray(0, Math.max(0, left)));
        left -= chunk.length;
        if (left <= 0) cut();
      });
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
