/**
 * D6: typed facades over one handle, and the services that one process offers.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { typed } from "../../host/mod.ts";
import { bytes, keysOf, text, typescriptPlugin, withHost } from "../support.ts";
import type { storage } from "../fixtures/storage.ts";

const plugin = typescriptPlugin("tests/fixtures/storage.ts");

for (const wire of ["rest", "grpc", "connect", "stdio", "socket"]) {
  test(`D6: over ${wire}: one process offers store.* and filter.*: two typed facades over one handle, and supports()`, async () => {
    await withHost({ storage: { ...plugin, ...keysOf(wire) } }, async (host) => {
      const handle = host.get("storage");
      const { store } = typed<typeof storage>(handle);
      const { filter } = typed<typeof storage>(handle);
      assert.deepEqual(await store.put({ key: "a", value: 1 }), { size: 1 });
      assert.deepEqual(await store.put({ key: "ab", value: 2 }), { size: 2 });
      const found: readonly string[] = await filter.keys({ prefix: "a" });
      assert.deepEqual(found, ["a", "ab"]);
      assert.equal(text(await store.raw(bytes("as it is"))), "as it is");
      assert.deepEqual([await handle.supports("store"), await handle.supports("filter"), await handle.supports("fil")], [
        true,
        true,
        false,
      ]);
    });
  });
}

test("D6: input that does not fit is refused by the plugin with the field's path, and the handler does not see it", async () => {
  await withHost({ storage: plugin }, async (host) => {
    const { store, filter } = typed<typeof storage>(host.get("storage"));
    const wrong = { key: 7, value: "no" } as unknown as { key: string; value: number };
    await assert.rejects(store.put(wrong), { code: "exec.invalid_input", message: /key: .*; value: / });
    assert.deepEqual(await filter.keys({ prefix: "" }), []);
  });
});

test("D6: with a contract both sides check, and what comes is transformed once", async () => {
  const contract = {
    "store.put": {
      input: v.object({ key: v.string(), value: v.number() }),
      output: v.pipe(v.object({ size: v.number() }), v.transform(({ size }) => BigInt(size))),
    },
    "filter.keys": { input: v.object({ prefix: v.string() }), output: v.number() },
  };
  await withHost({ storage: plugin }, async (host) => {
    const { store, filter } = typed(host.get("storage"), contract);
    const size: bigint = await store.put({ key: "a", value: 1 });
    assert.equal(size, 1n);
    await assert.rejects(store.put({ key: "b" } as unknown as { key: string; value: number }), {
      code: "exec.invalid_input",
      message: /"store\.put" does not fit: value/,
    });
    await assert.rejects(filter.keys({ prefix: "" }), { code: "caller.bad_response", message: /"filter\.keys" does not fit/ });
  });
});

test("D6: a facade is no promise, and a symbol finds nothing", async () => {
  await withHost({ storage: plugin }, async (host) => {
    const api = typed<typeof storage>(host.get("storage"));
    assert.equal(await Promise.resolve(api), api);
    assert.equal((api.store as unknown as { then: unknown }).then, undefined);
    assert.equal((api.store as unknown as { [Symbol.iterator]: unknown })[Symbol.iterator], undefined);
  });
});

test("D20: a contract with a part gives a typed stream; both sides check each part; info says which commands stream", async () => {
  const contract = {
    "log.lines": {
      input: v.object({ count: v.number() }),
      part: v.pipe(v.object({ line: v.number() }), v.transform(({ line }) => BigInt(line))),
    },
    "log.wrong": { input: v.undefined(), part: v.object({ line: v.number() }) },
    "log.refused": { input: v.undefined(), part: v.string() },
  };
  await withHost({ log: typescriptPlugin("tests/fixtures/log_lines.ts") }, async (host) => {
    const { log } = typed(host.get("log"), contract);
    const lines: bigint[] = [];
    for await (const line of log.lines({ count: 3 })) lines.push(line);
    assert.deepEqual(lines, [0n, 1n, 2n]);
    const first = (stream: AsyncIterable<unknown>) => stream[Symbol.asyncIterator]().next();
    await assert.rejects(Promise.resolve(first(log.lines({} as { count: number }))), {
      code: "exec.invalid_input",
      message: /"log\.lines" does not fit: count/,
    });
    await assert.rejects(Promise.resolve(first(host.get("log").stream("log.lines", bytes("{}")))), {
      code: "exec.invalid_input",
      message: /count/,
    });
    await assert.rejects(Promise.resolve(first(log.wrong(undefined))), { code: "exec.failed", message: /line/ });
    await assert.rejects(Promise.resolve(first(log.refused(undefined))), {
      code: "caller.bad_response",
      message: /A part of "log\.refused"/,
    });
    await assert.rejects(host.get("log").exec("log.lines", bytes('{"count":1}')), { code: "exec.bad_request" });
    const { commands } = await host.get("log").info();
    assert.deepEqual(commands.map(({ name, stream }) => [name, stream]), [
      ["log.lines", true],
      ["log.plain", undefined],
      ["log.refused", true],
      ["log.wrong", true],
    ]);
  });
});
