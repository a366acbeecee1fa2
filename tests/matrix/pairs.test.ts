/**
 * Row B2: every plugin runtime over every wire, called by a host on the runtime that runs this test: with three runs, all cells of the
 * matrix. Each cell is one host with one plugin, and then the conformance checks of level `full` over that wire.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createObserver } from "../../host/cli/observer.ts";
import { conform } from "../../host/conform/conform.ts";
import type { Host } from "../../host/mod.ts";
import { bytes, keysOf, RUNTIME, RUNTIMES, text, typescriptPlugin, withHost } from "../support.ts";

const WIRES = ["rest", "grpc", "connect", "stdio", "socket"] as const;

/** What an application does with a plugin. */
async function useIt(host: Host): Promise<void> {
  const hello = host.get("hello");
  assert.equal(await hello.ping(), "pong");
  assert.equal(text(await hello.exec("hello.world")), "Hello, world!");
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(await hello.exec("hello.echo", all), all);
  await assert.rejects(hello.exec("hello.fail", bytes("now")), {
    code: "hello.refused",
    message: "You asked me to fail: now",
    origin: "plugin",
  });
  assert.ok(await hello.supports("hello"));
  assert.equal(host.plugins[0]?.state.kind, "ready");
}

for (const wire of WIRES) {
  for (const runtime of RUNTIMES) {
    // The test report prints the matrix from these titles.
    test(`B2: ${RUNTIME} host, ${runtime} plugin, ${wire}`, async () => {
      const plugin = { ...typescriptPlugin("examples/hello/plugin.ts", [], runtime), ...keysOf(wire) };
      await withHost({ hello: plugin }, async (host) => {
        await useIt(host);
        assert.equal(host.plugins[0]?.wire, wire === "socket" ? "socket" : undefined);
      });
      const { drivers, targets } = createObserver();
      await withHost({ hello: plugin }, async (host) => {
        await host.start("hello");
        const target = targets().find((each) => each?.commType === wire);
        assert.ok(target !== undefined);
        const { results, failed } = await conform(target, { level: "full" });
        assert.deepEqual(results.filter(({ kind }) => kind === "failed"), []);
        assert.equal(failed, 0);
      }, { drivers });
    });
  }
}
