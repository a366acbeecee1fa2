/**
 * Rows A6, A7 and A14 through the host on gRPC and Connect: a plugin that misbehaves fails the call it misbehaves on, or its own start.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { Host, PluginError } from "../../../host/mod.ts";
import { bytes, text, typescriptPlugin, withHost } from "../../support.ts";

const MIB = 1024 * 1024;

function bad(wire: string, mode = "well"): Record<string, unknown> {
  return { ...typescriptPlugin("tests/host/wires/bad_plugin.ts", [wire, mode]), comm_type: wire };
}

/** Runs the work, and gives by how many bytes this process's resident size grew meanwhile, looked at every 50 ms. */
async function measureGrowth(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => peak = Math.max(peak, process.memoryUsage().rss), 50);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, process.memoryUsage().rss) - before;
}

/** Hands a host of the plugin to `use`, and fails when the plugin does not serve on afterwards, in the same process. */
async function withBad(wire: string, use: (host: Host, pid: number | undefined) => Promise<void>): Promise<void> {
  await withHost({ bad: bad(wire) }, async (host) => {
    await host.startAll();
    const pid = host.plugins[0]?.pid;
    await use(host, pid);
    assert.equal(text(await host.get("bad").exec("echo", bytes("still here"))), "still here");
    assert.deepEqual([host.plugins[0]?.pid, host.plugins[0]?.restarts], [pid, 0]);
  });
}

const faults: readonly (readonly [title: string, command: string, code: string, wires?: readonly string[]])[] = [
  ["odd hex", "bad.hex", "caller.bad_response"],
  ["no protobuf", "bad.protobuf", "caller.bad_response"],
  ["a status that is an error", "bad.status", "caller.bad_response"],
  ["half an answer and the connection's end", "bad.end", "caller.lost"],
  ["a reset connection", "bad.reset", "caller.lost"],
  ["a refused stream", "bad.refused", "caller.refused", ["grpc"]],
  ["a cancelled stream", "bad.cancel", "caller.lost", ["grpc"]],
  ["GOAWAY and an error", "bad.goaway", "caller.lost", ["grpc"]],
];

for (const wire of ["grpc", "connect"]) {
  test(`A14: ${wire}: an answer of each bad kind fails its call with its code, and the plugin goes on`, async () => {
    await withBad(wire, async (host) => {
      for (const [title, command, code] of faults.filter(([, , , wires]) => wires === undefined || wires.includes(wire))) {
        await assert.rejects(host.get("bad").exec(command, undefined, { retry: "never" }), (error: PluginError) => {
          assert.deepEqual([error.name, error.code, error.origin, error.plugin], ["PluginError", code, "host", "bad"], title);
          return true;
        });
        assert.equal(text(await host.get("bad").exec("echo", bytes(title))), title);
      }
    });
  });

  test(`A14: ${wire}: answers of 100 MB fail their calls with caller.too_large, and memory stays bounded`, async () => {
    await withBad(wire, async (host) => {
      const growth = await measureGrowth(async () => {
        const ends = await Promise.allSettled(Array.from({ length: 4 }, () => host.get("bad").exec("bad.large")));
        assert.deepEqual(new Set(ends.map((end) => end.status === "rejected" && end.reason.code)), new Set(["caller.too_large"]));
      });
      assert.ok(growth <= 64 * MIB, `${Math.round(growth / MIB)} MiB`);
    });
  });

  test(`A14: ${wire}: an answer that never comes, or stops in its middle, ends with its call's deadline, and others are answered`, async () => {
    await withBad(wire, async (host) => {
      const handle = host.get("bad");
      for (const command of ["bad.silent", "bad.half"]) {
        const call = assert.rejects(handle.exec(command, undefined, { timeoutMs: 200 }), { code: "caller.timeout", plugin: "bad" });
        assert.equal(text(await handle.exec("echo", bytes("beside"))), "beside");
        await call;
      }
    });
  });

  test(`A14: ${wire}: an exit in the middle of an answer is caller.lost, and the next call has a new process`, async () => {
    await withHost({ bad: bad(wire) }, async (host) => {
      const handle = host.get("bad");
      await handle.ready();
      const pid = host.plugins[0]?.pid;
      await assert.rejects(handle.exec("bad.exit"), { code: "caller.lost", origin: "host", plugin: "bad" });
      for await (const state of handle.states()) if (state.kind === "ready" && state.launch === 2) break;
      assert.equal(text(await handle.exec("echo", bytes("again"))), "again");
      const status = host.plugins[0];
      assert.notEqual(status?.pid, pid);
      assert.deepEqual([status?.restarts, status?.lastExit?.code], [1, 3]);
    });
  });

  test(`A6: ${wire}: a plugin that exits at its start, answers ping wrongly or never, is told apart`, async () => {
    const plugins = {
      exits: bad(wire, "exits"),
      gnop: { ...bad(wire, "gnop"), start_timeout: 4 },
      deaf: { ...bad(wire, "deaf"), start_timeout: 4, ping_timeout: 0.1 },
    };
    await withHost(plugins, async (host) => {
      await Promise.all([
        assert.rejects(host.start("exits"), { code: "ready.exited", message: /no licence found/ }),
        assert.rejects(host.start("gnop"), { code: "ready.timeout", message: /"gnop", not "pong"/ }),
        assert.rejects(host.start("deaf"), { code: "ready.timeout", message: /did not answer ping within/ }),
      ]);
    });
  });

  test(`A7, A15: ${wire}: a plugin that says x-polyplug without a right proof is ready.impostor`, async () => {
    await withHost({ impostor: bad(wire, "impostor") }, async (host) => {
      await assert.rejects(host.start("impostor"), { code: "ready.impostor" });
    });
  });

  test(`A6: ${wire}: a plugin that serves another wire is ready.bad_line`, async () => {
    const other = wire === "grpc" ? "connect" : "grpc";
    await withHost({ bad: { ...bad(other), comm_type: wire } }, async (host) => {
      await assert.rejects(host.start("bad"), { code: "ready.bad_line", message: new RegExp(`it serves "${other}"`) });
    });
  });
}
