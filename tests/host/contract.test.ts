/**
 * D22: JSON Schemas as TypeScript and as checks: what each becomes, what is refused, and that nothing that fits a schema is refused.
 * @module
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Validator } from "@cfworker/json-schema";
import fc from "fast-check";
import { jsonSchemaFrom } from "../../host/contract/clean_document.ts";
import { cleanSchema } from "../../host/contract/clean_schema.ts";
import { contractFile } from "../../host/contract/contract_file.ts";
import { jsonSchema } from "../../host/mod.ts";
import { typeErrors } from "../compile.ts";
import { bytes, pathOf, withFolder } from "../support.ts";

/** The declarations for one schema, on one line. */
function typeOf(schema: unknown): string {
  const { text, leftOut } = contractFile({ commands: [{ name: "x", input: schema, output: true }] }, ["x"]);
  assert.deepEqual(leftOut, []);
  const types = text.slice(text.indexOf("export type"), text.indexOf("export type XOutput"));
  return types.replaceAll(/\s+/g, " ").replaceAll("export type ", "").trim();
}

const node = { type: "object", properties: { next: { $ref: "#/$defs/node" } } };
const TYPES: readonly (readonly [schema: unknown, type: string])[] = [
  [true, "XInput = unknown;"],
  [false, "XInput = never;"],
  [{}, "XInput = unknown;"],
  [{ type: "string", format: "date-time" }, "XInput = string;"],
  [{ type: "integer" }, "XInput = number;"],
  [{ type: ["number", "integer", "null"] }, "XInput = number | null;"],
  [{ type: "string", nullable: true }, "XInput = string | null;"],
  [{ enum: ["a", 1, null, true] }, 'XInput = "a" | 1 | null | true;'],
  [{ const: { a: [1] } }, "XInput = { readonly a: readonly [1]; };"],
  [{ type: "array" }, "XInput = readonly unknown[];"],
  [{ type: "array", items: { type: ["string", "null"] } }, "XInput = readonly (string | null)[];"],
  [{ prefixItems: [{ type: "string" }, { type: "number" }], minItems: 1, items: false }, "XInput = readonly [string, number?];"],
  [{ items: [{ type: "string" }], additionalItems: { type: "null" }, minItems: 1 }, "XInput = readonly [string, ...null[]];"],
  [{ type: "object" }, "XInput = { readonly [key: string]: unknown; };"],
  [{ type: "object", additionalProperties: { type: "number" } }, "XInput = { readonly [key: string]: number; };"],
  [{ type: "object", additionalProperties: false }, "XInput = { readonly [key: string]: never; };"],
  [
    { properties: { "a-b": true, c: { type: "null" } }, required: ["c", "d"] },
    'XInput = { readonly "a-b"?: unknown; readonly c: null; readonly d: unknown; };',
  ],
  [{ anyOf: [{ type: "string" }, { type: "object", properties: { a: { const: 1 } } }] }, "XInput = | string | { readonly a?: 1; };"],
  [{ oneOf: [{ type: "string" }, true] }, "XInput = unknown;"],
  [{ oneOf: [{ type: "string" }, false] }, "XInput = string;"],
  [{ allOf: [{ required: ["a"] }, { required: ["b"] }, true] }, "XInput = { readonly a: unknown; } & { readonly b: unknown; };"],
  [{ type: "string", anyOf: [{ const: "a" }, { const: "b" }] }, 'XInput = "a" | "b";'],
  // Of two unions the second is left to the check.
  [{ allOf: [{ enum: [1, 2] }, { enum: [2, 3] }] }, "XInput = 1 | 2;"],
  [{ ...node, $defs: { node } }, "XInput = { readonly next?: XInputNode; }; XInputNode = { readonly next?: XInputNode; };"],
  [{ type: "object", properties: { a: { $ref: "#" } } }, "XInput = { readonly a?: XInput; };"],
  [{ $ref: "#/definitions/a~1b%20c", definitions: { "a/b c": { type: "null" } } }, "XInput = XInputABC; XInputABC = null;"],
  [
    { type: "array", items: { $ref: "#/components/1/x" }, components: [0, { x: { type: "null" } }] },
    "XInput = readonly XInputX[]; XInputX = null;",
  ],
];

for (const [schema, type] of TYPES) {
  test(`D22: ${JSON.stringify(schema)} is ${type.slice(0, 60)}`, () => assert.equal(typeOf(schema), type));
}

