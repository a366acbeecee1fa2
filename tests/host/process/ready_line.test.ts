/**
 * Row A6: what a ready line on stdout may say, and what is no ready line.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { PluginLog } from "../../../host/mod.ts";
import { languageSkip } from "../../languages.ts";
import { assertNoneLeft, pythonPlugin, withFolder, withHost } from "../../support.ts";
import { startError } from "./observe.ts";

const skip = languageSkip("python");
const saysReady = (line: string) => pythonPlugin("tests/fixtures/process/says_ready.py", [line]);

/** Lines that name another port than the one given, on which alone the plugin can be found. */
const good = [
  '{"polyplug":1,"comm_type":"rest","address":"http://127.0.0.1:{other}"}',
  '{"polyplug":1,"comm_type":"rest","address":"http://127.0.0.1:{other}/"}',
  '{"polyplug":1,"comm_type":"rest","address":"http://localhost:{other}"}',
  '{ "address" : "http://127.0.0.1:{other}" , "comm_type" : "rest" , "polyplug" : 1 }',
  '{"polyplug":1,"comm_type":"rest","address":"http://127.0.0.1:{other}","pid":{pid},"extra":{"address":"x"},"__proto__":{"a":1}}\r',
];

for (const line of good) {
  test(`A6: the ready line ${line.trim()} says where the plugin listens`, { skip }, async () => {
    const logs: PluginLog[] = [];
    await withHost({ plugin: saysReady(line) }, async (host) => {
      assert.equal(await host.get("plugin").ping(), "pong");
      assert.deepEqual(logs.filter(({ message }) => message.includes("polyplug")), [], "a ready line is not output");
    }, { onLog: (record) => void logs.push(record) });
  });
}

test("A6: a ready line may name a Unix socket", { skip }, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "socket");
    await withHost({ plugin: pythonPlugin("tests/fixtures/process/on_unix.py", [path]) }, async (host) => {
      assert.equal(await host.get("plugin").ping(), "pong");
    });
  });
});

test("A6: an address in the configuration says where the plugin listens, a Unix socket too", { skip }, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "socket");
    const plugin = { ...pythonPlugin("tests/fixtures/process/on_unix.py", [path]), address: `unix:${path}` };
    await withHost({ plugin }, async (host) => assert.equal(await host.get("plugin").ping(), "pong"));
  });
});

/** Lines that fail the start, and what is said of each. */
const bad: readonly [line: string, code: string, said: RegExp][] = [
  ['{"polyplug":1,"comm_type":"grpc","address":"http://127.0.0.1:{other}"}', "ready.bad_line", /it serves "grpc", .* "rest"/],
  ['{"polyplug":1,"address":"http://127.0.0.1:{other}"}', "ready.bad_line", /it serves ""/],
  ['{"polyplug":1,"comm_type":7,"address":"http://127.0.0.1:{other}"}', "ready.bad_line", /it serves ""/],
  ['{"polyplug":1,"comm_type":"rest"}', "ready.bad_line", /address is undefined/],
  ['{"polyplug":1,"comm_type":"rest","address":4711}', "ready.bad_line", /address is undefined/],
  [
    '{"polyplug":1,"comm_type":"rest","address":"http://192.0.2.1:{other}"}',
    "ready.bad_line",
    /192\.0\.2\.1.* not on this machine's loopback/,
  ],
  ['{"polyplug":1,"comm_type":"rest","address":"http://127.0.0.1.example.com:{other}"}', "ready.bad_line", /loopback/],
  ['{"polyplug":1,"comm_type":"rest","address":"http://127.0.0.1@192.0.2.1:{other}"}', "ready.bad_line", /127\.0\.0\.1@192/],
  ['{"polyplug":1,"comm_type":"rest","address":"https://127.0.0.1:{other}"}', "ready.bad_line", /neither an http URL/],
  ['{"polyplug":1,"comm_type":"rest","address":"http://127.0.0.1:0"}', "ready.bad_line", /neither an http URL/],
  ['{"polyplug":1,"comm_type":"rest","address":"unix:socket"}', "ready.bad_line", /neither an http URL/],
  ['{"polyplug":1,"comm_type":"rest","address":"127.0.0.1:{other}"}', "ready.bad_line", /neither an http URL/],
  ['{"polyplug":2,"comm_type":"rest","address":"http://127.0.0.1:{other}"}', "ready.protocol", /version 2 .* version 1/],
  ['{"polyplug":0}', "ready.protocol", /version 0 .* version 1/],
];

for (const [line, code, said] of bad) {
  test(`A6: the ready line ${line} is ${code}, and no process is left`, { skip }, async () => {
    await withHost({ plugin: { ...saysReady(line), start_timeout: 60 } }, async (host, marker) => {
      const error = await startError(host, "plugin");
      assert.equal(error.code, code, error.message);
      assert.match(error.message, said);
      await assertNoneLeft(marker);
    });
  });
}

test("A6: a plugin that says another version and exits is ready.protocol, not ready.exited", { skip }, async () => {
  await withHost({ plugin: pythonPlugin("tests/fixtures/process/says_version.py") }, async (host, marker) => {
    const error = await startError(host, "plugin");
    assert.equal(error.code, "ready.protocol", error.message);
    assert.match(error.message, /version 7 .* version 1/);
    await assertNoneLeft(marker);
  });
});

/** Lines that look like a ready line and are none: the plugin is found at its port, and the line is in the log. */
const ordinary = [
  '{"status":"ready","address":"http://192.0.2.1:1"}',
  '{"polyplug":"1","comm_type":"grpc"}',
  '{"polyplug":null}',
  '{"level":"info","polyplug.version":1}',
  '{"polyplug":1,"comm_type":"grpc"',
  'ready {"polyplug":1,"comm_type":"grpc"}',
  '[{"polyplug":1,"comm_type":"grpc"}]',
  '{"nested":{"polyplug":1,"comm_type":"grpc"}}',
];

for (const line of ordinary) {
  test(`A6: ${line} is only a line of the log`, { skip }, async () => {
    const logs: PluginLog[] = [];
    await withHost({ plugin: saysReady(line) }, async (host) => {
      assert.equal(await host.get("plugin").ping(), "pong");
      const { level, plugin, values } = logs.find(({ message }) => message === line) ?? {};
      assert.deepEqual({ level, plugin, values }, { level: "info", plugin: "plugin", values: { stream: "stdout" } });
    }, { onLog: (record) => void logs.push(record) });
  });
}
