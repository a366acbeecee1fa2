/**
 * Row A7: other programs where the plugin should listen. They get neither its token nor a call, and are not taken for it.
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openHost, type PluginLog } from "../../../host/mod.ts";
import { languageSkip } from "../../languages.ts";
import { assertNoneLeft, bytes, configOf, pythonPlugin, text, withFolder, withHost } from "../../support.ts";
import { reached, startError } from "./observe.ts";
import { type Claims, openControl, openStandIn } from "./stand_in.ts";

const skip = languageSkip("python");
const plain = pythonPlugin("tests/fixtures/process/plain.py");
const cedesPort = (times: number, pauseS: number) => pythonPlugin("tests/fixtures/process/cedes_port.py", [String(times), String(pauseS)]);

const IDENTITY = "1; features=cancel,event,init,info,raw,shutdown,stream";
const nonceOf = (request: string) => /x-polyplug-nonce: (\w+)/i.exec(request)?.[1] ?? "";
const plainPong: Claims = () => ({});

const hasIpv6 = Object.values(networkInterfaces()).flat().some((entry) => entry?.address === "::1");

/** Where a fixed port can come from, and where the other program listens. */
const taken: readonly [title: string, address: string, plugin: (port: number) => Record<string, unknown>][] = [
  ["comm_port", "127.0.0.1", (port) => ({ ...plain, comm_port: port })],
  ["a port in exec_args", "127.0.0.1", (port) => pythonPlugin("tests/fixtures/process/plain.py", [`--port=${port}`])],
  ["address", "127.0.0.1", (port) => ({ ...plain, address: `http://127.0.0.1:${port}` })],
  ["address with another loopback address", "127.0.0.2", (port) => ({ ...plain, address: `http://127.0.0.2:${port}` })],
  ["comm_port, the other program on ::1", "::1", (port) => ({ ...plain, comm_port: port })],
];

for (const [title, address, plugin] of taken) {
  const skipped = address === "::1" && !hasIpv6 ? "this machine has no ::1" : skip;
  test(`A7: another program on the port of ${title} is ready.port_taken, and nothing is spawned`, { skip: skipped }, async () => {
    const other = await openStandIn(plainPong, 0, address);
    const logs: PluginLog[] = [];
    try {
      await withHost({ plugin: plugin(other.port) }, async (host, marker) => {
        const error = await startError(host, "plugin");
        assert.equal(error.code, "ready.port_taken");
        assert.match(error.message, new RegExp(`port ${other.port} of ${address}`));
        assert.deepEqual(logs, []);
        await assertNoneLeft(marker);
      }, { onLog: (record) => void logs.push(record) });
      assert.equal(other.received(), "");
    } finally {
      await other.close();
    }
  });
}

test("A7: the port is usable again once the other program has gone", { skip }, async () => {
  const other = await openStandIn(plainPong);
  await withHost({ plain: { ...plain, comm_port: other.port } }, async (host) => {
    await assert.rejects(host.get("plain").ping(), { code: "ready.port_taken" });
    await other.close();
    assert.equal(await host.get("plain").ping(), "pong");
  });
});

test("A7: of two plugins with one comm_port, started at once, one runs and the other is ready.port_taken", { skip }, async () => {
  const free = await openStandIn(plainPong);
  await free.close();
  const plugin = { ...plain, comm_port: free.port };
  await withHost({ one: plugin, two: plugin }, async (host) => {
    const results = await Promise.allSettled(["one", "two"].map((name) => host.start(name)));
    const codes = results.map((result) => result.status === "rejected" ? result.reason.code : "ready").sort();
    assert.deepEqual(codes, ["ready", "ready.port_taken"]);
    assert.deepEqual(host.plugins.map(({ state }) => state.kind).sort(), ["idle", "ready"]);
  });
});

/** What a program in the plugin's place may claim in its answers to ping. */
const forged: readonly [title: string, claims: Claims][] = [
  ["with x-polyplug and a wrong proof", () => ({ "x-polyplug": IDENTITY, "x-polyplug-proof": "0".repeat(64) })],
  ["with x-polyplug and the nonce as proof", (request) => ({ "x-polyplug": IDENTITY, "x-polyplug-proof": nonceOf(request) })],
  ["with x-polyplug and an empty proof", () => ({ "x-polyplug": IDENTITY, "x-polyplug-proof": "" })],
  ["with x-polyplug and no proof", () => ({ "x-polyplug": IDENTITY })],
];

