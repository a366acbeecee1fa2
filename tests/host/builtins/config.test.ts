/**
 * Row D16: what the configuration and the application say of built-ins.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Builtin, openExecutor, openHost } from "../../../host/mod.ts";
import { agent } from "../../fixtures/agent.ts";
import { workbench } from "../../fixtures/workbench.ts";
import { bytes, text, typescriptPlugin, withFolder, withHost } from "../../support.ts";

const program = typescriptPlugin("tests/fixtures/workbench.ts");

function configOf(plugins: Record<string, unknown>, hosts: Record<string, unknown> = { test: {} }): Record<string, unknown> {
  return { settings: { allow_unverified: true }, plugins, hosts };
}

test("D16: a built-in stands beside the plugins of the configuration, and either calls the other by its grants", async () => {
  const asAgent = { ...typescriptPlugin("tests/fixtures/agent.ts"), socket: true, grants: { plugins: { inside: ["agent.echo"] } } };
  const inside = { comm_type: "builtin", grants: { plugins: { outside: ["agent.echo"] } } };
  await withHost({ outside: asAgent, inside }, async (host) => {
    assert.deepEqual(host.plugins.map(({ name, commType }) => [name, commType]), [["outside", "rest"], ["inside", "builtin"]]);
    const there = (plugin: string) => bytes(JSON.stringify({ plugin, command: "agent.echo", payload: "over" }));
    assert.equal(text(await host.get("outside").exec("agent.call", there("inside"))), "over");
    assert.equal(text(await host.get("inside").exec("agent.call", there("outside"))), "over");
  }, { builtins: { inside: agent } });
});

test("D16: a name that the configuration has for a program is refused, in any case", async () => {
  for (const name of ["workbench", "Workbench"]) {
    const opening = openHost("test", { config: configOf({ workbench: program }), builtins: { [name]: workbench } });
    await assert.rejects(opening, { code: "config.invalid", message: new RegExp(`"${name}".*"workbench"`), hint: /comm_type = "builtin"/ });
  }
});

test("D16: a table for a built-in has no program", async () => {
  for (const key of ["exec", "exec_file", "attach"]) {
    const table = { comm_type: "builtin", [key]: key === "attach" ? "http://127.0.0.1:9" : "./program" };
    await assert.rejects(openHost("test", { config: configOf({ workbench: table }), builtins: { workbench } }), {
      code: "config.invalid",
      message: new RegExp(`plugins\\.workbench\\.${key} stands beside comm_type = "builtin"`),
    });
  }
});

test("D16: a built-in that the application does not bring is listed and cannot be started", async () => {
  await withHost({ workbench: { comm_type: "builtin" } }, async (host) => {
    await assert.rejects(host.start("workbench"), { code: "caller.unknown_comm_type", hint: /builtins: \{ "workbench"/ });
    assert.equal(host.plugins[0]?.state.kind, "idle");
  });
});

test("D16: an inactive built-in cannot be called, and one that is not for this host cannot be started", async () => {
  await withHost({ workbench: { comm_type: "builtin", enabled: false } }, async (host) => {
    await assert.rejects(host.get("workbench").ping(), { code: "host.inactive" });
  }, { builtins: { workbench } });
  await withHost({}, async (host) => {
    await assert.rejects(host.start("workbench"), { code: "exec.forbidden", plugin: "workbench" });
  }, { builtins: { workbench: { ...workbench, hosts: ["another"] } } });
});

test("D16: each host of an executor has the built-in for itself", async () => {
  await withFolder(async (folder) => {
    const config = { ...configOf({}, { a: {}, b: {} }), settings: { state_dir: join(folder, "state") } };
    await using executor = await openExecutor({ config, hosts: ["a", "b"], builtins: { workbench } });
    await executor.fromHost("a").start("workbench");
    assert.equal(text(await executor.fromHost("a").get("workbench").exec("test.from")), '"a"');
    assert.equal(executor.fromHost("b").get("workbench").state.kind, "idle");
  });
});

test("D16: what is no plugin, and a name that is none, is wrong use", async () => {
  const wrong: readonly unknown[] = [undefined, null, 7, "./file.ts", {}, { worker: "./file.ts" }, {
    name: "a",
    version: "1",
    commands: 7,
  }];
  for (const builtin of wrong) {
    const opening = openHost("test", { config: configOf({}), builtins: { a: builtin as Builtin } });
    await assert.rejects(opening, { name: "TypeError", message: /The built-in "a" must be/ });
  }
  const opening = openHost("test", { config: configOf({}), builtins: { "no name": workbench } });
  await assert.rejects(opening, { name: "TypeError", message: /cannot be called "no name"/ });
});
