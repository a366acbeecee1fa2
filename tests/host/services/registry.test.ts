/**
 * D7: capabilities by name and version.
 * @module
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Host, openHost } from "../../../host/mod.ts";
import { bytes, configOf, text, typescriptPlugin, withFolder, withHost } from "../../support.ts";

const agent = (...provides: string[]) => ({
  ...typescriptPlugin("tests/fixtures/agent.ts"),
  socket: true,
  grants: { services: ["registry.*"] },
  provides,
});

/** What `registry.find` answers to the plugin `a`. */
async function find(host: Host, capability: string, range?: string): Promise<Record<string, unknown>> {
  const call = { command: "registry.find", payload: JSON.stringify({ capability, range }) };
  const { answer, code, message } = JSON.parse(text(await host.get("a").exec("agent.try", bytes(JSON.stringify(call)))));
  return answer === undefined ? { code, message } : JSON.parse(answer);
}

test("D7: exact, else the lowest higher version of the same major; pre-releases only when asked", async () => {
  const plugins = {
    a: agent(),
    b: agent("x@1.2.0", "y@2.0.0-beta.1"),
    c: agent("x@1.3.0", "x@2.0.0"),
    d: agent("x@1.2.5-rc.1", "x@1.10.0"),
  };
  await withHost(plugins, async (host) => {
    const found: Record<string, unknown>[] = [];
    for (const wanted of ["x@1.2.0", "x@1.2.1", "x@1.3.1", "x@2.0.0", "x@1.0.0", "x@1.2.5-rc.1", "x@1.2.4-beta", "y@2.0.0-alpha", "x"]) {
      found.push(await find(host, wanted));
    }
    assert.deepEqual(found, [
      { plugin: "b", version: "1.2.0" },
      { plugin: "c", version: "1.3.0" },
      { plugin: "d", version: "1.10.0" },
      { plugin: "c", version: "2.0.0" },
      { plugin: "b", version: "1.2.0" },
      { plugin: "d", version: "1.2.5-rc.1" },
      { plugin: "d", version: "1.2.5-rc.1" },
      { plugin: "b", version: "2.0.0-beta.1" },
      { plugin: "b", version: "1.2.0" },
    ]);
    assert.deepEqual(await find(host, "x", ">=1.3.0 <2"), { plugin: "c", version: "1.3.0" });
    for (const none of ["x@3.0.0", "x@2.0.1", "z@1.0.0", "y@2.0.0", "y"]) {
      assert.equal((await find(host, none))["code"], "exec.not_found", none);
    }
    assert.equal((await find(host, "x@one"))["code"], "exec.invalid_input");
    assert.equal((await find(host, "x", "about one"))["code"], "exec.invalid_input");
    assert.equal((await find(host, "__proto__"))["code"], "exec.not_found");
  });
});

test("D7: two plugins that provide the same are an error that names both", async () => {
  await withFolder(async (folder) => {
    const config = configOf({ a: agent("x@1.0.0"), b: agent("x@1.0.0") }, folder);
    await assert.rejects(openHost("test", { config }), { code: "config.invalid", message: 'Plugins "a" and "b" both provide "x@1.0.0"' });
    const disabled = configOf({ a: agent("x@1.0.0"), b: { ...agent("x@1.0.0"), enabled: false } }, folder);
    await (await openHost("test", { config: disabled })).close();
  });
});

test("D7: a provider that is gone is replaced; handles of the old one work when it is back", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "config.toml");
    const write = async (ofC: string[]) => {
      const line = (key: string, value: unknown) => `${key} = ${JSON.stringify(value)}`;
      const table = (name: string, plugin: ReturnType<typeof agent>) =>
        [
          `[plugins.${name}]`,
          ...Object.entries(plugin).filter(([key]) => key !== "grants").map(([key, value]) => line(key, value)),
          'grants = { services = ["registry.*"] }',
        ].join("\n");
      const settings = "[settings]\nallow_unverified = true";
      await writeFile(
        file,
        [settings, table("a", agent()), table("b", agent("x@1.0.0")), table("c", agent(...ofC)), '[hosts.test]\nplugins = ["a", "b", "c"]']
          .join("\n"),
      );
    };
    await write([]);
    await using host = await openHost("test", { config: file });
    await host.startAll();
    const old = host.get("b");
    assert.deepEqual(await find(host, "x@1.0.0"), { plugin: "b", version: "1.0.0" });
    await write(["x@1.0.0"]);
    await assert.rejects(host.reload("c"), { code: "config.invalid", message: /"b" and "c" both provide/ });
    await host.stop("b");
    assert.equal((await find(host, "x@1.0.0"))["code"], "exec.not_found");
    await host.reload("c");
    assert.deepEqual(await find(host, "x@1.0.0"), { plugin: "c", version: "1.0.0" });
    await assert.rejects(host.start("b"), { code: "host.duplicate", message: /"x@1\.0\.0".*"c"/ });
    await host.stop("c");
    await host.start("b");
    assert.equal(text(await old.exec("agent.echo", bytes("back"))), "back");
    assert.deepEqual(await find(host, "x@1.0.0"), { plugin: "b", version: "1.0.0" });
  });
});

test("D7: registry.list gives every capability with its plugin", async () => {
  await withHost({ a: agent(), b: agent("x@1.2.0"), c: agent("y@1.0.0", "z@0.1.0") }, async (host) => {
    const call = bytes(JSON.stringify({ command: "registry.list", payload: "" }));
    assert.deepEqual(JSON.parse(text(await host.get("a").exec("agent.call", call))), {
      capabilities: [{ capability: "x@1.2.0", plugin: "b" }, { capability: "y@1.0.0", plugin: "c" }, {
        capability: "z@0.1.0",
        plugin: "c",
      }],
    });
  });
});
