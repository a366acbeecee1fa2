/**
 * Row A3: a host gets its own plugins and no others.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type HostConfig, parseConfig } from "../../host/config/parse.ts";
import { discoverPlugins } from "../../host/discover.ts";
import { openExecutor, openHost } from "../../host/mod.ts";
import { withFolder } from "../support.ts";
import { copyPlain, startsOf } from "./plugin_files.ts";

const TOML = `
[plugins.one]
exec = "bin/one"
[plugins.two]
exec = "/usr/bin/two"
exec_time = 20
[plugins.three]
exec = "three"
exec_file = "three.py"
start_timeout = 0.5
exec_time = 30
[hosts.first]
plugins = ["two", "one", "two"]
[hosts.second]
plugins = ["three"]
[hosts.none]
plugins = []
[hosts.empty]
`;

function parse(content: string): HostConfig {
  return parseConfig({ path: "/etc/plugins/config.toml", folder: "/etc/plugins", content });
}

function namesOf(host: string): readonly string[] {
  return discoverPlugins(parse(TOML), host).map(({ name }) => name);
}

test("A3: discoverPlugins() gives only the plugins of the named host, each once, in the host's order", () => {
  assert.deepEqual(namesOf("first"), ["two", "one"]);
  assert.deepEqual(namesOf("second"), ["three"]);
  assert.deepEqual(namesOf("none"), []);
  assert.deepEqual(namesOf("empty"), []);
});

test("A3: discoverPlugins() refuses an unknown host and lists the known ones", () => {
  for (const name of ["third", "First", "", "plugins", "one"]) {
    assert.throws(() => discoverPlugins(parse(TOML), name), {
      name: "PluginError",
      code: "discover.unknown_host",
      message: `The configuration has no host "${name}"; it has: first, second, none, empty`,
    });
  }
  assert.throws(() => discoverPlugins(parse("[meta]"), "any"), { code: "discover.unknown_host", message: /it has: none$/ });
});

test("A3: discoverPlugins() takes relative paths from the configuration's folder, and leaves a bare command alone", () => {
  const [two, one] = discoverPlugins(parse(TOML), "first");
  const [three] = discoverPlugins(parse(TOML), "second");
  assert.deepEqual([one?.exec, one?.execFile, one?.cwd], ["bin/one", "/etc/plugins/bin/one", "/etc/plugins"]);
  assert.deepEqual([two?.exec, two?.execFile], ["/usr/bin/two", "/usr/bin/two"]);
  assert.deepEqual([three?.exec, three?.execFile], ["three", "/etc/plugins/three.py"]);
});

test("A3: discoverPlugins() waits the larger of exec_time and 10 s, and exactly start_timeout", () => {
  const timeouts = ["first", "second"].flatMap((host) => discoverPlugins(parse(TOML), host)).map((spec) => spec.startTimeoutMs);
  assert.deepEqual(timeouts, [20_000, 10_000, 500]);
});

test("A3: discoverPlugins() gives the defaults of CONFIG_AND_CLI.md", () => {
  assert.partialDeepStrictEqual(discoverPlugins(parse(TOML), "first")[1], {
    stateDir: "/etc/plugins/state",
    allowUnverified: false,
    execArgs: [],
    files: [],
    commType: "rest",
    commPort: 0,
    dialect: undefined,
    features: [],
    env: {},
    envInherit: [],
    timeoutMs: 30_000,
    maxPayloadBytes: 16 * 1024 * 1024,
    pingTimeoutMs: 2000,
    stop: { shutdownMs: 2000, stdinMs: 1000, termMs: 2000 },
    enabled: true,
  });
});

test("A3: openHost() knows no plugin of another host, and starts none", async () => {
  await withFolder(async (folder) => {
    const mine = await copyPlain(folder, "mine");
    const theirs = await copyPlain(folder, "theirs");
    const absolute = { ...mine, exec_file: join(folder, "mine/plugin.ts"), cwd: join(folder, "mine") };
    const others = { ...theirs, exec_file: join(folder, "theirs/plugin.ts"), cwd: join(folder, "theirs") };
    const plugins = { mine: absolute, theirs: others };
    const config = {
      settings: { state_dir: join(folder, "state") },
      plugins,
      hosts: { mine: { plugins: ["mine"] }, theirs: { plugins: ["theirs"] } },
    };
    const host = await openHost("mine", { config });
    try {
      assert.deepEqual(host.plugins.map(({ name }) => name), ["mine"]);
      assert.throws(() => host.get("theirs"), { code: "host.unknown_plugin", message: /it has: mine$/ });
      await assert.rejects(host.start("theirs"), { code: "host.unknown_plugin" });
      await host.startAll();
      assert.equal(await host.get("mine").ping(), "pong");
    } finally {
      await host.close();
    }
    assert.deepEqual([await startsOf(folder, "mine"), await startsOf(folder, "theirs")], [1, 0]);
  });
});

test("A3: openHost() and openExecutor() refuse an unknown host", async () => {
  const config = { hosts: { first: { plugins: [] }, second: { plugins: [] } } };
  await assert.rejects(openHost("third", { config }), { code: "discover.unknown_host", message: /it has: first, second$/ });
  await assert.rejects(openExecutor({ config, hosts: ["first", "third"] }), { code: "discover.unknown_host" });
});
