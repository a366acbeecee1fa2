/**
 * Programs of a test's own that listen where a plugin should: an impostor that keeps every byte it gets, and the control to which a plugin cedes its port.
 * @module
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** A program that listens where a plugin should. */
export interface StandIn {
  readonly port: number;
  /** Every byte that it received, as Latin-1 text. */
  received(): string;
  /** How many connections were made to it. */
  connections(): number;
  close(): Promise<void>;
}

/** Headers of an answer to ping that claim something; the function gets the request. */
export type Claims = (request: string) => Readonly<Record<string, string>>;

/** Listens and answers every request with "pong" and these headers; with `undefined` it accepts and stays silent. */
export async function openStandIn(claims: Claims | undefined, port = 0, address = "127.0.0.1"): Promise<StandIn> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.setEncoding("latin1");
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk: string) => {
      received.push(chunk);
      if (claims !== undefined && chunk.includes("\r\n\r\n")) socket.write(answer(claims(chunk)));
    });
  });
  await listen(server, port, address);
  return {
    port: (server.address() as AddressInfo).port,
    received: () => received.join(""),
    connections: () => connections,
    close: () => close(server, sockets),
  };
}

/** To which fixtures/process/cedes_port.py cedes its port: a stand-in takes it before the plugin can. */
export interface Control {
  /** Its address, for the environment variable CONTROL. */
  readonly address: string;
  /** One a launch, in order. */
  readonly standIns: readonly StandIn[];
  /** The secrets of the launches, in order. */
  readonly tokens: readonly string[];
  close(): Promise<void>;
}

/** Listens for plugins that cede their port. */
export async function openControl(claims: Claims | undefined): Promise<Control> {
  const standIns: StandIn[] = [];
  const tokens: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setEncoding("latin1");
    socket.on("error", () => socket.destroy());
    socket.once("data", async (line: string) => {
      const [port, token = ""] = line.trim().split(" ");
      tokens.push(token);
      standIns.push(await openStandIn(claims, Number(port)));
      socket.write("taken\n");
    });
  });
  await listen(server, 0, "127.0.0.1");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    standIns,
    tokens,
    async close() {
      await Promise.all([close(server, sockets), ...standIns.map((standIn) => standIn.close())]);
    },
  };
}

function answer(headers: Readonly<Record<string, string>>): string {
  const body = '{"status":"success","data":{"response":"pong"}}';
  const lines = Object.entries({ "content-type": "application/json", "content-length": String(body.length), ...headers });
  return `HTTP/1.1 200 OK\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
}

async function listen(server: Server, port: number, address: string): Promise<void> {
  server.listen({ port, host: address, exclusive: true });
  await once(server, "listening");
}

async function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  assert.ok(server.listening);
  const closed = once(server, "close");
  server.close();
  for (const socket of sockets) socket.destroy();
  await closed;
}