function nested(levels: number): unknown {
  return levels === 0 ? true : { properties: { a: nested(levels - 1) } };
}

const doubling = Object.fromEntries(Array.from({ length: 40 }, (_, at) => {
  const next = { $ref: `#/$defs/d${at + 1}` };
  return [`d${at}`, at === 39 ? true : { allOf: [next, next] }];
}));

/** Named so that the last one is found first. */
const chained = Array.from({ length: 5000 }, (_, at) => [`d${at}`, at === 0 ? true : { $ref: `#/$defs/d${at - 1}` }] as const);
const chain = {
  anyOf: chained.map(([name]) => ({ properties: { a: { $ref: `#/$defs/${name}` } } })).slice(0, 900),
  $defs: Object.fromEntries(chained),
};

const REFUSED: Readonly<Record<string, readonly [schema: unknown, reason: RegExp]>> = {
  "a schema of 1 MB": [{ enum: ["x".repeat(1024 * 1024)] }, /has 1048\d\d\d characters, more than 262144$/],
  "a schema nested a thousand times": [nested(1000), /is nested more than 100 levels deep$/],
  "a value nested a thousand times": [{ const: nested(1000) }, /is nested more than 100 levels deep$/],
  "a reference to elsewhere": [{ $ref: "https://example.com/x" }, /refers to "https:\/\/example\.com\/x", which is not in it$/],
  "a reference to nothing": [{ $ref: "#/$defs/__proto__" }, /refers to "#\/\$defs\/__proto__", which is not in it$/],
  "a reference that is no pointer": [{ $ref: "#/%" }, /refers to "%": /],
  "a reference to what is no schema": [{ $ref: "#/required", required: ["a"] }, /has an array where a schema must be$/],
  "a reference to itself": [{ $ref: "#" }, /refers to itself without a field or an item between$/],
  "references to one another": [{
    properties: { a: { $ref: "#/$defs/a" } },
    $defs: { a: { anyOf: [{ $ref: "#/$defs/b" }] }, b: { not: { $ref: "#/$defs/a" } } },
  }, /refers to itself without/],
  "references that double forty times": [
    { properties: { a: { $ref: "#/$defs/d0" } }, $defs: doubling },
    /applies more than 1000 schemas to one value$/,
  ],
  "references through five thousand others": [
    { ...chain, allOf: [{ $ref: "#/$defs/d4999" }] },
    /applies more than 1000 schemas to one value$/,
  ],
  "a dynamic reference": [{ $dynamicRef: "#x" }, /uses "\$dynamicRef"$/],
  "an id within": [{ properties: { a: { $id: "x" } } }, /has a schema with an "\$id" of its own in it$/],
  "text for a schema": [{ items: "string" }, /has "string" where a schema must be$/],
  "an unknown type": [{ type: "date" }, /has "date" as "type"$/],
  "an object for a list": [{ anyOf: {} }, /has an object as "anyOf"$/],
  "numbers for names": [{ required: [1] }, /has an array as "required"$/],
  "a negative length": [{ minLength: -1 }, /has -1 as "minLength"$/],
};

for (const [what, [schema, reason]] of Object.entries(REFUSED)) {
  test(`D22: ${what} leaves the command out, with the reason, and the others in`, () => {
    const good = { name: "good", input: true, output: true };
    for (const sides of [{ input: schema, output: true }, { input: true, output: schema }]) {
      const { commands, leftOut, text } = contractFile({ commands: [{ name: "bad", ...sides }, good] }, ["x"]);
      assert.deepEqual(commands, ["good"]);
      assert.deepEqual(leftOut.map(({ command }) => command), ["bad"]);
      assert.match(leftOut[0]?.reason ?? "", reason);
      assert.ok(text.length < 1000, text);
    }
  });
}

test("D22: a plugin's regular expressions and comparisons of all items do not come along, nor what would mean more without them", () => {
  const slow = { type: "string", pattern: "^(a+)+$" };
  const clean = (schema: unknown) => jsonSchemaFrom(cleanSchema(schema));
  assert.deepEqual(clean(slow), { type: "string" });
  assert.deepEqual(clean({ type: "array", uniqueItems: true }), { type: "array" });
  assert.deepEqual(clean({ properties: { a: slow }, not: slow, if: true, then: slow }), { properties: { a: { type: "string" } } });
  assert.deepEqual(clean({ oneOf: [slow, { type: "string" }] }), { anyOf: [{ type: "string" }, { type: "string" }] });
  assert.deepEqual(clean({ patternProperties: { "^x": true }, additionalProperties: false }), {});
  // A field that is only called so is none of it.
  assert.deepEqual(clean({ properties: { pattern: true }, not: { type: "null" } }), {
    properties: { pattern: true },
    not: { type: "null" },
  });
});

