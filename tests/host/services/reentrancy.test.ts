/**
 * D2, D21: calls that come back through the host, and what they carry along.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../../host/mod.ts";
import { bytes, keysOf, pythonPlugin, text, typescriptPlugin, withHost } from "../../support.ts";

const WIRES = ["rest", "grpc", "connect", "stdio", "socket"];
const json = (value: unknown) => bytes(JSON.stringify(value));
const GRANTS = { services: ["bounce.*", "kv.*"], plugins: { a: ["agent.#"], b: ["agent.#"], c: ["agent.#"] } };
const agent = (keys: Record<string, unknown> = {}) => ({ ...typescriptPlugin("tests/fixtures/agent.ts"), grants: GRANTS, ...keys });
const python = (keys: Record<string, unknown> = {}) => ({ ...pythonPlugin("tests/fixtures/agent.py"), grants: GRANTS, ...keys });

/** A service that sends what it gets on along the path, through the plugins of the host. */
function provideBounce(host: Host): Disposable {
  return host.provide("bounce", {
    go: async (payload, ctx) => {
      const [next, ...path] = JSON.parse(text(payload));
      return next === undefined ? payload : await ctx.plugin(next).exec("agent.bounce", json(path));
    },
  });
}

for (const wire of WIRES) {
  test(`D2: over ${wire}: host, A, host service, B in Python, host service, and back, 200 in parallel`, async () => {
    await withHost({ a: agent(keysOf(wire)), b: python({ timeout: 60 }) }, async (host) => {
      using _bounce = provideBounce(host);
      const path = json(["host", "b", "host"]);
      const answers = await Promise.all(Array.from({ length: 200 }, () => host.get("a").exec("agent.bounce", path, { timeoutMs: 60_000 })));
      assert.deepEqual([...new Set(answers.map(text))], ["[]"]);
    });
  });

  test(`D21: over ${wire}: traceparent and x-request-id reach the plugin, its host calls, and the plugin behind those`, async () => {
    await withHost({ a: agent(keysOf(wire)), b: agent(keysOf(wire)) }, async (host) => {
      const seen: unknown[] = [];
      using _bounce = host.provide("bounce", {
        go: async (_payload, ctx) => {
          seen.push([ctx.requestId, ctx.from, ctx.traceparent]);
          return await ctx.plugin("b").exec("agent.context");
        },
      });
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      const answer = await host.get("a").exec("agent.bounce", json(["host"]), { traceparent, requestId: "request-1" });
      assert.deepEqual(seen, [["request-1", "a", traceparent]]);
      assert.deepEqual(JSON.parse(text(answer)), { from: "test", requestId: "request-1", traceparent });
    });
  });
}

test("D21: a plugin in Python that hands its headers on keeps the trace", async () => {
  await withHost({ a: python(), b: agent() }, async (host) => {
    using _bounce = host.provide("bounce", { go: (_payload, ctx) => json([ctx.requestId, ctx.traceparent, ctx.from]) });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const answer = await host.get("a").exec("agent.bounce", json(["host"]), { traceparent, requestId: "request-2" });
    assert.deepEqual(JSON.parse(text(answer)), ["request-2", traceparent, "a"]);
  });
});

for (const wire of WIRES) {
  test(`D2: over ${wire}: plugins that call one another in a circle get host.cycle`, async () => {
    await withHost({ a: agent(keysOf(wire)), b: agent(keysOf(wire)) }, async (host) => {
      await host.startAll();
      const path = Array.from({ length: 40 }, (_, index) => index % 2 === 0 ? "b" : "a");
      await assert.rejects(host.get("a").exec("agent.bounce", json(path)), (error: Error) => {
        assert.match(error.message, /has gone through 16 plugins already/);
        return true;
      });
      assert.equal(text(await host.get("a").exec("agent.bounce", json(path.slice(0, 16)))), "[]");
    });
  });
}

test("D2: plugins that wait for one another to start get host.cycle, well before the start limit", async () => {
  const calls = (plugin: string) => ({ config: { calls: [{ plugin, command: "agent.echo" }] } });
  await withHost({ a: agent(calls("b")), b: agent(calls("c")), c: agent(calls("a")) }, async (host) => {
    const started = performance.now();
    await assert.rejects(host.startAll(), /waits for "\w" to start itself/);
    assert.ok(performance.now() - started < 8000, `${performance.now() - started} ms`);
  }, { supervise: false });
});

test("D2: a plugin that is ready, and whose handler waits for the one that starts, is in the circle too", async () => {
  const config = { calls: [{ plugin: "b", command: "agent.call", payload: JSON.stringify({ plugin: "a", command: "agent.echo" }) }] };
  await withHost({ a: agent({ config }), b: agent() }, async (host) => {
    await host.start("b");
    await assert.rejects(host.start("a"), /waits for "b" to start itself/);
    assert.equal(text(await host.get("b").exec("agent.echo", bytes("still there"))), "still there");
  }, { supervise: false });
});

test("D2: a plugin may call another one in its init, which starts for it", async () => {
  const config = { calls: [{ plugin: "b", command: "agent.echo" }, { command: "kv.set", payload: '{"key":"k","value":"00"}' }] };
  await withHost({ a: agent({ config }), b: agent() }, async (host) => {
    await host.start("a");
    assert.equal(host.get("b").state.kind, "ready");
  });
});
