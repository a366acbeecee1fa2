/**
 * Row A9 under load: a thousand calls that are open at the same time on one plugin, over each wire, all come back, each with its own answer.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keysOf, text, typescriptPlugin, withHost } from "../support.ts";

const COUNT = 1000;

for (const wire of ["socket", "rest", "connect", "grpc"]) {
  const row = wire === "socket" ? "B12" : wire === "rest" ? "A9" : "B1";
  test(`${row}: ${wire}: ${COUNT} calls are in flight on one plugin, and none fails`, async () => {
    const gathers = { ...typescriptPlugin("tests/fixtures/gathers.ts", ["--count", String(COUNT)]), ...keysOf(wire) };
    await withHost({ gathers }, async (host) => {
      const handle = await host.start("gathers");
      assert.equal(host.plugins[0]?.wire ?? host.plugins[0]?.commType, wire);
      // The plugin answers none before all have come, so that each answer shows that a thousand were open.
      const sent = Array.from({ length: COUNT }, (_, i) => `call ${i}`);
      const answers = await Promise.all(sent.map((each) => handle.exec("test.gather", new TextEncoder().encode(each))));
      assert.deepEqual(answers.map(text), sent);
    });
  });
}
