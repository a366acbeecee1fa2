/**
 * D19: what a plugin tells of its commands: JSON Schemas of three libraries, of what crosses the wire.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { type Command, command, type Schema } from "../../protocol/command.ts";
import { commandInfo } from "../../protocol/command_info.ts";
import { typescriptPlugin, withHost } from "../support.ts";

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

/** A command of one schema on both sides. */
function both(schema: Schema): Command {
  return command({ input: schema, output: schema }, (input) => input);
}

const schemas: Readonly<Record<string, Schema>> = {
  valibot: v.object({ n: v.pipe(v.string(), v.transform(Number)), tags: v.optional(v.array(v.string())) }),
  zod: z.object({ n: z.string().transform(Number), tags: z.array(z.string()).optional() }),
  arktype: type({ n: "string.numeric.parse", "tags?": "string[]" }),
};

for (const [library, schema] of Object.entries(schemas)) {
  test(`D19: polyplug.info has the JSON Schema of what a schema of ${library} takes, not of what it makes of that`, async () => {
    const { name, input, output } = await commandInfo("a.b", both(schema));
    assert.equal(name, "a.b");
    assert.deepEqual(output, input);
    const { $schema, type: kind, required, properties } = input as Record<string, unknown>;
    assert.deepEqual([$schema, kind, required], [DRAFT, "object", ["n"]]);
    const { n, tags } = properties as { n: { type?: unknown }; tags: unknown };
    assert.equal(n.type, "string");
    assert.deepEqual(tags, { type: "array", items: { type: "string" } });
  });
}

test("D19: what has no JSON Schema is left out, and nothing else with it", async () => {
  const output = v.string();
  const none = { "~standard": { version: 1 as const, vendor: "own", validate: (value: unknown) => ({ value }) } };
  const inputs = [v.object({ n: v.bigint() }), z.bigint(), none];
  for (const input of inputs) {
    const info = await commandInfo("a", command({ description: "One line", input, output }, () => ""));
    assert.deepEqual(info, { name: "a", description: "One line", output: { $schema: DRAFT, type: "string" } });
  }
});

test("D19: a command with a codec of its own, or of bytes, has no JSON Schemas, since it takes no JSON", async () => {
  const codec = { encode: () => new Uint8Array(0), decode: () => undefined };
  const packed = command({ description: "Packed", input: v.string(), output: v.string(), codec }, (text) => text);
  assert.deepEqual(await commandInfo("a", packed), { name: "a", description: "Packed" });
  assert.deepEqual(await commandInfo("a", (payload) => payload), { name: "a" });
});

for (const wire of ["rest", "socket"]) {
  test(`D19: over ${wire} a plugin tells the JSON Schemas of its commands, by name, the same each time`, async () => {
    await withHost({ shapes: { ...typescriptPlugin("tests/fixtures/shapes.ts"), socket: wire === "socket" } }, async (host) => {
      const info = await host.get("shapes").info();
      assert.deepEqual(await host.get("shapes").info(), info);
      const commands = new Map(info.commands.map((command) => [command.name, command]));
      assert.deepEqual(commands.get("shapes.raw"), { name: "shapes.raw" });
      assert.deepEqual(commands.get("shapes.packed"), { name: "shapes.packed" });
      assert.equal(commands.get("shapes.count")?.description, "Adds up the counts");
      assert.deepEqual(commands.get("shapes.count")?.output, { $schema: DRAFT, type: "number" });
      assert.deepEqual(commands.get("shapes.size"), {
        name: "shapes.size",
        input: { $schema: DRAFT, type: "string" },
        output: { $schema: DRAFT, type: "string" },
      });
      assert.deepEqual(Object.keys(commands.get("shapes.zod.add") ?? {}), ["name", "input", "output"]);
      assert.deepEqual(Object.keys(commands.get("shapes.ark.join") ?? {}), ["name", "input", "output"]);
    });
  });
}
