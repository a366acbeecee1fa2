/**
 * Row A8: a call is sent once, whatever becomes of its connection; and which failures promise that it was not sent at all.
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { DriverCaller } from "../../../protocol/caller.ts";
import type { Endpoint } from "../../../protocol/endpoint.ts";
import { openRestCaller } from "../../../protocol/rest/caller.ts";
import { bytes, text, withFolder } from "../../support.ts";
import { type Answering, type Peer, rawAnswer, type RawRequest, rightAnswer, withPeer } from "./raw_http.ts";

const PONG = '{"status":"success","data":{"response":"pong"}}';

async function withDriverTo<T>(
  endpoint: Endpoint,
  use: (driver: DriverCaller) => Promise<T>,
  features: readonly string[] = [],
): Promise<T> {
  const driver = await openRestCaller(endpoint, { host: "app", plugin: "peer", dialect: "seed", maxPayloadBytes: 1 << 20, features });
  try {
    return await use(driver);
  } finally {
    await driver.close();
  }
}

function at(port: number): Endpoint {
  return { kind: "tcp", url: new URL(`http://127.0.0.1:${port}`) };
}

/** Answers right, with the request's body for exec. */
function answerRight(socket: Socket, { line, headers, body }: RawRequest): void {
  if (line.startsWith("GET")) socket.write(rawAnswer(200, PONG));
  else if (headers.has("x-command")) socket.write(rawAnswer(202, body, { "content-type": "application/octet-stream" }));
  else socket.write(rightAnswer(bytes(JSON.parse(text(body)).command)));
}

const seen = ({ requests }: Peer, id: string) => requests.filter(({ headers }) => headers.get("x-request-id") === id).length;

const endings: Readonly<Record<string, (socket: Socket) => void>> = {
  "ends the connection": (socket) => void socket.end(),
  "resets the connection": (socket) => void socket.resetAndDestroy(),
  "ends it within the answer's head": (socket) => void socket.end("HTTP/1.1 2"),
  "ends it within the answer's body": (socket) => void socket.end("HTTP/1.1 202 OK\r\ncontent-length: 50\r\n\r\n{"),
};
const calls: Readonly<Record<string, (driver: DriverCaller, requestId: string) => Promise<unknown>>> = {
  "ping()": (driver, requestId) => driver.ping({ requestId }),
  "identify()": (driver, requestId) => driver.identify?.("00", { requestId }) ?? Promise.resolve(),
  "exec() in JSON": (driver, requestId) => driver.exec("a", bytes("x"), { requestId }),
  "exec() of a large payload": (driver, requestId) => driver.exec("a", new Uint8Array(200_000), { requestId }),
};

for (const [what, call] of Object.entries(calls)) {
  for (const [how, end] of Object.entries(endings)) {
    test(`A8: ${what}: a peer that reads a call on a reused connection and ${how} has seen it once`, async () => {
      const reused: boolean[] = [];
      const known = new Set<Socket>();
      const answer: Answering = (socket, request) => {
        if (request.headers.get("x-request-id") === "last") {
          reused.push(known.has(socket));
          return end(socket);
        }
        known.add(socket);
        answerRight(socket, request);
      };
      await withPeer(answer, async (peer) => {
        await withDriverTo(at(peer.port), async (driver) => {
          for (let i = 0; i < 4; i++) await driver.exec("warm");
          await assert.rejects(call(driver, "last"), { code: "caller.lost", origin: "host", plugin: "peer", hint: /may have run/ });
          assert.equal(text(await driver.exec("after")), "after");
          assert.equal(seen(peer, "last"), 1);
          // A ping may have a connection of its own; a call that had one would show nothing here.
          assert.ok(reused[0] === true || what === "ping()" || what === "identify()");
        });
      });
    });
  }
}

test("A8: exec() in raw bytes: a peer that reads a call on a reused connection and ends it has seen it once", async () => {
  const answer: Answering = (socket, request) =>
    request.headers.get("x-request-id") === "last" ? socket.end() : answerRight(socket, request);
  await withPeer(answer, async (peer) => {
    await withDriverTo(at(peer.port), async (driver) => {
      for (let i = 0; i < 4; i++) await driver.exec("warm");
      await assert.rejects(driver.exec("a", bytes("x"), { requestId: "last" }), { code: "caller.lost" });
      assert.equal(seen(peer, "last"), 1);
    }, ["raw"]);
  });
});

test("A8: of forty calls at once, each on a connection that the peer then closes, each was seen once", async () => {
  const answer: Answering = (socket, request) => {
    if (request.headers.get("x-request-id")?.startsWith("last-")) socket.end();
    else answerRight(socket, request);
  };
  await withPeer(answer, async (peer) => {
    await withDriverTo(at(peer.port), async (driver) => {
      await Promise.all(Array.from({ length: 40 }, () => driver.exec("warm")));
      const ids = Array.from({ length: 40 }, (_, i) => `last-${i}`);
      const ends = await Promise.allSettled(ids.map((requestId) => driver.exec("a", undefined, { requestId })));
      assert.deepEqual(new Set(ends.map((end) => end.status === "rejected" && end.reason.code)), new Set(["caller.lost"]));
      assert.deepEqual(ids.map((id) => seen(peer, id)), ids.map(() => 1));
    });
  });
});

