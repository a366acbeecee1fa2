/**
 * Rows A8 and B1: both wires with somebody else at the other end: the clients and servers of Connect's own library, for gRPC and Connect,
 * in protobuf and in JSON. Our two halves could otherwise agree with each other and with nobody else.
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { Code, ConnectError, createClient, type ServiceImpl, type Transport } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import type { DriverCaller } from "../../../protocol/caller.ts";
import { openConnectCaller } from "../../../protocol/connect/caller.ts";
import { openGrpcCaller } from "../../../protocol/grpc/caller.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import { bytes, text } from "../../support.ts";
import { Plugin } from "../gen/plugin_pb.ts";
import { Plugin as SeedPlugin } from "../gen/plugin_seed_pb.ts";
import { withServer as withRestServer } from "../rest/served.ts";
import { ALL, hex } from "./messages.ts";
import { withServer as withGrpcServer } from "./served.ts";

const MAX = 4 * 1024 * 1024;
/** Empty, small, one that HTTP/2 cuts into frames, and one beyond every window. */
const PAYLOADS = [new Uint8Array(0), ALL, new Uint8Array(100_000).fill(7), new Uint8Array(3 * 1024 * 1024).fill(255)];

const commands: Commands = {
  "test.echo": (payload) => payload,
  "test.hang": () => new Promise(() => {}),
  "test.fail": () => {
    throw Object.assign(new Error('Grüße 100%\n"two"'), { code: "own" });
  },
};

interface Side {
  readonly withServer: typeof withGrpcServer | typeof withRestServer;
  readonly transport: (baseUrl: string, json?: boolean) => Transport;
}

const sides: Readonly<Record<string, Side>> = {
  grpc: {
    withServer: withGrpcServer,
    transport: (baseUrl) => createGrpcTransport({ baseUrl }),
  },
  connect: {
    withServer: withRestServer,
    transport: (baseUrl, json = false) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: !json }),
  },
};

for (const [wire, { withServer, transport }] of Object.entries(sides)) {
  test(`A8, B1: ${wire}: Connect's own client calls our server, raw and as hex, and reads its errors`, async () => {
    await withServer(commands, async ({ port }) => {
      const client = createClient(Plugin, transport(`http://127.0.0.1:${port}`));
      assert.equal((await client.ping({})).Data?.Response, "pong");
      for (const payload of PAYLOADS) {
        const raw = await client.exec({ Command: "test.echo", Payload: payload }, { headers: { "x-payload": "raw" } });
        assert.deepEqual(new Uint8Array(raw.Data?.Response ?? []), payload);
      }
      const inHex = await client.exec({ Command: "test.echo", Payload: bytes(hex(ALL)) });
      assert.equal(text(inHex.Data?.Response ?? new Uint8Array(0)), hex(ALL));
      await assertRefused(client.exec({ Command: "test.fail" }), Code.Unknown, 'Grüße 100%\n"two"');
      await assertRefused(client.exec({ Command: "nothing" }), Code.Unimplemented, /has no command "nothing"/);
      await assertRefused(client.exec({ Command: "test.hang" }, { timeoutMs: 50 }), Code.DeadlineExceeded, /./);
      await assertRefused(client.exec({ Command: "test.echo", Payload: new Uint8Array(MAX + 1) }, RAW), Code.ResourceExhausted, /limit/);
    }, { maxPayloadBytes: MAX });
  });
}

const RAW = { headers: { "x-payload": "raw" } };

test("A8, B1: connect: Connect's own client calls our server in JSON, where payloads are strings of hex", async () => {
  await withRestServer(commands, async ({ port }) => {
    const client = createClient(SeedPlugin, sides["connect"]!.transport(`http://127.0.0.1:${port}`, true));
    assert.equal((await client.ping({})).Data?.Response, "pong");
    for (const payload of [new Uint8Array(0), ALL]) {
      const answer = await client.exec({ Command: "test.echo", Payload: hex(payload) });
      assert.deepEqual([answer.Status, answer.Data?.Response], ["success", hex(payload)]);
    }
    await assertRefused(client.exec({ Command: "test.fail" }), Code.Unknown, 'Grüße 100%\n"two"');
  });
});

async function assertRefused(call: Promise<unknown>, code: Code, message: string | RegExp): Promise<void> {
  await assert.rejects(call, (error: ConnectError) => {
    assert.equal(error.code, code, error.message);
    if (typeof message === "string") assert.equal(error.rawMessage, message);
    else assert.match(error.rawMessage, message);
    return true;
  });
}

/** A plugin of somebody who knows nothing of polyplug, on Connect's own server. */
const service: ServiceImpl<typeof Plugin> = {
  ping: () => ({ Status: "success", Data: { Response: "pong" } }),
  exec: ({ Command, Payload }) => {
    if (Command === "echo") return { Status: "success", Data: { Response: Payload } };
    throw new ConnectError('Grüße 100%\n"two"', Code.NotFound);
  },
};

async function withForeign<T>(wire: string, use: (driver: DriverCaller) => Promise<T>): Promise<T> {
  const handler = connectNodeAdapter({ routes: (router) => void router.service(Plugin, service) });
  const server = wire === "grpc" ? createHttp2Server(handler) : createHttpServer(handler);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const endpoint = { kind: "tcp", url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) } as const;
  const options = { host: "app", plugin: "peer", dialect: "goplugin-1", maxPayloadBytes: MAX } as const;
  const driver = await (wire === "grpc" ? openGrpcCaller : openConnectCaller)(endpoint, options);
  try {
    return await use(driver);
  } finally {
    await driver.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

for (const wire of Object.keys(sides)) {
  test(`A8, B1: ${wire}: our caller calls Connect's own server, and reads its errors`, async () => {
    await withForeign(wire, async (driver) => {
      assert.equal(await driver.ping(), "pong");
      assert.deepEqual(await driver.identify?.("00"), { features: [] });
      for (const payload of PAYLOADS) assert.deepEqual(await driver.exec("echo", payload), payload);
      const refused = { code: "exec.not_found", origin: "plugin", message: 'Grüße 100%\n"two"' };
      await assert.rejects(driver.exec("nothing", ALL, { timeoutMs: 5000 }), refused);
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => driver.exec("echo", new Uint8Array(i * 500).fill(i))));
      assert.deepEqual(answers.map(({ length }) => length), answers.map((_, i) => i * 500));
    });
  });
}
