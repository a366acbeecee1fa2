/**
 * The two ends of a framed socket as tests need them: a plugin that does what a test says, and a client that sends what a test says.
 * @module
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { DriverCaller, DriverOptions } from "../../../protocol/caller.ts";
import type { Dispatcher } from "../../../protocol/dispatch.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import { FrameBatch } from "../../../protocol/socket/batch.ts";
import { openSocketCaller } from "../../../protocol/socket/caller.ts";
import { FrameReader } from "../../../protocol/socket/reader.ts";
import { unitService } from "../unit.ts";
import { openSocketServer } from "../../../protocol/socket/server.ts";
import { decodeError, decodeHello, KIND, ReceivedCall } from "../../../protocol/socket/wire.ts";
import { text, withFolder } from "../../support.ts";

/** A frame as tests look at it. */
export interface Seen {
  readonly kind: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** One connection, with frames to write by hand. */
export interface Wire {
  readonly socket: Socket;
  /** Writes frames. */
  send(write: (batch: FrameBatch) => void): void;
  /** Writes bytes. */
  raw(bytes: Uint8Array): void;
  /** The next frame; rejects when the connection ends before. */
  next(): Promise<Seen>;
  /** Resolves when the other side has closed the connection. */
  readonly closed: Promise<void>;
}

export function wireOf(socket: Socket): Wire {
  const batch = new FrameBatch();
  const frames: Seen[] = [];
  const waiting: { resolve(frame: Seen): void; reject(error: Error): void }[] = [];
  const reader = new FrameReader(1 << 26, (kind, id, body) => {
    const frame = { kind, id, body: new Uint8Array(body) };
    const first = waiting.shift();
    if (first === undefined) frames.push(frame);
    else first.resolve(frame);
  }, () => {});
  socket.on("data", (chunk) => reader.push(chunk));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) =>
    socket.once("close", () => {
      for (const { reject } of waiting) reject(new Error("The connection ended"));
      resolve();
    })
  );
  return {
    socket,
    closed,
    send(write) {
      write(batch);
      for (const piece of batch.take()) socket.write(piece);
    },
    raw: (bytes) => void socket.write(bytes),
    next: () =>
      new Promise((resolve, reject) => {
        const frame = frames.shift();
        if (frame !== undefined) resolve(frame);
        else if (socket.destroyed) reject(new Error("The connection ended"));
        else waiting.push({ resolve, reject });
      }),
  };
}

/** A plugin's end: `behave` gets each connection; the caller is ours. */
export async function withPeer(
  behave: (wire: Wire, count: number) => unknown,
  use: (caller: DriverCaller, seen: { connections: number }) => Promise<void>,
  options: Partial<DriverOptions> = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, "s");
    const seen = { connections: 0 };
    const wires = new Set<Wire>();
    const server = createServer((socket) => {
      const wire = wireOf(socket);
      wires.add(wire);
      void Promise.resolve(behave(wire, ++seen.connections)).catch(() => {});
    });
    server.listen(path);
    await once(server, "listening");
    const caller = openSocketCaller({ kind: "unix", path }, {
      host: "app",
      plugin: "peer",
      dialect: undefined,
      maxPayloadBytes: 1024,
      ...options,
    });
    try {
      await use(caller, seen);
    } finally {
      await caller.close();
      for (const { socket } of wires) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

/** What a right plugin says first. */
export async function greet(wire: Wire, more: Record<string, unknown> = {}): Promise<Readonly<Record<string, unknown>>> {
  const hello = decodeHello((await wire.next()).body) ?? {};
  wire.send((batch) => batch.addHello({ polyplug: 1, features: ["info"], ...more }));
  return hello;
}

/** The call in the next frame. */
export async function nextCall(wire: Wire): Promise<{ id: number; call: ReceivedCall }> {
  const { id, body } = await wire.next();
  const call = ReceivedCall.from(body);
  if (call === undefined) throw new Error("The frame is no call");
  return { id, call };
}

/** Our server for these commands, and a client that connects to it as often as it is asked to. */
export async function withSocketServer(
  commands: Commands,
  use: (connectTo: () => Promise<Wire>, dispatcher: Dispatcher, close: () => Promise<void>) => Promise<void>,
  options: { readonly token?: string; readonly hosts?: readonly string[]; readonly maxPayloadBytes?: number } = {},
): Promise<void> {
  const { dispatcher, service } = unitService(commands, options);
  const server = await openSocketServer(service);
  const wires: Wire[] = [];
  try {
    await use(
      async () => {
        const socket = connect({ path: server.address.slice("unix:".length) });
        await once(socket, "connect");
        const wire = wireOf(socket);
        wires.push(wire);
        return wire;
      },
      dispatcher,
      () => server.close(),
    );
  } finally {
    for (const { socket } of wires) socket.destroy();
    await server.close();
  }
}

/** Says hello and gives the answer. */
export async function hello(wire: Wire, more: Record<string, unknown> = {}): Promise<Readonly<Record<string, unknown>>> {
  wire.send((batch) => batch.addHello({ polyplug: 1, host: "app", ...more }));
  const { kind, body } = await wire.next();
  return kind === KIND.hello ? decodeHello(body) ?? {} : { error: decodeError(body) };
}

/** Sends a call. */
export function sendCall(wire: Wire, id: number, command: string, payload: Uint8Array = new Uint8Array(0), timeoutMs = 0): void {
  wire.send((batch) =>
    batch.addCall(id, { timeoutMs, attempt: 1, hops: 0, requestId: `r${id}`, traceparent: "", party: "", command, payload })
  );
}

/** What a frame says: a result's text, or an error's code. */
export function said({ kind, id, body }: Seen): readonly [id: number, what: string] {
  return [id, kind === KIND.error ? decodeError(body)?.code ?? "?" : kind === KIND.result ? text(body) : `kind ${kind}`];
}
