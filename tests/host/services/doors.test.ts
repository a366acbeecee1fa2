/**
 * D3: bad input at the doors that the host opens for its plugins: a typed error, a record with the plugin's name, and nothing else disturbed.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { test } from "node:test";
import type { Host, PluginLog } from "../../../host/mod.ts";
import { KIND } from "../../../protocol/socket/wire.ts";
import { bytes, text, typescriptPlugin, withHost } from "../../support.ts";
import { rawRequest, sendRaw } from "../../protocol/rest/raw_http.ts";
import { said, sendCall, type Wire, wireOf } from "../../protocol/socket/peers.ts";

interface Way {
  readonly url: string;
  readonly token: string;
  readonly socket: string;
}

const GRANTS = { services: ["kv.*", "log.*"], publish: ["item.*"], plugins: { b: ["#"] } };
const plugins = {
  a: { ...typescriptPlugin("tests/fixtures/tells_way.ts"), socket: true, grants: GRANTS, max_payload: 1024 * 1024 },
  b: { ...typescriptPlugin("tests/fixtures/agent.ts"), socket: true, max_payload: 1024 * 1024 },
};

/** Opens the host, hands over the way back of the plugin `a`, and its records. */
async function withWay(use: (way: Way, host: Host, records: readonly PluginLog[]) => Promise<void>): Promise<void> {
  const records: PluginLog[] = [];
  await withHost(plugins, async (host) => {
    await use(JSON.parse(text(await host.get("a").exec("tells.way"))), host, records);
    assert.equal(text(await host.get("b").exec("agent.echo", bytes("still there"))), "still there");
  }, { onLog: (record) => records.push(record) });
}

const portOf = ({ url }: Way) => Number(new URL(url).port);
const JSON_TYPE = { "content-type": "application/json" };
const authorization = ({ token }: Way) => ({ authorization: `Bearer ${token}` });

async function post(
  way: Way,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
  path = "/exec",
): Promise<readonly [number, string, string]> {
  const answer = await sendRaw(portOf(way), rawRequest(`POST ${path}`, { ...JSON_TYPE, ...authorization(way), ...headers }, body));
  const { code, message } = JSON.parse(answer.body);
  return [answer.status, code, message];
}

