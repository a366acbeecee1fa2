/**
 * Row B2: every plugin runtime over every wire, called by a host on the runtime that runs this test: with three runs, all cells of the
 * matrix. Each cell is one host with one plugin, and then the same list of conformance checks.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createObserver } from "../../host/cli/conform.ts";
import { conform } from "../../host/conform/conform.ts";
import type { Host } from "../../host/mod.ts";
import { bytes, RUNTIME, RUNTIMES, text, typescriptPlugin, withHost } from "../support.ts";

const WIRES = ["rest", "grpc", "connect"] as const;

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
      const plugin = { ...typescriptPlugin("examples/hello/plugin.ts", [], runtime), comm_type: wire };
      const { drivers, target } = createObserver();
      await withHost({ hello: plugin }, async (host) => {
        await useIt(host);
        const { results, failed } = await conform(target(), { level: "full" });
        assert.deepEqual(results.filter(({ kind }) => kind === "failed"), []);
        assert.equal(failed, 0);
      }, { drivers });
    });
  }
}

// `conform` does not speak the framed socket; what an application does with it is asked here, its frames in tests/protocol/socket.
for (const runtime of RUNTIMES) {
  test(`B2: ${RUNTIME} host, ${runtime} plugin, socket`, async () => {
    const plugin = { ...typescriptPlugin("examples/hello/plugin.ts", [], runtime), socket: true };
    await withHost({ hello: plugin }, async (host) => {
      await useIt(host);
      assert.equal(host.plugins[0]?.wire, "socket");
    });
  });
}
