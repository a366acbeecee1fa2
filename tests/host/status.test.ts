/**
 * Row C18: what an operator sees of each plugin, without its secrets.
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { maskedConfig } from "../../host/config/masked.ts";
import { languageSkip } from "../languages.ts";
import { pythonPlugin, typescriptPlugin, withHost } from "../support.ts";
import { reached } from "./process/observe.ts";

const lively = typescriptPlugin("tests/fixtures/lively.ts");
const plain = pythonPlugin("tests/fixtures/process/plain.py");

test(
  "C18: name, version, type, wire, state, pid, start, restarts and last exit of each plugin",
  { skip: languageSkip("python") },
  async () => {
    await withHost({ lively: { ...lively, socket: true }, plain, off: { ...plain, enabled: false } }, async (host) => {
      assert.deepEqual(host.plugins, [
        { name: "lively", commType: "rest", state: { kind: "idle" }, restarts: 0 },
        { name: "plain", commType: "rest", state: { kind: "idle" }, restarts: 0 },
        { name: "off", commType: "rest", state: { kind: "inactive" }, restarts: 0 },
      ]);
      const before = Date.now();
      await host.startAll();
      const handle = host.get("lively");
      await handle.exec("lively.pid"); // By then it has told its version.
      const [first, second] = host.plugins;
      assert.partialDeepStrictEqual(first, { name: "lively", version: "1.2.3", commType: "rest", wire: "socket", restarts: 0 });
      assert.deepEqual(first?.state, { kind: "ready", pid: first?.pid, launch: 1 });
      assert.ok(first?.startedAt instanceof Date && first.startedAt.getTime() >= before);
      assert.deepEqual(second, {
        ...second,
        name: "plain",
        commType: "rest",
        restarts: 0,
        state: { kind: "ready", pid: second?.pid, launch: 1 },
      });
      assert.ok(!("version" in (second ?? {})) && !("wire" in (second ?? {})) && !("lastExit" in (second ?? {})));
      process.kill(first?.pid ?? 0, "SIGKILL");
      await reached(handle, "restarting");
      await reached(handle, "ready");
      const [again] = host.plugins;
      assert.deepEqual(again?.state, { kind: "ready", pid: again?.pid, launch: 2 });
      assert.notEqual(again?.pid, first?.pid);
      assert.equal(again?.restarts, 1);
      assert.partialDeepStrictEqual(again?.lastExit, { code: null, signal: "SIGKILL" });
      assert.ok((again?.startedAt ?? 0) > (first?.startedAt ?? 0));
    });
  },
);

test("C18: config is shown with its secrets as ***, and cannot be changed from outside", async () => {
  const config = { url: "postgres://db", password: "hunter2", list: [1], key: "env://TOKEN" };
  await withHost({ lively: { ...lively, config }, text: { ...lively, config: "env://ALL" }, none: lively }, async (host) => {
    const shown = host.plugins.map((plugin) => plugin.config);
    assert.deepEqual(shown, [{ url: "postgres://db", password: "***", list: [1], key: "***" }, "***", undefined]);
    assert.ok(!("config" in (host.plugins[2] ?? {})));
    (shown[0] as { list: number[] }).list.push(2);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(await host.get("lively").exec("lively.config"))), config);
    assert.ok(!JSON.stringify(host.plugins).includes("hunter2"));
  });
});

test("C18: keys that name a secret, in any spelling, whatever stands under them", () => {
  const secret = [
    ...["password", "Password", "PASSWORD", "dbPassword", "db_password", "dbpasswd", "passphrase", "pass", "pwd", "DB_PWD"],
    ...["secret", "clientSecret", "secretAccessKey", "token", "accessTokens", "GITHUB_TOKEN", "key", "keys", "apiKey", "apikey", "API-KEY"],
    ...["privateKey", "awsAccessKeyID", "credential", "Credentials", "auth", "Authorization", "cookie", "sentryDSN"],
  ];
  for (const key of secret) {
    for (const value of ["x", 1, true, null, ["x"], { x: "y" }]) assert.deepEqual(maskedConfig({ [key]: value }), { [key]: "***" }, key);
  }
  const plainKeys = [
    "url",
    "keyboard",
    "monkey",
    "author",
    "authors",
    "passing",
    "compass",
    "bypass",
    "user",
    "path",
    "",
    "lang",
    "__proto__",
  ];
  for (const key of plainKeys) {
    const table = Object.fromEntries([[key, "x"]]);
    assert.deepEqual(maskedConfig(table), table, key);
  }
});

test("C18: values that stand elsewhere, or have a password in them, at every depth", () => {
  const config = {
    a: { b: [{ c: "env://X" }, "file:///etc/secret", "plain"], token: { d: 1 } },
    url: "postgres://ann:hunter2@db:5432/x",
    open: "https://ann@example.org/a:b@c",
    at: new Date(0),
    n: 1.5,
    flag: false,
  };
  assert.deepEqual(maskedConfig(config), {
    a: { b: [{ c: "***" }, "***", "plain"], token: "***" },
    url: "***",
    open: "https://ann@example.org/a:b@c",
    at: "1970-01-01T00:00:00.000Z",
    n: 1.5,
    flag: false,
  });
  assert.equal(maskedConfig("anything, since nobody knows what is in it"), "***");
  assert.deepEqual(maskedConfig({}), {});
});
