/**
 * Row A2: names that every JavaScript object knows are found only where they stand.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostConfig, parseConfig } from "../../../host/config/parse.ts";
import { discoverPlugins } from "../../../host/discover.ts";
import { typescriptPlugin, withHost } from "../../support.ts";

function parse(content: string): HostConfig {
  return parseConfig({ path: undefined, folder: "/etc/plugins", content });
}

test("A2: a plugin and a host may be called constructor, and are found only where they stand", async () => {
  await withHost({ constructor: typescriptPlugin("tests/fixtures/workbench.ts") }, async (host) => {
    assert.equal(await host.get("constructor").ping(), "pong");
    for (const name of ["__proto__", "toString", "hasOwnProperty", "prototype"]) {
      assert.throws(() => host.get(name), { code: "host.unknown_plugin" });
    }
  });
  const config = parse('[plugins.a]\nexec = "./a"\n[hosts.constructor]\nplugins = ["a"]\n');
  assert.equal(discoverPlugins(config, "constructor").length, 1);
  for (const name of ["__proto__", "toString", "valueOf"]) {
    assert.throws(() => discoverPlugins(config, name), { code: "discover.unknown_host" });
  }
});

test("A2: [plugins.__proto__] is a wrong name and changes no object", () => {
  const text = '[plugins.__proto__]\nexec = "./polluted"\n[hosts.__proto__]\nplugins = []\n';
  assert.throws(() => parse(text), {
    code: "config.invalid",
    message: /plugins\.__proto__ must be named.*\n.*hosts\.__proto__ must be named/,
  });
  assert.equal(Object.hasOwn(Object.prototype, "exec"), false);
  assert.throws(() => parse('[hosts.a]\nplugins = ["constructor", "__proto__"]\n'), {
    message: /names "constructor".*\n.*names "__proto__"/,
  });
});

test("A2: commands named after members of every object are unknown to a plugin", async () => {
  await withHost({ workbench: typescriptPlugin("tests/fixtures/workbench.ts") }, async (host) => {
    for (const command of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      await assert.rejects(host.get("workbench").exec(command), { code: "exec.unknown_command", origin: "plugin" });
    }
    for (const name of ["constructor", "__proto__", "toString"]) {
      assert.throws(() => host.get(name), { code: "host.unknown_plugin" });
    }
  });
});
