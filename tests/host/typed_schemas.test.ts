/**
 * D19: typed commands: what is refused where, what is transformed by whom, schemas of three libraries, another codec.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { type Caller, type Contract, type PluginHandle, type Schema, typed } from "../../host/mod.ts";
import { bytes, keysOf, text, typescriptPlugin, withHost } from "../support.ts";
import { messagePack, type shapes } from "../fixtures/shapes.ts";

const plugin = typescriptPlugin("tests/fixtures/shapes.ts");
const WIRES = ["rest", "grpc", "connect", "socket"];

async function withShapes(use: (handle: PluginHandle) => Promise<void>, wire = "socket"): Promise<void> {
  await withHost({ shapes: { ...plugin, ...keysOf(wire) } }, async (host) => await use(host.get("shapes")));
}

/** A caller that counts what it sends, and answers that. */
function counting(answer = "null"): Caller & { readonly sent: string[] } {
  const sent: string[] = [];
  const exec = (command: string) => (sent.push(command), Promise.resolve(bytes(answer)));
  return { sent, ping: () => Promise.resolve("pong"), exec, stream: () => (async function* () {})() };
}

/** A value that the types would refuse. */
function wrong<T>(value: unknown): T {
  return value as T;
}

const orders = <T>(count: T) => ({ orders: [{ id: "a", lines: [{ count: 1 }, { count }] }] });

for (const wire of WIRES) {
  test(`D19: over ${wire}: the plugin refuses wrong input with the path of the field, through arrays, in three libraries`, async () => {
    await withShapes(async (handle) => {
      const api = typed<typeof shapes>(handle).shapes;
      assert.equal(await api.count(orders(2)), 3);
      const refused = (message: RegExp) => ({ code: "exec.invalid_input", origin: "plugin", plugin: "shapes", message });
      await assert.rejects(api.count(wrong(orders("2"))), refused(/does not fit: orders\.0\.lines\.1\.count: /));
      assert.deepEqual(await api.zod.add({ a: 2 }), { sum: 3 });
      await assert.rejects(api.zod.add(wrong({ a: "2" })), refused(/does not fit: a: /));
      assert.equal(await api.ark.join({ words: ["a", "b"], glue: "-" }), "a-b");
      await assert.rejects(api.ark.join(wrong({ words: ["a", 7] })), refused(/does not fit: words\.1: /));
      await assert.rejects(handle.exec("shapes.count", bytes("{")), refused(/^The input is not JSON$/));
    }, wire);
  });

  test(`D19: over ${wire}: another codec: MessagePack carries bytes and dates, and refuses what it cannot read`, async () => {
    const packed = v.object({ bytes: v.instance(Uint8Array), at: v.date() });
    const contract = { "shapes.packed": { input: packed, output: packed, codec: messagePack } };
    await withShapes(async (handle) => {
      const api = typed(handle, contract).shapes;
      const at = new Date(1_700_000_000_123);
      const answer = await api.packed({ bytes: Uint8Array.of(0, 128, 255), at });
      assert.deepEqual([[...answer.bytes], answer.at], [[255, 128, 0], at]);
      await assert.rejects(handle.exec("shapes.packed", Uint8Array.of(0xc1)), {
        code: "exec.invalid_input",
        message: "The input cannot be decoded",
      });
      await assert.rejects(handle.exec("shapes.packed", messagePack.encode({ bytes: "none", at })), {
        code: "exec.invalid_input",
        message: /does not fit: bytes: /,
      });
    }, wire);
  });
}

const libraries: Readonly<Record<string, Schema>> = {
  valibot: v.object({ items: v.array(v.object({ n: v.number() })) }),
  zod: z.object({ items: z.array(z.object({ n: z.number() })) }),
  arktype: type({ items: type({ n: "number" }).array() }),
};

for (const [library, schema] of Object.entries(libraries)) {
  test(`D19: a contract of ${library} refuses wrong input before anything is sent, and a wrong answer, each with the path`, async () => {
    const caller = counting('{"items":[{"n":1},{"n":"2"}]}');
    const contract: Contract = { go: { input: schema, output: schema } };
    const { go } = typed(caller, contract) as unknown as { go(input: unknown): Promise<unknown> };
    const path = /^The (input|answer) of "go" does not fit: items\.1\.n: /;
    await assert.rejects(go({ items: [{ n: 1 }, { n: "2" }] }), { code: "exec.invalid_input", origin: "host", message: path });
    assert.deepEqual(caller.sent, []);
    await assert.rejects(go({ items: [] }), { code: "caller.bad_response", message: path });
    assert.deepEqual(caller.sent, ["go"]);
  });
}

