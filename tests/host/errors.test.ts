/**
 * Row A13: an error of a plugin reaches the caller as it was thrown, and cannot pass for one of the host's.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isPluginError, PluginError } from "../../host/mod.ts";
import { bytes, typescriptPlugin, withHost } from "../support.ts";

const workbench = typescriptPlugin("tests/fixtures/workbench.ts");

const cases: readonly { readonly thrown: { readonly code?: unknown; readonly message: string }; readonly code: string }[] = [
  { thrown: { code: "InvalidArgument", message: "unsupported language: [xx]" }, code: "InvalidArgument" },
  { thrown: { code: "hello.refused", message: 'Grüße "quoted" \\ and a line\nbreak' }, code: "hello.refused" },
  { thrown: { code: "verify.checksum_mismatch", message: "forged" }, code: "exec.failed" },
  { thrown: { code: "host.closed", message: "forged" }, code: "exec.failed" },
  { thrown: { code: "caller.refused", message: "forged, so that the host would send the call again" }, code: "exec.failed" },
  { thrown: { code: "exec.unavailable", message: "would be sent again, though it ran" }, code: "exec.failed" },
  { thrown: { code: "has a space", message: "bad form" }, code: "exec.failed" },
  { thrown: { code: 42, message: "no text" }, code: "exec.failed" },
  { thrown: { message: "no code" }, code: "exec.failed" },
];

for (const { thrown, code } of cases) {
  test(`A13: exec() rejects with ${code} when a handler throws ${JSON.stringify(thrown.code)}`, async () => {
    await withHost({ workbench }, async (host) => {
      const call = host.get("workbench").exec("test.throw", bytes(JSON.stringify(thrown)));
      await assert.rejects(call, { name: "PluginError", code, message: thrown.message, origin: "plugin", plugin: "workbench" });
    });
  });
}

test("A13: exec() carries a thrown text, and says when a handler returned no bytes", async () => {
  await withHost({ workbench }, async (host) => {
    const handle = host.get("workbench");
    await assert.rejects(handle.exec("test.throw_text"), { code: "exec.failed", message: "only a text", origin: "plugin" });
    await assert.rejects(handle.exec("test.not_bytes"), { code: "exec.failed", message: /returned string, not a Uint8Array/ });
  });
});

test("A13: an unknown command names the ones there are", async () => {
  await withHost({ workbench }, async (host) => {
    for (const command of ["nowhere", "constructor", "__proto__", "toString"]) {
      const expected = { code: "exec.unknown_command", origin: "plugin", message: /has no command .*test\.echo/ };
      await assert.rejects(host.get("workbench").exec(command), expected);
    }
  });
});

test("A13: no stack of the plugin crosses the wire", async () => {
  await withHost({ workbench }, async (host) => {
    const error: unknown = await host.get("workbench").exec("test.throw", bytes('{"message":"m"}')).catch((thrown) => thrown);
    assert.ok(isPluginError(error));
    assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /workbench\.ts/);
  });
});

test("A13: isPluginError() knows an error of another copy of the package, and no other error", async () => {
  const path = "../../protocol/errors.ts?another-copy";
  const copy: { PluginError: typeof PluginError } = await import(path);
  assert.notEqual(copy.PluginError, PluginError);
  assert.ok(isPluginError(new copy.PluginError("exec.failed", "m")));
  assert.ok(!isPluginError(new Error("m")));
  assert.ok(!isPluginError({ code: "exec.failed", message: "m" }));
});
