/**
 * Rows A8, A12 and B1 on gRPC: how calls end early on the plugin's side: the plugin stops, the host gives up, a stranger talks garbage.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { test } from "node:test";
import type { Commands } from "../../../protocol/plugin.ts";
import { bytes, measureLagMs } from "../../support.ts";
import { rawRequest } from "../rest/raw_http.ts";
import { envelope, execRequest, execResponse } from "./messages.ts";
import { dataFrames, FRAME, frame, H2, headersFrame, PREFACE, resetFrame, sendFrames, settingsFrame } from "./raw_http2.ts";
import { exec, ping, send, withServer, withSession } from "./served.ts";

const EXEC = "/plugin.Plugin/Exec";
const GRPC = {
  ":method": "POST",
  ":scheme": "http",
  ":path": EXEC,
  ":authority": "localhost",
  "content-type": "application/grpc",
  te: "trailers",
};

/** A handler that never answers, when it was entered, and how its signal fired. */
function hanging() {
  const entered = Promise.withResolvers<void>();
  const fired = Promise.withResolvers<string>();
  const hang: Commands[string] = (_payload, { signal }) => {
    signal.addEventListener("abort", () => fired.resolve(signal.reason.code));
    entered.resolve();
    return new Promise(() => {});
  };
  return { hang, entered: entered.promise, fired: fired.promise };
}

const givingUp: Readonly<Record<string, (stream: ClientHttp2Stream) => void>> = {
  "resets the stream with CANCEL": (stream) => stream.close(H2.CANCEL),
  "resets the stream with another code": (stream) => stream.close(H2.INTERNAL_ERROR),
  "closes the connection": (stream) => stream.session?.destroy(),
};

for (const [how, giveUp] of Object.entries(givingUp)) {
  test(`A12, B1: gRPC: the handler's signal fires when the host ${how}, and nothing is printed`, async () => {
    const { hang, entered, fired } = hanging();
    await withServer({ hang, echo: (payload) => payload }, async ({ port }) => {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      session.on("error", () => {});
      const stream = session.request({ ...GRPC });
      stream.on("error", () => {});
      stream.end(envelope(execRequest("hang", "")));
      await entered;
      giveUp(stream);
      assert.equal(await fired, "exec.cancelled");
      session.destroy();
      assert.equal((await exec(port, "echo", "00")).grpcStatus, "0");
    });
  });
}

test("A12, B1: gRPC: a call whose deadline has passed tells its handler, and the plugin goes on", async () => {
  const { hang, fired } = hanging();
  await withServer({ hang }, async ({ port }) => {
    const answer = await exec(port, "hang", "", { "grpc-timeout": "40m" });
    assert.deepEqual([answer.grpcStatus, answer.code], ["4", "exec.timeout"]);
    assert.equal(await fired, "exec.timeout");
  });
});

test("A8, B1: gRPC: while the plugin stops, open calls are answered and new ones are exec.unavailable", async () => {
  const gate = Promise.withResolvers<Uint8Array>();
  const entered = Promise.withResolvers<void>();
  const slow = () => (entered.resolve(), gate.promise);
  await withServer({ slow }, async ({ port, dispatcher, server }) => {
    await withSession(port, async (session) => {
      const open = send(session, EXEC, envelope(execRequest("slow", "")), { "x-payload": "raw" });
      await entered.promise;
      const drained = dispatcher.drain();
      const refusedCall = await exec(port, "slow");
      assert.deepEqual([refusedCall.grpcStatus, refusedCall.code], ["14", "exec.unavailable"]);
      assert.equal((await ping(port)).grpcStatus, "0");
      gate.resolve(bytes("done"));
      await drained;
      // As serve() does: the answer must leave although the server closes at once.
      const closed = server.close();
      const answer = await open;
      assert.deepEqual([answer.grpcStatus, answer.body], ["0", envelope(execResponse("done"))]);
      await closed;
    });
  });
});

test("A8, B1: gRPC: close() takes a bounded time with calls open, connections idle and strangers connected", async () => {
  const { hang, entered } = hanging();
  await withServer({ hang }, async ({ port, server }) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const stream = session.request({ ...GRPC });
    stream.on("error", () => {});
    stream.end(envelope(execRequest("hang", "")));
    await entered;
    const idle = connectHttp2(`http://127.0.0.1:${port}`);
    idle.on("error", () => {});
    const silent = connect({ host: "127.0.0.1", port });
    silent.on("error", () => {});
    await Promise.all([once(idle, "connect"), once(silent, "connect")]);
    const lagMs = await measureLagMs();
    const started = performance.now();
    await server.close();
    const elapsed = performance.now() - started;
    assert.ok(elapsed < 1000 + 10 * lagMs, `${elapsed} ms`);
    for (const each of [session, idle]) each.destroy();
    silent.destroy();
  });
});

