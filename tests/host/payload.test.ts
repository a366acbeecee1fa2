/**
 * Rows A10 and A11: bytes arrive as they were sent, up to the limit and not beyond.
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { languageSkip } from "../languages.ts";
import { bytes, pythonPlugin, text, typescriptPlugin, withHost } from "../support.ts";

const MIB = 1024 * 1024;
const workbench = typescriptPlugin("tests/fixtures/workbench.ts");

function sha256(payload: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(payload).digest());
}

async function staysFaithful(plugin: Record<string, unknown>, echo: string): Promise<void> {
  await withHost({ plugin }, async (host) => {
    const handle = host.get("plugin");
    const payloads = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 65_536, size: "max" }));
    await fc.assert(
      fc.asyncProperty(payloads, async (payload) => {
        assert.deepEqual(await handle.exec(echo, payload), new Uint8Array(payload));
        assert.deepEqual(await handle.exec("test.sha256", payload), sha256(payload));
      }),
      { numRuns: 60, examples: [[new Uint8Array(0)], [new Uint8Array([0])], [new Uint8Array(65_536).fill(255)]] },
    );
  });
}

test("A10: exec() carries random bytes of 0 to 64 KiB there and back, raw", async () => {
  await staysFaithful(workbench, "test.echo");
});

test("A10: exec() carries random bytes of 0 to 64 KiB there and back, as hex in JSON", { skip: languageSkip("python") }, async () => {
  await staysFaithful(pythonPlugin("examples/hello/hello.py"), "hello.echo");
});

test("A10: exec() carries 16 MiB there and back, raw and as hex", { skip: languageSkip("python") }, async () => {
  const payload = new Uint8Array(16 * MIB);
  for (let at = 0; at < payload.length; at += 65_536) crypto.getRandomValues(payload.subarray(at, at + 65_536));
  await withHost({ raw: workbench, hex: pythonPlugin("examples/hello/hello.py") }, async (host) => {
    assert.deepEqual(sha256(await host.get("raw").exec("test.echo", payload)), sha256(payload));
    assert.deepEqual(await host.get("raw").exec("test.sha256", payload), sha256(payload));
    assert.deepEqual(sha256(await host.get("hex").exec("hello.echo", payload)), sha256(payload));
  });
});

test("A10: exec() takes a view into a larger buffer for what it is", async () => {
  const whole = bytes("before|inside|after");
  await withHost({ workbench }, async (host) => {
    assert.equal(text(await host.get("workbench").exec("test.echo", whole.subarray(7, 13))), "inside");
  });
});

test("A11: with a limit of 1 MiB, exactly 1 MiB passes both ways", async () => {
  await withHost({ workbench: { ...workbench, max_payload: MIB } }, async (host) => {
    const handle = host.get("workbench");
    assert.equal((await handle.exec("test.echo", new Uint8Array(MIB))).length, MIB);
    assert.equal((await handle.exec("test.fill", bytes(String(MIB)))).length, MIB);
  });
});

test("A11: one byte more is caller.too_large on the way there, and is not sent", async () => {
  await withHost({ workbench: { ...workbench, max_payload: MIB } }, async (host) => {
    const handle = host.get("workbench");
    await assert.rejects(handle.exec("test.echo", new Uint8Array(MIB + 1)), {
      code: "caller.too_large",
      origin: "host",
      plugin: "workbench",
    });
    assert.equal(text(await handle.exec("test.echo", bytes("on"))), "on");
  });
});

test("A11: one byte more is caller.too_large on the way back, raw and as hex, and the plugin still serves", {
  skip: languageSkip("python"),
}, async () => {
  const raw = { ...workbench, max_payload: MIB };
  const hex = { ...pythonPlugin("tests/fixtures/large_answer.py"), max_payload: MIB };
  await withHost({ raw, hex }, async (host) => {
    for (const name of ["raw", "hex"]) {
      const handle = host.get(name);
      const pid = host.plugins.find((plugin) => plugin.name === name)?.pid;
      await assert.rejects(handle.exec("test.fill", bytes(String(MIB + 1))), { code: "caller.too_large", origin: "host" });
      assert.equal((await handle.exec("test.fill", bytes(String(MIB)))).length, MIB);
      assert.ok(pid === undefined || pid === host.plugins.find((plugin) => plugin.name === name)?.pid);
    }
  });
});

test("A11: a plugin with a lower limit of its own refuses with exec.too_large and still serves", async () => {
  const small = { ...typescriptPlugin("tests/fixtures/small_limit.ts") };
  await withHost({ small }, async (host) => {
    const handle = host.get("small");
    await assert.rejects(handle.exec("test.echo", new Uint8Array(1025)), { code: "exec.too_large", origin: "plugin" });
    assert.equal((await handle.exec("test.echo", new Uint8Array(1024))).length, 1024);
  });
});
