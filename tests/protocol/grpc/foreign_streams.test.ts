/**
 * D20: streams on gRPC and Connect with somebody else at the other end: the clients and servers of Connect's own library.
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { Code, ConnectError, createClient, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { openConnectCaller } from "../../../protocol/connect/caller.ts";
import { openGrpcCaller } from "../../../protocol/grpc/caller.ts";
import { text } from "../../support.ts";
import { Streams } from "../gen/polyplug_pb.ts";
import { withServer as withRestServer } from "../rest/served.ts";
import { OPTIONS, partsOf, tcp } from "../streams.ts";
import { withServer as withGrpcServer } from "./served.ts";

const ends: string[] = [];
const commands = {
  "test.parts": async function* (payload: Uint8Array) {
    for (const byte of payload) yield new Uint8Array(1000 * byte).fill(byte);
  },
  "test.fail": async function* () {
    yield new Uint8Array([1]);
    throw Object.assign(new Error('Grüße 100%\n"two"'), { code: "own" });
  },
  "test.endless": async function* () {
    try {
      for (;;) yield new Uint8Array(1000);
    } finally {
      ends.push("left");
    }
  },
};
const RAW = { headers: { "x-payload": "raw" } };

const SIDES = {
  grpc: { withServer: withGrpcServer, transport: (baseUrl: string) => createGrpcTransport({ baseUrl }) },
  connect: { withServer: withRestServer, transport: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" }) },
};

for (const [wire, { withServer, transport }] of Object.entries(SIDES)) {
  test(`D20: ${wire}: Connect's own client reads streams of our server: parts, an end, errors, and leaves`, async () => {
    await withServer(commands, async ({ port, dispatcher }) => {
      const client = createClient(Streams, transport(`http://127.0.0.1:${port}`));
      const read = async (Command: string, Payload: Uint8Array<ArrayBuffer> = new Uint8Array(0)) => {
        const sizes: number[] = [];
        try {
          for await (const { Status, Data } of client.stream({ Command, Payload }, RAW)) {
            assert.equal(Status, "success");
            sizes.push(Data?.Response.length ?? 0);
          }
          return [sizes, "end"];
        } catch (error) {
          return [sizes, error instanceof ConnectError ? `${Code[error.code]}: ${error.rawMessage}` : String(error)];
        }
      };
      assert.deepEqual(await read("test.parts", new Uint8Array([1, 0, 255])), [[1000, 0, 255_000], "end"]);
      assert.deepEqual(await read("test.parts"), [[], "end"]);
      assert.deepEqual(await read("test.fail"), [[1], 'Unknown: Grüße 100%\n"two"']);
      assert.match(String((await read("test.none"))[1]), /^Unimplemented: .*has no command "test.none"/);
      let count = 0;
      const controller = new AbortController(); // Leaving the loop tells Connect's client nothing.
      const endless = async () => {
        for await (const _ of client.stream({ Command: "test.endless" }, { ...RAW, signal: controller.signal })) {
          if (++count === 50) controller.abort();
        }
      };
      await assert.rejects(endless(), { code: Code.Canceled });
      await dispatcher.drain(); // Which waits for it.
      assert.equal(ends.pop(), "left");
    }, { maxPayloadBytes: 300_000 });
  });

  test(`D20: ${wire}: our caller reads streams of Connect's own server, and its errors`, async () => {
    const service: ServiceImpl<typeof Streams> = {
      stream: async function* ({ Command }) {
        for (const Response of ["a", "b", "c"]) yield { Status: "success", Data: { Response: new TextEncoder().encode(Response) } };
        if (Command === "fail") throw new ConnectError('Grüße 100%\n"two"', Code.NotFound);
      },
    };
    const handler = connectNodeAdapter({ routes: (router) => void router.service(Streams, service) });
    const server = wire === "grpc" ? createHttp2Server(handler) : createHttpServer(handler);
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => sockets.add(socket));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const driver = await (wire === "grpc" ? openGrpcCaller : openConnectCaller)(tcp((server.address() as AddressInfo).port), OPTIONS);
    try {
      assert.deepEqual(await partsOf(driver, "any"), [["a", "b", "c"], "end"]);
      assert.deepEqual(await partsOf(driver, "fail"), [["a", "b", "c"], "peer: exec.not_found"]);
      for await (const part of driver.stream?.("any") ?? []) if (text(part) === "a") break;
      assert.deepEqual(await partsOf(driver, "any"), [["a", "b", "c"], "end"]);
    } finally {
      await driver.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}