const strangers: Readonly<Record<string, readonly Uint8Array[]>> = {
  "zeros": [Buffer.alloc(100)],
  "another protocol": [Buffer.from("SSH-2.0-OpenSSH_9.6\r\n".repeat(5))],
  "HTTP/1": [rawRequest("GET /ping")],
  "HTTP/1 with a body": [rawRequest("POST /exec", { "content-type": "application/json" }, '{"command":"echo","payload":"00"}')],
  "HTTP/2 and garbage after it": [PREFACE, settingsFrame(), Buffer.alloc(64, 0xff)],
  "headers that are no HPACK": [PREFACE, settingsFrame(), frame(FRAME.headers, 5, 1, Buffer.alloc(8, 0xff))],
  "data for a stream that nobody opened": [PREFACE, settingsFrame(), dataFrames(7, Buffer.from("x"), true)],
};

for (const [what, parts] of Object.entries(strangers)) {
  test(`A8, B1: gRPC: ${what} costs its own connection alone, and nothing is printed`, async () => {
    await withServer({ echo: (payload) => payload }, async ({ port }) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.on("error", () => {});
      const closed = new Promise((resolve) => socket.once("close", resolve));
      for (const part of parts) socket.write(part);
      socket.end();
      socket.resume();
      await closed;
      assert.equal((await exec(port, "echo", "00")).grpcStatus, "0");
    });
  });
}

const halves: Readonly<Record<string, readonly Uint8Array[]>> = {
  "half the preface": [PREFACE.subarray(0, 10)],
  "half the headers": [PREFACE, settingsFrame(), headersFrame(1, GRPC).subarray(0, 30)],
  "headers and no body": [PREFACE, settingsFrame(), headersFrame(1, GRPC)],
  "half a message": [PREFACE, settingsFrame(), headersFrame(1, GRPC), dataFrames(1, envelope(execRequest("echo", "00")).subarray(0, 9))],
  "a whole message without its end": [PREFACE, settingsFrame(), headersFrame(1, GRPC), dataFrames(1, envelope(execRequest("echo", "00")))],
  "a call that is reset before its end": [
    PREFACE,
    settingsFrame(),
    headersFrame(1, GRPC),
    dataFrames(1, envelope(execRequest("echo", "00"))),
    resetFrame(1, H2.CANCEL),
  ],
};

for (const [what, parts] of Object.entries(halves)) {
  test(`A8, B1: gRPC: ${what} runs nothing, costs its own connection alone, and nothing is printed`, async () => {
    let runs = 0;
    await withServer({ echo: (payload) => (runs += 1, payload) }, async ({ port }) => {
      for (const how of ["ends", "resets"]) {
        const socket = connect({ host: "127.0.0.1", port });
        socket.on("error", () => {});
        const closed = new Promise((resolve) => socket.once("close", resolve));
        await new Promise((resolve) => socket.write(Buffer.concat(parts), resolve));
        // The server's first words show that it has begun to read.
        await once(socket, "data");
        if (how === "ends") socket.end();
        else socket.resetAndDestroy();
        await closed;
      }
      assert.equal(runs, 0);
      assert.equal((await exec(port, "echo", "00")).grpcStatus, "0");
    });
  });
}

test("A8, B1: gRPC: 50 connections that break at seeded places of their calls leave the plugin whole, and nothing is printed", async () => {
  const whole = Buffer.concat([
    PREFACE,
    settingsFrame(),
    headersFrame(1, GRPC),
    dataFrames(1, envelope(execRequest("echo", "00".repeat(500))), true),
  ]);
  let seed = 20_261_121;
  const next = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
  await withServer({ echo: (payload) => payload }, async ({ port }) => {
    await Promise.all(Array.from({ length: 50 }, async () => {
      const cut = 1 + next(whole.length - 1);
      const isReset = next(2) === 0;
      const socket = connect({ host: "127.0.0.1", port });
      socket.on("error", () => {}).resume();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await new Promise((resolve) => socket.write(whole.subarray(0, cut), resolve));
      if (isReset) socket.resetAndDestroy();
      else socket.destroy();
      await closed;
    }));
    assert.equal((await exec(port, "echo", "00")).grpcStatus, "0");
  });
});

test("A8, B1: gRPC: a whole call as frames is answered as frames", async () => {
  await withServer({ echo: (payload) => payload }, async ({ port }) => {
    const goaway = frame(FRAME.goaway, 0, 0, Buffer.alloc(8));
    const call = [PREFACE, settingsFrame(), headersFrame(1, GRPC), dataFrames(1, envelope(execRequest("echo", "4142")), true), goaway];
    const frames = await sendFrames(port, ...call);
    const data = frames.filter(({ type, stream }) => type === FRAME.data && stream === 1).map(({ payload }) => payload);
    assert.deepEqual(Buffer.concat(data), envelope(execResponse("4142")));
  });
});