for (const [title, claims] of forged) {
  test(`A7: a program that takes the free port and answers ${title} is ready.impostor and gets no token`, { skip }, async () => {
    const control = await openControl(claims);
    try {
      await withHost({ plugin: { ...cedesPort(9, 60), env: { CONTROL: control.address } } }, async (host, marker) => {
        assert.equal((await startError(host, "plugin")).code, "ready.impostor");
        await assertNoneLeft(marker);
      });
      for (const [index, standIn] of control.standIns.entries()) {
        assert.match(standIn.received(), /^GET \/ping /, "it was never asked");
        assert.doesNotMatch(standIn.received(), /authorization|POST /i);
        assert.ok(!standIn.received().includes(control.tokens[index] ?? "-"));
      }
      assert.ok(control.standIns.length > 0);
    } finally {
      await control.close();
    }
  });
}

for (const [title, claims] of [["nothing", plainPong], ["a proof alone", () => ({ "x-polyplug-proof": "0".repeat(64) })]] as const) {
  test(`A7: a program that takes the free port and answers pong, claiming ${title}, gets no token, and goes with the plugin's exit`, {
    skip,
  }, async () => {
    const control = await openControl(claims);
    try {
      await withHost({ plugin: { ...cedesPort(2, 0.3), env: { CONTROL: control.address } } }, async (host) => {
        const handle = host.get("plugin");
        for (let tries = 0; tries < 3 && await handle.exec("test.pid").then(() => false, () => true); tries++) {
          await reached(handle, "idle");
        }
        assert.equal(String(host.plugins[0]?.pid), text(await handle.exec("test.pid")));
      }, { supervise: false });
      for (const [index, standIn] of control.standIns.entries()) {
        assert.doesNotMatch(standIn.received(), /authorization/i);
        assert.ok(!standIn.received().includes(control.tokens[index] ?? "-"));
      }
      assert.equal(control.standIns.length, 2);
    } finally {
      await control.close();
    }
  });
}

/** How often the port is ceded, what becomes of the start, and how many launches there are. */
const retries: readonly [times: number, outcome: string, launches: number][] = [[0, "ready", 1], [1, "ready", 2], [2, "ready", 3], [
  3,
  "ready.exited",
  3,
]];

for (const [times, outcome, launches] of retries) {
  test(`A7: a plugin whose free port is taken ${times} times is ${outcome} after ${launches} launches`, { skip }, async () => {
    const control = await openControl(undefined);
    try {
      await withFolder(async (folder) => {
        const plugin = { ...cedesPort(times, 0), env: { CONTROL: control.address } };
        await using host = await openHost("test", { config: configOf({ plugin }, folder) });
        const code = await host.start("plugin").then(() => "ready", (error) => error.code);
        assert.equal(code, outcome);
        assert.equal(await readFile(join(folder, "data", "test", "plugin", "launches"), "utf8"), "x".repeat(launches));
        assert.equal(new Set(control.standIns.map(({ port }) => port)).size, times, "each time another port");
      });
    } finally {
      await control.close();
    }
  });
}

test("A7: a plugin that exits while its free port is still free gets no other one", { skip }, async () => {
  const logs: PluginLog[] = [];
  await withHost({ early: pythonPlugin("tests/fixtures/process/early_exit.py", ["1"]) }, async (host) => {
    assert.equal((await startError(host, "early")).code, "ready.exited");
    assert.equal(logs.filter(({ message }) => message === "out 1").length, 1);
  }, { onLog: (record) => void logs.push(record) });
});

test("A7: a plugin whose comm_port is taken between check and bind gets no other one", { skip }, async () => {
  const free = await openStandIn(plainPong);
  await free.close();
  const control = await openControl(undefined);
  try {
    await withHost({ plugin: { ...cedesPort(9, 0), comm_port: free.port, env: { CONTROL: control.address } } }, async (host) => {
      const error = await startError(host, "plugin");
      assert.equal(error.code, "ready.exited");
      assert.match(error.message, /cannot listen/);
      assert.equal(control.standIns.length, 1);
    });
  } finally {
    await control.close();
  }
});

test("A7: after a restart on the same port by somebody else, no call carries the old token there", { skip }, async () => {
  await withHost({ plain }, async (host) => {
    await host.start("plain");
    const args: string[] = JSON.parse(new TextDecoder().decode(await host.get("plain").exec("test.args")));
    await host.stop("plain");
    const other = await openStandIn(plainPong, Number(args.at(-1)));
    try {
      await assert.rejects(host.get("plain").exec("test.echo", bytes("secret")), { code: "host.stopped" });
      await host.start("plain");
      await host.get("plain").exec("test.pid");
      assert.equal(other.connections(), 0);
    } finally {
      await other.close();
    }
  });
});
