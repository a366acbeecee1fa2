/**
 * Row B1 through the host: both dialects between our own two sides, and what is said of a peer that speaks the other one.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openHost, type PluginHandle, type PluginLog } from "../../../host/mod.ts";
import { execResponse } from "../../protocol/grpc/messages.ts";
import { respond, withGrpcPeer } from "../../protocol/grpc/http2_peer.ts";
import { rawAnswer, withPeer } from "../../protocol/rest/raw_http.ts";
import { bytes, configOf, text, typescriptPlugin, withFolder, withHost } from "../../support.ts";

const ALL = Uint8Array.from({ length: 256 }, (_, i) => i);
const SURVIVES = new Uint8Array([0xff, 0x00, 0x80, 0x41]);

const dialects: readonly (readonly [config: string | undefined, args: readonly string[]])[] = [
  [undefined, []],
  [undefined, ["--dialect", "goplugin-1"]],
  ["seed", []],
  ["seed", ["--dialect", "goplugin-1"]],
  ["goplugin-1", []],
  ["goplugin-1", ["--dialect", "goplugin-1"]],
  ["goplugin-1", ["--dialect=seed"]],
];

for (const wire of ["grpc", "connect"]) {
  test(`B1: ${wire}: bytes survive whatever dialect the configuration and the plugin's command line say`, async () => {
    const plugins = dialects.map(([dialect, args], i) => {
      const plugin = { ...typescriptPlugin("tests/fixtures/workbench.ts", args), comm_type: wire };
      return [`p${i}`, dialect === undefined ? plugin : { ...plugin, dialect }] as const;
    });
    await withHost(Object.fromEntries(plugins), async (host) => {
      await host.startAll();
      for (const [name] of plugins) {
        for (const payload of [SURVIVES, ALL, new Uint8Array(0), bytes("00ff"), bytes("{}")]) {
          assert.deepEqual(await host.get(name).exec("test.echo", payload), payload, name);
        }
        await assert.rejects(host.get(name).exec("test.throw", bytes('{"code":"own","message":"m"}')), { code: "own", message: "m" });
      }
    });
  });
}

/** What a peer of a third party answers to a command, given the payload's field as it came. */
type Third = (field: string) => string;

/** Calls a peer that says nothing of itself, gives what its host logged. */
async function withThird(
  wire: string,
  answer: Third,
  keys: Record<string, unknown>,
  use: (handle: PluginHandle) => Promise<void>,
): Promise<readonly PluginLog[]> {
  const records: PluginLog[] = [];
  const reply = (message: Uint8Array) => {
    const body = Uint8Array.from(message);
    const length = 2 + (body[1] ?? 0);
    return body.length === 0 ? execResponse("pong") : execResponse(answer(text(body.subarray(length + 2))));
  };
  const run = async ({ port }: { readonly port: number }) => {
    await withFolder(async (folder) => {
      const config = configOf({ third: { attach: `http://127.0.0.1:${port}`, comm_type: wire, ...keys } }, join(folder, "state"));
      const host = await openHost("test", { config, onLog: (record) => records.push(record) });
      await use(host.get("third"));
      await host.close();
    });
  };
  if (wire === "grpc") await withGrpcPeer((stream, { body }) => respond(stream, reply(body.subarray(5))), run);
  else await withPeer((socket, { body }) => socket.write(rawAnswer(200, reply(body), { "content-type": "application/proto" })), run);
  return records;
}

for (const wire of ["grpc", "connect"]) {
  test(`B1: ${wire}: a plugin of a third party is called in each dialect without a word about it`, async () => {
    const seed = await withThird(wire, (field) => field.toUpperCase(), {}, async (handle) => {
      assert.equal(text(await handle.exec("any", bytes("hello"))), "hello");
    });
    const later = await withThird(wire, (field) => field.toUpperCase(), { dialect: "goplugin-1" }, async (handle) => {
      assert.equal(text(await handle.exec("any", bytes("hello"))), "HELLO");
      assert.equal(text(await handle.exec("any", bytes("beef"))), "BEEF");
    });
    assert.deepEqual([...seed, ...later], []);
  });

  test(`B1: ${wire}: raw bytes where hex was asked for are caller.bad_response, and the hint names the dialect`, async () => {
    await withThird(wire, (field) => `Hello, ${field}!`, {}, async (handle) => {
      await assert.rejects(handle.exec("any", bytes("Ann")), { code: "caller.bad_response", hint: /dialect = "goplugin-1"/ });
    });
  });

  test(`B1: ${wire}: hex where raw bytes were asked for is given as it came, and the log names the dialect, once`, async () => {
    const records = await withThird(wire, () => "48656c6c6f2c20416e6e21", { dialect: "goplugin-1" }, async (handle) => {
      for (let i = 0; i < 3; i++) assert.equal(text(await handle.exec("greet")), "48656c6c6f2c20416e6e21");
    });
    assert.deepEqual(records.map(({ level, plugin }) => [level, plugin]), [["warn", "third"]]);
    assert.match(records[0]?.message ?? "", /"greet" is all hex digits.*dialect = "seed"/);
  });
}