const text = fc.oneof(
  fc.constantFrom("a", "b", "__proto__", "constructor", "*/", "`${x}`", "\u2028", "a b"),
  fc.string({ unit: "binary", maxLength: 6 }),
);
const json = fc.jsonValue({ maxDepth: 2 });
const { schema } = fc.letrec<{ schema: unknown; object: object }>((tie) => {
  const some = fc.array(tie("schema"), { minLength: 1, maxLength: 3 });
  const count = fc.nat(3);
  const object = fc.record({
    ...{ description: text, type: fc.constantFrom("string", "object", "array", "number", "integer", "null", ["string", "null"]) },
    ...{ properties: fc.dictionary(text, tie("schema"), { maxKeys: 3 }), required: fc.array(text, { maxLength: 2 }) },
    ...{
      additionalProperties: tie("schema"),
      patternProperties: fc.dictionary(fc.constantFrom("^a", "b$"), tie("schema"), { maxKeys: 1 }),
    },
    ...{ items: tie("schema"), prefixItems: some, uniqueItems: fc.boolean(), contains: tie("schema"), minItems: count, maxContains: count },
    ...{ anyOf: some, oneOf: some, allOf: some, not: tie("schema"), if: tie("schema"), then: tie("schema"), else: tie("schema") },
    ...{
      const: json,
      enum: fc.array(json, { maxLength: 3 }),
      pattern: fc.constantFrom("^a", "b"),
      minLength: count,
      format: fc.constant("email"),
    },
  }, { requiredKeys: [] });
  return { schema: fc.oneof({ maxDepth: 4, depthSize: "small", withCrossShrink: true }, fc.boolean(), object), object };
});
/** As it comes from a plugin: fields called like the prototype's are fields. */
const told = schema.map((each) => JSON.parse(JSON.stringify(each)) as unknown);

test("D22: whatever fits a plugin's schema fits the contract's", async () => {
  let fitting = 0;
  await fc.assert(
    fc.asyncProperty(told, fc.array(json, { minLength: 5, maxLength: 5 }), async (schema, values) => {
      const ours = jsonSchema(jsonSchemaFrom(cleanSchema(schema)));
      const theirs = new Validator(structuredClone(schema) as object, "2020-12");
      for (const value of values.filter((each) => theirs.validate(each).valid)) {
        fitting += 1;
        assert.deepEqual(await ours["~standard"].validate(value), { value });
      }
    }),
    { numRuns: 200 },
  );
  assert.ok(fitting > 50, `${fitting}`);
});

test("D22: the contract of two hundred random schemas compiles, and is the same each time", async () => {
  const commands = fc.sample(told, { numRuns: 200, seed: 7 }).map((input, at) => ({
    name: `c${at}`,
    input,
    output: input,
    description: `${at}`,
  }));
  const file = contractFile({ commands }, ["x"]);
  assert.deepEqual(contractFile({ commands: commands.toReversed() }, ["x"]), file);
  assert.equal(file.commands.length, 200);
  await withFolder(async (folder) => {
    const text = file.text.replace('"@polyplug/core/host"', JSON.stringify(pathOf("host/mod.ts")));
    await writeFile(join(folder, "contract.ts"), text);
    assert.deepEqual(await typeErrors(folder, ["contract.ts"]), []);
  });
});