test("D19: a schema that transforms runs once, on the side that receives", async () => {
  await withShapes(async (handle) => {
    const api = typed<typeof shapes>(handle).shapes;
    assert.deepEqual(await api.length("four"), { length: 4, transformed: 1 });
    // The answer is validated where it is sent, and goes as it was.
    assert.equal(await api.size("four"), "four");
    let here = 0;
    const text = v.pipe(v.string(), v.transform((text) => (here += 1, text.length)));
    const both = typed(handle, { "shapes.size": { input: v.string(), output: text } });
    const size: number = await both.shapes.size("four");
    assert.deepEqual([size, here], [4, 1]);
    // What this side checks before it sends is sent as it was, so that the plugin can transform it.
    const sending = typed(handle, { "shapes.length": { input: text, output: v.object({ length: v.number(), transformed: v.number() }) } });
    assert.equal((await sending.shapes.length("seventh")).length, 7);
  });
});

test("D19: schemas may be asynchronous on both sides", async () => {
  await withShapes(async (handle) => {
    const api = typed<typeof shapes>(handle).shapes;
    assert.equal(await api.claim({ name: "free" }), "free");
    await assert.rejects(api.claim({ name: "taken" }), { code: "exec.invalid_input", message: /does not fit: name: The name is taken$/ });
    await assert.rejects(api.claim({ name: "no" }), { code: "exec.failed", message: /answer does not fit/ });
    const name = v.pipeAsync(v.string(), v.checkAsync((text) => Promise.resolve(text !== "mine"), "It is mine"));
    const both = typed(handle, { "shapes.claim": { input: v.objectAsync({ name }), output: name } });
    assert.equal(await both.shapes.claim({ name: "free" }), "free");
    await assert.rejects(both.shapes.claim({ name: "mine" }), { code: "exec.invalid_input", origin: "host", message: /name: It is mine$/ });
  });
});

test("D19: an answer that does not fit its own schema is the handler's failure, with the path", async () => {
  await withShapes(async (handle) => {
    const api = typed<typeof shapes>(handle).shapes;
    assert.deepEqual(await api.wrong('{"deep":[1]}'), { deep: [1] });
    await assert.rejects(api.wrong('{"deep":[1,"2"]}'), {
      code: "exec.failed",
      origin: "plugin",
      message: /answer does not fit: deep\.1: /,
    });
  });
});

test("D19: an answer that is no JSON is a typed error where JSON was sent", async () => {
  const api = typed<typeof shapes>(counting("no JSON")).shapes;
  await assert.rejects(api.zod.add({ a: 1 }), {
    code: "caller.bad_response",
    message: /"shapes\.zod\.add" does not fit: it cannot be decoded$/,
  });
});

test("D19: names of the prototype find nothing in a contract, and in a plugin no command", async () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];
  const caller = counting();
  const api = typed(caller, { "a.b": { input: v.string(), output: v.null() } }) as unknown as Record<string, () => Promise<unknown>>;
  for (const name of names) {
    await assert.rejects(async () => await api[name]?.(), { name: "TypeError", message: `The contract has no command "${name}"` });
  }
  assert.deepEqual(caller.sent, []);
  await withShapes(async (handle) => {
    for (const name of names) await assert.rejects(handle.exec(name), { code: "exec.unknown_command" });
    const raw = typed<typeof shapes>(handle) as unknown as Record<string, () => Promise<unknown>>;
    for (const name of names) await assert.rejects(async () => await raw[name]?.(), { code: "exec.unknown_command" });
    assert.equal(text(await handle.exec("shapes.raw", bytes("it answers yet"))), "it answers yet");
  });
});

test("D19: fields named like the prototype's are data like others, and change no prototype", async () => {
  await withShapes(async (handle) => {
    const hostile = bytes('{"a":1,"__proto__":{"b":100}}');
    assert.equal(text(await handle.exec("shapes.zod.add", hostile)), '{"sum":2}');
    assert.equal(text(await handle.exec("shapes.zod.add", bytes('{"a":1}'))), '{"sum":2}');
  });
});
