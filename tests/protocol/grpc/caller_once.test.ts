/**
 * Rows A8, A12 and B1 on gRPC: a call is sent once, whatever becomes of its connection; which failures promise that it was not sent;
 * how calls are given up, and that nothing is kept after close().
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { DriverCaller } from "../../../protocol/caller.ts";
import type { Endpoint } from "../../../protocol/endpoint.ts";
import { openGrpcCaller } from "../../../protocol/grpc/caller.ts";
import { text, withFolder } from "../../support.ts";
import { withServer as withRestServer } from "../rest/served.ts";
import { friendly, withGrpcPeer } from "./http2_peer.ts";
import { envelope, execResponse } from "./messages.ts";
import { type Answering, dataFrames, goawayFrame, H2, headersFrame, resetFrame, withPeer } from "./raw_http2.ts";

const RIGHT = (stream: number) =>
  Buffer.concat([
    headersFrame(stream, { ":status": "200", "content-type": "application/grpc" }),
    dataFrames(stream, envelope(execResponse("6e657874"))),
    headersFrame(stream, { "grpc-status": "0" }, true),
  ]);
const answerRight: Answering = (socket, { stream }) => socket.write(RIGHT(stream));

function at(port: number): Endpoint {
  return { kind: "tcp", url: new URL(`http://127.0.0.1:${port}`) };
}

async function withDriver<T>(endpoint: Endpoint, use: (driver: DriverCaller) => Promise<T>): Promise<T> {
  const driver = await openGrpcCaller(endpoint, { host: "app", plugin: "peer", dialect: "seed", maxPayloadBytes: 1 << 20 });
  try {
    return await use(driver);
  } finally {
    await driver.close();
  }
}

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

const endings: Readonly<Record<string, (socket: Socket, stream: number) => void>> = {
  "ends the connection": (socket) => void socket.end(),
  "resets the connection": (socket) => void socket.resetAndDestroy(),
  "ends it within the answer's headers": (socket, stream) => void socket.end(RIGHT(stream).subarray(0, 20)),
  "ends it within the answer's message": (socket, stream) => void socket.end(RIGHT(stream).subarray(0, 70)),
  "resets the stream": (socket, stream) => void socket.write(resetFrame(stream, H2.INTERNAL_ERROR)),
};

for (const [how, end] of Object.entries(endings)) {
  test(`A8, B1: gRPC: of forty calls on one connection, a peer that ${how} at each has seen each once`, async () => {
    const answer: Answering = (socket, call, number) => number <= 4 ? answerRight(socket, call, number) : end(socket, call.stream);
    await withPeer(answer, async (peer) => {
      await withDriver(at(peer.port), async (driver) => {
        for (let i = 0; i < 4; i++) await driver.exec("warm");
        const ends = await Promise.allSettled(Array.from({ length: 40 }, () => driver.exec("a", new Uint8Array(2000))));
        assert.deepEqual(new Set(ends.map((each) => each.status === "rejected" && each.reason.code)), new Set(["caller.lost"]));
        assert.ok(peer.calls.length <= 44, `${peer.calls.length} calls`);
      });
    });
  });
}

test("A8, B1: gRPC: an answer that is cut at any byte fails its call once, and the next call is answered", async () => {
  const whole = RIGHT(1);
  // Every fifth byte, and from a place that differs: a failure names the place.
  for (let cut = 3; cut < whole.length; cut += 5) {
    const answer: Answering = (socket, call, number) => {
      if (number > 1) return answerRight(socket, call, number);
      const part = RIGHT(call.stream).subarray(0, cut);
      if (cut % 2 === 0) socket.end(part);
      else socket.write(part, () => setImmediate(() => socket.resetAndDestroy()));
    };
    await withPeer(answer, async (peer) => {
      await withDriver(at(peer.port), async (driver) => {
        await assert.rejects(driver.exec("a"), { code: "caller.lost" }, `cut at ${cut} of ${whole.length}`);
        assert.equal(text(await driver.exec("a")), "next");
        assert.equal(peer.calls.length, 2);
      });
    });
  }
});

test("A8, B1: gRPC: a connection that the peer closes while it is idle costs no call", async () => {
  const closed: Promise<unknown>[] = [];
  const answer: Answering = (socket, call, number) => {
    closed.push(once(socket, "close"));
    answerRight(socket, call, number);
    setImmediate(() => socket.end());
  };
  await withPeer(answer, async (peer) => {
    await withDriver(at(peer.port), async (driver) => {
      for (let i = 0; i < 5; i++) {
        assert.equal(text(await driver.exec("a")), "next");
        await Promise.all(closed);
      }
      assert.deepEqual([peer.calls.length, peer.connections], [5, 5]);
    });
  });
});

test("A8, B1: gRPC: GOAWAY lets the open call finish, and the next one goes to another connection", async () => {
  const answer: Answering = (socket, { stream }, number) => {
    if (number === 1) socket.write(goawayFrame(stream, H2.NO_ERROR));
    socket.write(RIGHT(stream));
  };
  await withPeer(answer, async (peer) => {
    await withDriver(at(peer.port), async (driver) => {
      assert.equal(text(await driver.exec("a")), "next");
      assert.equal(text(await driver.exec("a")), "next");
      assert.deepEqual([peer.calls.length, peer.connections], [2, 2]);
    });
  });
});

test("A8, B1: gRPC: a port that refuses is caller.refused, and is called once somebody listens", async () => {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  await withDriver(at(port), async (driver) => {
    const expected = { code: "caller.refused", origin: "host", plugin: "peer", message: /not sent/ };
    await assert.rejects(driver.exec("a"), expected);
    await assert.rejects(driver.ping(), expected);
    const ends = await Promise.allSettled(Array.from({ length: 10 }, () => driver.exec("a")));
    assert.deepEqual(new Set(ends.map((end) => end.status === "rejected" && end.reason.code)), new Set(["caller.refused"]));
  });
});

test("A8, B1: gRPC: a Unix socket that is not there is caller.refused until it is", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "s");
    await withDriver({ kind: "unix", path }, async (driver) => {
      await assert.rejects(driver.exec("a"), { code: "caller.refused" });
      await withGrpcPeer(friendly(), async () => assert.equal(text(await driver.exec("a")), "hi"), path);
      await assert.rejects(driver.exec("a"), { code: /^caller\.(refused|lost)$/ });
    });
  });
});

const others: Readonly<Record<string, (use: (port: number) => Promise<void>) => Promise<void>>> = {
  "an HTTP/1 server": async (use) => {
    const server = createHttpServer((_request, response) => response.end("hello"));
    await use(await listen(server));
    server.closeAllConnections();
    server.close();
  },
  "a plugin that serves REST": (use) => withRestServer({}, ({ port }) => use(port)),
  "a server that speaks first": async (use) => {
    const server = createServer((socket) => socket.on("error", () => {}).end("220 smtp.example.org ESMTP\r\n"));
    await use(await listen(server));
    server.close();
  },
};

for (const [what, withOther] of Object.entries(others)) {
  test(`A8, B1: gRPC: ${what} is caller.bad_response, and the hint names comm_type`, async () => {
    await withOther(async (port) => {
      await withDriver(at(port), async (driver) => {
        for (const call of [() => driver.ping(), () => driver.exec("a"), () => driver.exec("a", new Uint8Array(100_000))]) {
          await assert.rejects(call, { code: "caller.bad_response", origin: "host", message: /not HTTP\/2/, hint: /comm_type/ });
        }
      });
    });
  });
}

test("A12, B1: gRPC: an aborted call rejects with the signal's reason, resets its stream with CANCEL and leaves the others alone", async () => {
  const arrived = Promise.withResolvers<void>();
  const answer: Answering = (socket, call, number) => number === 1 ? arrived.resolve() : answerRight(socket, call, number);
  await withPeer(answer, async (peer) => {
    await withDriver(at(peer.port), async (driver) => {
      const controller = new AbortController();
      const reset = peer.nextReset();
      const reason = new Error("enough");
      const call = assert.rejects(driver.exec("hang", undefined, { signal: controller.signal }), (error) => error === reason);
      await arrived.promise;
      controller.abort(reason);
      await call;
      assert.equal(await reset, H2.CANCEL);
      assert.equal(text(await driver.exec("next")), "next");
      assert.equal(peer.connections, 1);
    });
  });
});

test("A12, B1: gRPC: a call whose signal has fired is not sent; one that is aborted while it connects rejects at once", async () => {
  await withPeer(answerRight, async (peer) => {
    await withDriver(at(peer.port), async (driver) => {
      await assert.rejects(driver.exec("a", undefined, { signal: AbortSignal.abort("before") }), (reason) => reason === "before");
      assert.equal(peer.connections, 0);
      const controller = new AbortController();
      const call = driver.exec("a", undefined, { signal: controller.signal });
      controller.abort("while");
      await assert.rejects(call, (reason) => reason === "while");
      assert.equal(text(await driver.exec("a")), "next");
    });
  });
});

test("A12, B1: gRPC: an answer that stops in its middle ends with the signal", async () => {
  const answer: Answering = (socket, { stream }) => socket.write(RIGHT(stream).subarray(0, 80));
  await withPeer(answer, async (peer) => {
    await withDriver(at(peer.port), async (driver) => {
      const reason = new Error("late");
      const signal = AbortSignal.any([AbortSignal.timeout(100)]);
      await assert.rejects(driver.exec("a", undefined, { signal, timeoutMs: 100 }), (error) => error === signal.reason || error === reason);
      assert.equal(peer.calls.length, 1);
    });
  });
});

test("A8, B1: gRPC: close() ends open calls with caller.lost, later ones are caller.refused, and no connection is left", async () => {
  const arrived = Promise.withResolvers<void>();
  const answer: Answering = (_socket, _call, number) => number === 20 ? arrived.resolve() : undefined;
  await withPeer(answer, async (peer) => {
    const driver = await openGrpcCaller(at(peer.port), { host: "app", plugin: "peer", dialect: "seed", maxPayloadBytes: 1024 });
    const open = Promise.allSettled(Array.from({ length: 20 }, () => driver.exec("a")));
    await arrived.promise;
    await driver.close();
    const codes = (await open).map((end) => end.status === "rejected" && end.reason.code);
    assert.deepEqual(new Set(codes), new Set(["caller.lost"]));
    await assert.rejects(driver.exec("b"), { code: "caller.refused", plugin: "peer", message: /was closed/ });
    await assert.rejects(driver.ping(), { code: "caller.refused" });
    await driver.close();
    await peer.allClosed();
    assert.equal(peer.calls.length, 20);
  });
});

test("A8, B1: gRPC: close() closes a connection that is idle, and one that is not made yet", async () => {
  await withPeer(answerRight, async (peer) => {
    await withDriver(at(peer.port), (driver) => Promise.all([driver.exec("a"), driver.exec("b")]));
    await peer.allClosed();
    await withDriver(at(peer.port), () => Promise.resolve());
    const driver = await openGrpcCaller(at(peer.port), { host: "app", plugin: "peer", dialect: "seed", maxPayloadBytes: 1024 });
    const call = assert.rejects(driver.exec("a"), { code: /^caller\.(refused|lost)$/ });
    await driver.close();
    await call;
    await peer.allClosed();
  });
});
