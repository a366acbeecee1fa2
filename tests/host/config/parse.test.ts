/**
 * Row A2: every key, the contract's sample as it should be and as it is printed, and unknown keys.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type HostConfig, parseConfig } from "../../../host/config/parse.ts";
import { discoverPlugins } from "../../../host/discover.ts";
import { isPluginError, openHost, type PluginLog } from "../../../host/mod.ts";
import { typescriptPlugin, withHost } from "../../support.ts";
import { EVERY_KEY, PRINTED, SHA256 } from "./right_configs.ts";

function parse(content: string): HostConfig {
  return parseConfig({ path: "/etc/plugins/config.toml", folder: "/etc/plugins", content });
}

test("A2: parseConfig() knows every key", () => {
  const config = parse(EVERY_KEY);
  assert.deepEqual([...config.plugins.keys()], ["all", "sandboxed", "attached"]);
  assert.deepEqual(config.warnings, []);
});

test("A2: every key reaches the plugin's spec: paths absolute, sums in lower case, seconds as milliseconds", () => {
  const [all, sandboxed, attached] = discoverPlugins(parse(EVERY_KEY), "main");
  assert.partialDeepStrictEqual(all, {
    name: "all",
    host: "main",
    configPath: "/etc/plugins/config.toml",
    folder: "/etc/plugins",
    stateDir: "/etc/plugins/var/state",
    allowUnverified: true,
    exec: "python3",
    execArgs: ["main.py", "--port", "8080"],
    execFile: "/etc/plugins/main.py",
    files: ["lib/**", "*.json"],
    md5: "d194b7bad208c2ddfa0ef597fd4abcc5",
    sha256: SHA256,
    startTimeoutMs: 500,
    commType: "connect",
    commPort: 8081,
    dialect: "goplugin-1",
    features: ["raw"],
    cwd: "/etc/plugins/work",
    env: { MODE: "fast", SECRET: "env://SECRET" },
    envInherit: ["HTTP_PROXY"],
    timeoutMs: 1500,
    maxPayloadBytes: 1024,
    pingTimeoutMs: 250,
    pingIntervalMs: 1000,
    restart: { max: 0, windowMs: 30_000, minDelayMs: 200, maxDelayMs: 2500 },
    idleTimeMs: 10_000,
    maxConcurrent: 2,
    role: "store",
    expose: ["greet"],
    config: { depth: { deeper: 1 } },
    stop: { shutdownMs: 100, stdinMs: 200, termMs: 300 },
    enabled: false,
    grants: { services: ["kv.*"], publish: ["item.merged"], plugins: new Map([["sandboxed", ["sign.#"]]]) },
    subscribes: ["item.#"],
    tickMs: 100,
    provides: ["store@1.2.0"],
    events: { queue: 10, overflow: "block", ackTimeoutMs: 1000, maxAttempts: 3, own: true },
    unsupported: [],
  });
  assert.deepEqual(all?.address, { kind: "tcp", url: new URL("http://127.0.0.1:8082") });
  assert.deepEqual(sandboxed?.unsupported, ["permissions"]);
  assert.equal(sandboxed?.commPort, 65535);
  assert.partialDeepStrictEqual(attached, {
    pingIntervalMs: 5000,
    pingTimeoutMs: 2000,
    restart: { max: Infinity, windowMs: 60_000, minDelayMs: 100, maxDelayMs: 5000 },
    idleTimeMs: undefined,
    maxConcurrent: undefined,
    config: undefined,
    grants: { services: [], publish: [], plugins: new Map() },
    events: { queue: 100, overflow: "drop-newest", ackTimeoutMs: 2000, maxAttempts: 5, own: true },
  });
  assert.deepEqual(attached?.attach, { kind: "unix", path: "/run/attached.sock" });
});

test("A2: the contract's sample, its quote closed, has 3 plugins and 2 hosts and no warning", () => {
  const config = parse(PRINTED.replace("b@test.com", 'b@test.com"'));
  assert.deepEqual([...config.plugins.keys()], ["name_1", "name_2", "name_3"]);
  assert.deepEqual([...config.hosts], [["host_1", ["name_1", "name_2"]], ["host_2", ["name_3"]]]);
  assert.deepEqual(config.warnings, []);
  const specs = [...discoverPlugins(config, "host_1"), ...discoverPlugins(config, "host_2")];
  const shown = specs.map(({ commType, commPort, startTimeoutMs }) => [commType, commPort, startTimeoutMs]);
  assert.deepEqual(shown, [["grpc", 8080, 10_000], ["rest", 8081, 10_000], ["nano", 8082, 20_000]]);
});

test("A2: the contract's sample as printed fails with line, column and caret", () => {
  for (const [text, lineEnd] of [[PRINTED, "\n"], [PRINTED.replaceAll("\n", "\r\n"), "\r\n"]] as const) {
    assert.throws(() => parse(text), (error) => {
      assert.ok(isPluginError(error));
      assert.equal(error.code, "config.invalid", lineEnd);
      assert.match(error.message, /^The configuration "\/etc\/plugins\/config\.toml" is not valid TOML at line 7, column 18: /);
      const lines = error.message.split("\n");
      const shown = lines.findIndex((line) => line.includes('"b|b@test.com'));
      const caret = lines[shown + 1] ?? "";
      assert.equal(caret.trim(), "^");
      // Under the end of the line whose quote is open, where the parser gave up.
      assert.equal(caret.indexOf("^"), lines[shown]?.trimEnd().length);
      return true;
    });
  }
});

test("A2: a plugin table that stands twice is a syntax error with its line", () => {
  assert.throws(() => parse('[plugins.a]\nexec = "./a"\n[plugins.a]\nexec = "./b"\n'), { code: "config.invalid", message: /line 3/ });
});

test("A2: an unknown key warns with the nearest known one, at every depth, through onLog", async () => {
  const records: PluginLog[] = [];
  const config = {
    plugin: {},
    meta: { autor: "A" },
    settings: { allow_unverifed: false },
    events: { quee: 1 },
    plugins: {
      a: { exec: "./a", exec_arg: [], stop: { trem: 1 }, restart: { mx: 1 }, events: { over_flow: "block" }, grants: { service: [] } },
    },
    hosts: { test: { plugin: [] } },
  };
  await (await openHost("test", { config, onLog: (record) => records.push(record) })).close();
  const unknown = records.filter(({ message }) => message.includes("not a known key"));
  const shown = unknown.map(({ message }) => `${message.split(" ")[0]} → ${message.split('"')[1]}`).sort();
  assert.deepEqual(shown, [
    "events.quee → queue",
    "hosts.test.plugin → plugins",
    "meta.autor → author",
    "plugin → plugins",
    "plugins.a.events.over_flow → overflow",
    "plugins.a.exec_arg → exec_args",
    "plugins.a.grants.service → services",
    "plugins.a.restart.mx → max",
    "plugins.a.stop.trem → term",
    "settings.allow_unverifed → allow_unverified",
  ]);
  assert.ok(unknown.every(({ level, values, plugin }) => level === "warn" && values["code"] === "config.invalid" && plugin === ""));
});

test("A2: free tables have no unknown keys: env, config, permissions, grants.plugins", () => {
  const { warnings } = parse(`[plugins.a]
exec = "./a"
env = { anything = "1" }
config = { anything = 1 }
permissions = { anything = 1 }
grants = { plugins = { anything = [] } }
`);
  assert.deepEqual(warnings.filter(({ message }) => message.includes("not a known key")), []);
});

test("A2: comm_type nano parses and opens, and is an error only when a caller is asked for", async () => {
  await withHost({ nano: { ...typescriptPlugin("tests/fixtures/plain.ts"), comm_type: "nano" } }, async (host) => {
    assert.equal(host.rejected.size, 0);
    assert.equal(host.get("nano").state.kind, "idle");
    await assert.rejects(host.get("nano").ping(), { code: "caller.unknown_comm_type" });
  });
});
