/**
 * Every plugin runtime, called by a host on the runtime that runs this test: with three runs, all nine pairs.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, RUNTIME, RUNTIMES, text, typescriptPlugin, withHost } from "../support.ts";

for (const runtime of RUNTIMES) {
  test(`pair: a host on ${RUNTIME} uses a plugin on ${runtime}`, async () => {
    await withHost({ hello: typescriptPlugin("examples/hello/plugin.ts", [], runtime) }, async (host) => {
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
    });
  });
}