test("A8: a connection that the peer closes while it is idle costs no call", async () => {
  const closed: Promise<unknown>[] = [];
  const answer: Answering = (socket, request) => {
    answerRight(socket, request);
    closed.push(once(socket, "close"));
    setImmediate(() => socket.end());
  };
  await withPeer(answer, async (peer) => {
    await withDriverTo(at(peer.port), async (driver) => {
      for (let i = 0; i < 5; i++) {
        assert.equal(text(await driver.exec(`call-${i}`)), `call-${i}`);
        await Promise.all(closed);
      }
      assert.equal(peer.requests.length, 5);
    });
  });
});

for (const when of ["together with an answer", "while the connection is idle"]) {
  test(`A14: an answer to nobody, written ${when}, is given to no call`, async () => {
    const stray = rightAnswer(bytes("stray"));
    const answer: Answering = (socket, request) => {
      const own = rightAnswer(bytes(JSON.parse(text(request.body)).command));
      if (when.startsWith("together")) socket.write(new Uint8Array([...own, ...stray]));
      else socket.write(own, () => setImmediate(() => socket.write(stray)));
    };
    await withPeer(answer, async (peer) => {
      await withDriverTo(at(peer.port), async (driver) => {
        for (let i = 0; i < 20; i++) {
          assert.equal(text(await driver.exec(`call-${i}`)), `call-${i}`);
          // As much time as the stray answer needs to arrive: one later on the wire could be nobody's but the next call's.
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        assert.equal(peer.requests.length, 20);
      });
    });
  });
}

test("A8: a port that refuses is caller.refused", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await withDriverTo(at(port), async (driver) => {
    const expected = { code: "caller.refused", origin: "host", plugin: "peer", message: /not sent/ };
    await assert.rejects(driver.exec("a"), expected);
    await assert.rejects(driver.ping(), expected);
  });
});

test("A8: a Unix socket is called as a port is; one that is not there, or that nobody listens at, is caller.refused", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "a.sock");
    await withDriverTo({ kind: "unix", path }, (driver) => assert.rejects(driver.exec("a"), { code: "caller.refused" }));
    const server = createServer((socket) => {
      socket.on("data", () => socket.end(rightAnswer(bytes("over unix"), { connection: "close" })));
      socket.on("error", () => socket.destroy());
    });
    await once(server.listen(path), "listening");
    await withDriverTo({ kind: "unix", path }, async (driver) => assert.equal(text(await driver.exec("a")), "over unix"));
    await new Promise((resolve) => server.close(resolve));
  });
});

test("A8: close() ends open calls with caller.lost, and later ones are caller.refused", async () => {
  const arrived = Promise.withResolvers<void>();
  await withPeer(() => arrived.resolve(), async (peer) => {
    const driver = await openRestCaller(at(peer.port), { host: "app", plugin: "peer", dialect: "seed", maxPayloadBytes: 1024 });
    const open = assert.rejects(driver.exec("a"), { code: "caller.lost", plugin: "peer" });
    await arrived.promise;
    await driver.close();
    await open;
    await assert.rejects(driver.exec("b"), { code: "caller.refused", plugin: "peer" });
    await assert.rejects(driver.ping(), { code: "caller.refused" });
    assert.equal(peer.requests.length, 1);
  });
});

test("A8: close() closes connections that are idle", async () => {
  const closed: Promise<unknown>[] = [];
  const answer: Answering = (socket, request) => {
    closed.push(once(socket, "close"));
    answerRight(socket, request);
  };
  await withPeer(answer, async (peer) => {
    await withDriverTo(at(peer.port), (driver) => Promise.all([driver.exec("a"), driver.exec("b"), driver.ping()]));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => timer = setTimeout(() => resolve("some connections are still open after 2 s"), 2000));
    assert.equal(await Promise.race([Promise.all(closed).then(() => "all closed"), late]), "all closed");
    clearTimeout(timer);
  });
});

test("A8: an aborted call closes its connection and leaves the others alone", async () => {
  const gone = Promise.withResolvers<void>();
  const slow = Promise.withResolvers<() => void>();
  const answer: Answering = (socket, request) => {
    const { command } = JSON.parse(text(request.body));
    if (command === "hang") socket.once("close", () => gone.resolve());
    if (command === "hang") return slow.resolve(() => {});
    answerRight(socket, request);
  };
  await withPeer(answer, async (peer) => {
    await withDriverTo(at(peer.port), async (driver) => {
      const controller = new AbortController();
      const call = assert.rejects(driver.exec("hang", undefined, { signal: controller.signal }), /enough/);
      await slow.promise;
      controller.abort(new Error("enough"));
      await call;
      await gone.promise;
      assert.equal(text(await driver.exec("next")), "next");
    });
  });
});

test("A8: REST over pipes is caller.unsupported", async () => {
  const channel = { input: (async function* () {})(), write: () => Promise.resolve(), close: () => Promise.resolve() };
  const options = { host: "app", plugin: "peer", dialect: "seed", maxPayloadBytes: 1 } as const;
  await assert.rejects(openRestCaller({ kind: "pipes", channel }, options), { code: "caller.unsupported" });
});
