/**
 * Row D13: what crosses between the pool and its plugins, byte for byte: the private key is nowhere in it.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { languageSkip } from "../languages.ts";
import { typescriptPlugin } from "../support.ts";
import { startPool, submit, type Table, until, withPoolFolder } from "./pool_program.ts";

const skip = languageSkip("python") || languageSkip("go");
const items = Array.from({ length: 20 }, (_, index) => ({ id: `item-${index}`, amount: 1 + index * 3 }));

test("D13: the private key's bytes are in no message to a plugin, in no encoding", { skip }, async () => {
  await withPoolFolder(async (folder) => {
    const pool = await startPool(folder);
    await submit(pool.origin, items);
    await until(pool.origin, ({ open, merged }) => open === 0 && merged === 0);
    await pool.end("SIGTERM");
    const database = new DatabaseSync(join(folder.folder, "state", "items.sqlite"));
    const signatures = database.prepare("SELECT DISTINCT signature FROM commits").all().map(({ signature }) => String(signature));
    database.close();
    const forms = formsOf(readFileSync(join(folder.folder, "state", "key.pem"), "utf8"));
    const [swap, signer] = ["swap", "signer"].map((name) => readFileSync(join(folder.folder, `${name}.record`)));
    // What is recorded is what crosses: the ids, and to the signer the key service's answers.
    assert.deepEqual(items.filter(({ id, amount }) => amount >= 10 && !swap!.includes(hexOf(`"${id}"`))), []);
    assert.deepEqual(signatures.filter((signature) => !signer!.includes(hexOf(`{"signature":"${signature}"}`))), []);
    assert.ok(signatures.length >= 7);
    for (const [name, recorded] of Object.entries({ swap: swap!, signer: signer!, log: Buffer.from(pool.log()) })) {
      const found = [...forms].filter(([, form]) => recorded.includes(form)).map(([form]) => form);
      assert.deepEqual(found, [], `the private key is in what crosses to ${name}`);
    }
  }, tapped);
});

/** The plugin with a program before it that records all that crosses, its environment too. */
function tapped(name: string, plugin: Table, folder: string): Table {
  const { exec, exec_args = [], sha256: _ofItsOwnFile, ...rest } = plugin;
  const tap = typescriptPlugin("tests/fixtures/tap.ts", [join(folder, `${name}.record`), exec, ...exec_args]);
  return { ...rest, ...tap, exec: String(tap["exec"]) };
}

/** Each form in which the key could cross, by its name: the file, the key alone, in every usual encoding, and those in a payload's hex. */
function formsOf(pem: string): ReadonlyMap<string, Buffer> {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  const [, body = ""] = pem.split("\n");
  const bases = { pem: Buffer.from(pem), body: Buffer.from(body), der: Buffer.from(der), raw: Buffer.from(der.subarray(-32)) };
  const forms = new Map<string, Buffer>();
  for (const [name, base] of Object.entries(bases)) {
    const hex = base.toString("hex");
    const encoded = {
      bytes: base,
      hex: Buffer.from(hex),
      upper: Buffer.from(hex.toUpperCase()),
      base64: Buffer.from(base.toString("base64").replace(/=+$/, "")),
      base64url: Buffer.from(base.toString("base64url")),
    };
    for (const [encoding, form] of Object.entries(encoded)) {
      forms.set(`${name} as ${encoding}`, form).set(`${name} as ${encoding}, in hex`, Buffer.from(form.toString("hex")));
    }
  }
  return forms;
}

function hexOf(text: string): string {
  return Buffer.from(text).toString("hex");
}