const call = (command: unknown, payload: unknown = "") => JSON.stringify({ command, payload });
const hex = (value: unknown) => [...bytes(JSON.stringify(value))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

test("D3: REST: no token, a wrong one, one of a launch that has ended, and a web page are refused", async () => {
  let ended: Way | undefined;
  await withWay(async (way, host, records) => {
    for (const headers of [{ authorization: "" }, { authorization: "Bearer 00" }, { authorization: way.token }]) {
      assert.deepEqual((await post(way, call("kv.get"), headers)).slice(0, 2), [401, "exec.unauthenticated"]);
    }
    assert.deepEqual((await post(way, call("kv.get"), { origin: "http://evil.example" })).slice(0, 2), [403, "exec.forbidden"]);
    assert.deepEqual((await post(way, call("kv.get"), { host: "evil.example" })).slice(0, 2), [403, "exec.forbidden"]);
    assert.ok(records.some(({ values }) => values["code"] === "exec.unauthenticated"));
    await host.reload("a");
    const next: Way = JSON.parse(text(await host.get("a").exec("tells.way")));
    assert.notEqual(next.token, way.token);
    const code = async () => (await post(way, call("kv.get", hex({ key: "k" }))))[1];
    for (let tries = 0; tries < 200 && await code() !== "exec.unauthenticated"; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(await code(), "exec.unauthenticated");
    ended = next;
  });
  assert.equal(existsSync(dirname((ended?.socket ?? "").slice("unix:".length))), false);
});

test("D3: REST: what is malformed, unknown or not granted has its code, and a record with the plugin's name", async () => {
  await withWay(async (way, _host, records) => {
    const cases: readonly (readonly [body: string, status: number, code: string, path?: string])[] = [
      ["{", 400, "exec.bad_request"],
      ["[]", 400, "exec.bad_request"],
      ['{"command":"kv.get"}', 400, "exec.bad_request"],
      [call("kv.get", "0"), 400, "exec.bad_request"],
      [call("kv.get", "zz"), 400, "exec.bad_request"],
      [call("kv.get", hex([])), 422, "exec.invalid_input"],
      [call("kv.get", hex({ key: "k", key2: 1 })), 202, ""],
      [call("kv.nothing"), 400, "exec.unknown_command"],
      [call("log.write", hex({ level: "loud", message: "m" })), 422, "exec.invalid_input"],
      [call("events.publish", hex({ topic: "no topic", data: "" })), 422, "exec.invalid_input"],
      [call("events.publish", hex({ topic: "other.x", data: "" })), 403, "exec.not_granted"],
      [call("events.publish", hex({ topic: "polyplug.started", data: "" })), 403, "exec.not_granted"],
      [call("settings.get"), 403, "exec.not_granted"],
      [call("polyplug.info"), 403, "exec.not_granted"],
      [call("polyplug.info"), 403, "exec.not_granted", "/plugins/b/exec"],
      [call("x"), 403, "exec.not_granted", "/plugins/a/exec"],
      [call("x"), 403, "exec.not_granted", "/plugins/__proto__/exec"],
      [call("x"), 404, "exec.not_found", "/plugins/b/ping/exec"],
      [call("constructor"), 400, "exec.unknown_command", "/plugins/b/exec"],
      ['{"command":"x","command":"kv.get","payload":"7b7d"}', 422, "exec.invalid_input"],
    ];
    for (const [body, status, code, path] of cases) {
      const found = await post(way, body, {}, path);
      assert.deepEqual([found[0], found[1] ?? ""], [status, code], `${path} ${body}: ${found}`);
    }
    assert.ok(records.some(({ plugin, level }) => plugin === "a" && level === "warn"));
  });
});

test("D3: REST: 100 MB are refused before they are kept, and the host goes on", async () => {
  await withWay(async (way) => {
    const before = process.memoryUsage().rss;
    const headers = { ...JSON_TYPE, ...authorization(way), "content-length": String(100 * 1024 * 1024) };
    const answer = await sendRaw(portOf(way), rawRequest("POST /exec", headers, new Uint8Array(8 * 1024 * 1024)));
    assert.deepEqual([answer.status, JSON.parse(answer.body).code], [413, "exec.too_large"]);
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
  });
});

/** A connection to the host's socket that has said hello with this token. */
async function knock(way: Way, token: string | undefined, use: (wire: Wire) => Promise<void>): Promise<void> {
  const socket = connect({ path: way.socket.slice("unix:".length) });
  const wire = wireOf(socket);
  wire.send((batch) => batch.addHello({ polyplug: 1, host: "a", ...(token === undefined ? {} : { token }) }));
  try {
    await use(wire);
  } finally {
    socket.destroy();
  }
}

test("D3: socket: a stranger gets an error and no connection; who may call gets typed errors and goes on", async () => {
  await withWay(async (way) => {
    for (const token of [undefined, "00"]) {
      await knock(way, token, async (wire) => assert.deepEqual(said(await wire.next()), [0, "exec.unauthenticated"]));
    }
    await knock(way, way.token, async (wire) => {
      assert.equal((await wire.next()).kind, KIND.hello);
      sendCall(wire, 1, "settings.get");
      assert.deepEqual(said(await wire.next()), [1, "exec.not_granted"]);
      sendCall(wire, 3, "kv.get", bytes("{"));
      assert.deepEqual(said(await wire.next()), [3, "exec.invalid_input"]);
      wire.send((batch) => batch.add(KIND.call, 5, new Uint8Array(2)));
      assert.deepEqual(said(await wire.next()), [5, "exec.bad_request"]);
      sendCall(wire, 7, "kv.get", bytes('{"key":"k"}'));
      assert.deepEqual(said(await wire.next()), [7, '{"value":null}']);
      sendCall(wire, 9, "kv.get", new Uint8Array(1024 * 1024 + 1));
      assert.deepEqual(said(await wire.next()), [9, "exec.too_large"]);
      for (
        const [id, command, payload] of [[11, "polyplug.info", ""], [
          13,
          "events.publish",
          '{"topic":"polyplug.started","data":""}',
        ]] as const
      ) {
        sendCall(wire, id, command, bytes(payload));
        assert.deepEqual(said(await wire.next()), [id, "exec.not_granted"]);
      }
    });
  });
});

test("D3: the socket's folder belongs to its user alone", async () => {
  await withWay(async ({ socket }) => {
    const folder = dirname(socket.slice("unix:".length));
    assert.deepEqual(readdirSync(folder), ["s"]);
    assert.equal((await import("node:fs")).statSync(folder).mode & 0o777, 0o700);
  });
});