test("D20: a command that streams has its part in the contract, which typed() reads as a stream; one without schemas is left out", async () => {
  const commands = [
    { name: "log.lines", stream: true, input: { type: "object" }, output: { type: "object", properties: { at: { type: "integer" } } } },
    { name: "log.bytes", stream: true },
    { name: "log.half", stream: true, input: true },
    { name: "log.count", input: true, output: { type: "integer" } },
  ];
  const file = contractFile({ commands }, ["log"]);
  assert.deepEqual(file.commands, ["log.count", "log.lines"]);
  assert.deepEqual(file.leftOut.map(({ reason }) => reason), [
    "it takes and gives a stream of bytes",
    "the plugin has no JSON Schema of its parts",
  ]);
  assert.match(file.text, /export type LogLinesPart = \{\s+readonly at\?: number;\s+\};/);
  assert.match(file.text, /"?log\.lines"?: \{\s+input: [^]+part: jsonSchema<LogLinesPart>\(/);
  assert.doesNotMatch(file.text, /LogLinesOutput/);
  await withFolder(async (folder) => {
    const library = JSON.stringify(pathOf("host/mod.ts"));
    await writeFile(join(folder, "contract.ts"), file.text.replace('"@polyplug/core/host"', library));
    const use = [
      `import { type Caller, typed } from ${library};`,
      'import { contract } from "./contract.ts";',
      "export async function use(caller: Caller): Promise<readonly (number | undefined)[]> {",
      "  const found: (number | undefined)[] = [];",
      "  for await (const { at } of typed(caller, contract).log.lines({})) found.push(at);",
      "  return found;",
      "}\n",
    ];
    await writeFile(join(folder, "use.ts"), use.join("\n"));
    assert.deepEqual(await typeErrors(folder, ["use.ts"]), []);
    const { use: read } = await import(pathToFileURL(join(folder, "use.ts")).href);
    const caller = (...parts: readonly string[]) => ({
      stream: async function* () {
        yield* parts.map(bytes);
      },
    });
    assert.deepEqual(await read(caller('{"at":1}', "{}", '{"at":2}')), [1, undefined, 2]);
    await assert.rejects(read(caller('{"at":1}', '{"at":"2"}')), { code: "caller.bad_response" });
  });
});

test("D22: a deep tree of a union is checked in time, wherever the schema has what tells its members apart", async () => {
  const member = (kind: string) => ({ properties: { left: { $ref: "#" }, kind: { const: kind } }, required: ["kind"] });
  const { validate } = jsonSchema(jsonSchemaFrom(cleanSchema({ anyOf: [member("add"), member("multiply")] })))["~standard"];
  const tree = (levels: number): unknown =>
    levels === 0 ? { kind: "add" } : { kind: levels % 2 ? "add" : "multiply", left: tree(levels - 1) };
  const value = tree(60);
  assert.deepEqual(await validate(value), { value });
});

test("D22: jsonSchema() tells each place that is wrong, takes what only becomes JSON, and never throws", async () => {
  const row = {
    type: "object",
    properties: { "a/b~c": { type: "array", items: { type: "number" } }, o: { type: "null" } },
    additionalProperties: false,
  };
  const { validate, vendor, version } = jsonSchema({ type: "array", items: row })["~standard"];
  assert.deepEqual([vendor, version], ["polyplug", 1]);
  const places = async (value: unknown) => (await validate(value)).issues?.map(({ path }) => path);
  assert.deepEqual(await places([{ "a/b~c": [1, "2"] }]), [["0", "a/b~c", "1"]]);
  assert.deepEqual((await places([{}, { odd: 1 }]))?.at(-1), ["1", "odd"]);
  const value = [{ o: undefined }];
  assert.equal(((await validate(value)) as { readonly value: unknown }).value, value);
  const cycle: unknown[] = [];
  cycle.push({ o: cycle });
  const odd = [undefined, 1n, () => 1, Symbol("s"), cycle, new Map(), NaN];
  for (const each of odd) assert.ok((await validate(each)).issues !== undefined, String(typeof each));
  for (const wrong of [{ $ref: "#" }, { $ref: "#/nowhere" }, { pattern: "(" }, { enum: 5 }, { type: "object", required: 5 }]) {
    const { issues } = await jsonSchema(wrong)["~standard"].validate("required" in wrong ? {} : "x");
    assert.match(issues?.[0]?.message ?? "", /^The JSON Schema cannot be applied: [^\n]+$/, JSON.stringify(wrong));
  }
});

test("D22: jsonSchema() leaves the schema that it was given as it was", async () => {
  const schema = Object.freeze({ $ref: "#/$defs/a", $defs: Object.freeze({ a: Object.freeze({ type: "string" }) }) });
  const { validate } = jsonSchema<string>(schema)["~standard"];
  assert.deepEqual(await validate("x"), { value: "x" });
  assert.deepEqual(Object.getOwnPropertyNames(schema), ["$ref", "$defs"]);
});
