/**
 * Row B12, the plugin's half: what each thing that a client may do with the framed socket comes to.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { unitService } from "../unit.ts";
import { PluginError } from "../../../protocol/errors.ts";
import { proofFromToken } from "../../../protocol/proof.ts";
import { openSocketServer } from "../../../protocol/socket/server.ts";
import { KIND } from "../../../protocol/socket/wire.ts";
import { bytes } from "../../support.ts";
import { hello, said, sendCall, withSocketServer } from "./peers.ts";

const TOKEN = "0123456789abcdef".repeat(4);
const echo = (payload: Uint8Array) => payload;

test("B12: the server lists its features, and proves that it holds the token", async () => {
  await withSocketServer({ echo }, async (connect) => {
    assert.deepEqual(await hello(await connect()), { polyplug: 1, features: ["cancel", "info", "init", "raw", "shutdown", "stream"] });
    const nonce = "ab".repeat(16);
    assert.equal((await hello(await connect(), { nonce }))["proof"], await proofFromToken(TOKEN, nonce));
  }, { token: TOKEN });
});

test("B12: calls without the token, or with another, are refused and not run; with it they are run", async () => {
  let runs = 0;
  await withSocketServer({ echo: (payload) => (runs++, payload) }, async (connect) => {
    const wire = await connect();
    await hello(wire);
    sendCall(wire, 1, "echo");
    assert.deepEqual(said(await wire.next()), [1, "exec.unauthenticated"]);
    for (const token of ["", TOKEN.slice(1), `${TOKEN}0`, "f".repeat(64)]) {
      wire.send((batch) => batch.addHello({ token }));
      sendCall(wire, 3, "echo");
      assert.deepEqual(said(await wire.next()), [3, "exec.unauthenticated"]);
    }
    assert.equal(runs, 0);
    wire.send((batch) => batch.addHello({ token: TOKEN }));
    sendCall(wire, 5, "echo", bytes("in"));
    assert.deepEqual(said(await wire.next()), [5, "in"]);
  }, { token: TOKEN });
});

test("B12: without the token large frames are not kept", async () => {
  await withSocketServer({ echo }, async (connect) => {
    const wire = await connect();
    await hello(wire);
    sendCall(wire, 1, "echo", new Uint8Array(20_000));
    assert.deepEqual(said(await wire.next()), [1, "exec.unauthenticated"]);
  }, { token: TOKEN, maxPayloadBytes: 1 << 20 });
});

test("B12: a host that is not listed is told so, and the connection ends", async () => {
  await withSocketServer({ echo }, async (connect) => {
    const wire = await connect();
    assert.deepEqual((await hello(wire, { host: "other" }))["error"], {
      code: "exec.forbidden",
      message: 'Host "other" is not among the hosts of this plugin: app',
    });
    await wire.closed;
    assert.equal((await hello(await connect()))["polyplug"], 1);
  }, { hosts: ["app"] });
});

test("B12: calls run at once, and are answered as they end", async () => {
  const gate = Promise.withResolvers<void>();
  await withSocketServer({ slow: (payload) => gate.promise.then(() => payload), echo }, async (connect) => {
    const wire = await connect();
    await hello(wire);
    sendCall(wire, 1, "slow", bytes("late"));
    sendCall(wire, 3, "echo", bytes("soon"));
    assert.deepEqual(said(await wire.next()), [3, "soon"]);
    gate.resolve();
    assert.deepEqual(said(await wire.next()), [1, "late"]);
  });
});

test("B12: failures have their codes", async () => {
  const commands = {
    fail: () => {
      throw new PluginError("hello.refused", "No");
    },
    late: () => Promise.reject(new Error("Oh")),
    wrong: () => "text" as unknown as Uint8Array,
    never: () => new Promise<never>(() => {}),
  };
  await withSocketServer(commands, async (connect) => {
    const wire = await connect();
    await hello(wire);
    for (
      const [command, code] of [["fail", "hello.refused"], ["late", "exec.failed"], ["wrong", "exec.failed"], [
        "no",
        "exec.unknown_command",
      ]]
    ) {
      sendCall(wire, 1, command ?? "");
      assert.deepEqual(said(await wire.next()), [1, code]);
    }
    sendCall(wire, 1, "never", bytes(""), 20);
    assert.deepEqual(said(await wire.next()), [1, "exec.timeout"]);
    wire.send((batch) => batch.add(KIND.call, 1, bytes("too short")));
    assert.deepEqual(said(await wire.next()), [1, "exec.bad_request"]);
    wire.send((batch) => batch.add(KIND.ping, 9));
    assert.deepEqual(said(await wire.next()), [9, `kind ${KIND.pong}`]);
  });
});

test("B12: a payload of the limit passes, a larger one is refused, and the connection goes on", async () => {
  await withSocketServer({ size: (payload) => bytes(String(payload.length)) }, async (connect) => {
    const wire = await connect();
    await hello(wire);
    for (const [size, answer] of [[1024, "1024"], [1025, "exec.too_large"], [1 << 20, "exec.too_large"], [3, "3"]] as const) {
      sendCall(wire, 1, "size", new Uint8Array(size));
      assert.deepEqual(said(await wire.next()), [1, answer], String(size));
    }
  });
});

test("B12: cancel, and the end of the connection, fire the handler's signal", async () => {
  const fired: string[] = [];
  const running = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const hang = (payload: Uint8Array, { signal }: { signal: AbortSignal }) => {
    signal.addEventListener("abort", () => {
      fired.push(`${new TextDecoder().decode(payload)} ${signal.reason.code}`);
      if (fired.length === 2) gone.resolve();
    });
    if (payload[0] === 98) running.resolve();
    return new Promise<never>(() => {});
  };
  await withSocketServer({ hang, echo }, async (connect) => {
    const wire = await connect();
    await hello(wire);
    sendCall(wire, 1, "hang", bytes("a"));
    sendCall(wire, 3, "hang", bytes("b"));
    await running.promise;
    wire.send((batch) => batch.add(KIND.cancel, 1));
    assert.deepEqual(said(await wire.next()), [1, "exec.cancelled"]);
    wire.socket.destroy();
    await gone.promise;
    assert.deepEqual(fired, ["a exec.cancelled", "b exec.cancelled"]);
    const other = await connect();
    await hello(other);
    sendCall(other, 1, "echo", bytes("well"));
    assert.deepEqual(said(await other.next()), [1, "well"]);
  });
});

for (
  const [what, frame] of [
    ["HTTP", bytes("GET /ping HTTP/1.1\r\nhost: localhost\r\n\r\n")],
    ["a call before hello", new Uint8Array([0, 0, 0, 6, KIND.call, 0, 0, 0, 1, 0])],
    ["a hello that is no JSON", new Uint8Array([0, 0, 0, 6, KIND.hello, 0, 0, 0, 0, 123])],
    ["a hello of version 7", new Uint8Array([0, 0, 0, 19, KIND.hello, 0, 0, 0, 0, ...bytes('{"polyplug":7}')])],
    ["a hello of 1 MiB", new Uint8Array([0, 16, 0, 0, KIND.hello, 0, 0, 0, 0])],
    ["a frame that only plugins send", new Uint8Array([0, 0, 0, 5, KIND.pong, 0, 0, 0, 1])],
  ] as const
) {
  test(`B12: ${what} ends the connection with the reason, and other connections go on`, async () => {
    await withSocketServer({ echo }, async (connect) => {
      const well = await connect();
      await hello(well);
      const wire = await connect();
      wire.raw(frame);
      assert.deepEqual(said(await wire.next()), [0, "exec.bad_request"]);
      await wire.closed;
      sendCall(well, 1, "echo", bytes("on"));
      assert.deepEqual(said(await well.next()), [1, "on"]);
    });
  });
}

test("B12: two open calls of one id end the connection, since their answers could not be told apart", async () => {
  await withSocketServer({ hang: () => new Promise<never>(() => {}) }, async (connect) => {
    const wire = await connect();
    await hello(wire);
    sendCall(wire, 1, "hang");
    sendCall(wire, 1, "hang");
    assert.deepEqual(said(await wire.next()), [0, "exec.bad_request"]);
    await wire.closed;
  });
});

test("B12: while stopping, open calls are answered and new ones are exec.unavailable", async () => {
  const gate = Promise.withResolvers<void>();
  await withSocketServer({ slow: (payload) => gate.promise.then(() => payload), echo }, async (connect, dispatcher, close) => {
    const wire = await connect();
    await hello(wire);
    sendCall(wire, 1, "slow", bytes("done"));
    wire.send((batch) => batch.add(KIND.ping, 9));
    await wire.next();
    const drained = dispatcher.drain();
    sendCall(wire, 3, "echo");
    assert.deepEqual(said(await wire.next()), [3, "exec.unavailable"]);
    gate.resolve();
    await drained;
    const closing = close();
    assert.deepEqual(said(await wire.next()), [1, "done"]);
    await closing;
    await wire.closed;
  });
});

test("B12: who does not read the answers cannot make the plugin keep them without end", async () => {
  let runs = 0;
  const size = 1 << 20;
  await withSocketServer({ fill: () => (runs++, new Uint8Array(size)) }, async (connect) => {
    const wire = await connect();
    await hello(wire);
    wire.socket.pause();
    const payload = new Uint8Array(64 * 1024); // So that a few calls come at a time: those that are there already are run.
    for (let id = 1; id < 201; id += 2) sendCall(wire, id, "fill", payload);
    await new Promise((resolve) => setTimeout(resolve, 150)); // Time in which all of them could be run.
    assert.ok(runs < 50, `${runs} of 100 calls were run`);
    wire.socket.resume();
    for (let count = 0; count < 100; count++) assert.equal((await wire.next()).body.length, size);
    assert.equal(runs, 100);
  }, { maxPayloadBytes: size });
});

test("B12: the socket is in a folder of its own that only its user can enter, and close() takes both away", async () => {
  const server = await openSocketServer(unitService({ echo }).service);
  const path = server.address.slice("unix:".length);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  assert.ok(path.length < 104, `${path} is too long for a socket`);
  await server.close();
  assert.equal(existsSync(dirname(path)), false);
});
