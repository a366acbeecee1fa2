/**
 * HTTP/2 as frames on a TCP connection: a peer that reads calls and answers as written, whatever the runtime's own HTTP/2 would allow.
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Types of frames. */
export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
/** Codes of RST_STREAM and GOAWAY. */
export const H2 = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  STREAM_CLOSED: 5,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  ENHANCE_YOUR_CALM: 11,
} as const;
/** What a client says first. */
export const PREFACE: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const END_STREAM = 1;
const END_HEADERS = 4;

/** One frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Writes a frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HEADERS, each field as a literal that is in no table; `end` ends the stream too. */
export function headersFrame(stream: number, headers: Readonly<Record<string, string>>, end = false): Buffer {
  const fields = Object.entries(headers).map(([name, value]) => Buffer.concat([Buffer.of(0), literal(name), literal(value)]));
  return frame(FRAME.headers, END_HEADERS | (end ? END_STREAM : 0), stream, Buffer.concat(fields));
}

/** A string as HPACK has it, without Huffman's code. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = bytes.length < 127 ? [bytes.length] : [127];
  for (let left = bytes.length - 127; left >= 0; left = left >= 128 ? left >>> 7 : -1) length.push(left >= 128 ? (left & 127) | 128 : left);
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** DATA in frames of at most 16 KiB, the last of which ends the stream if asked. */
export function dataFrames(stream: number, bytes: Uint8Array, end = false): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 16_384) {
    const last = at + 16_384 >= bytes.length;
    frames.push(frame(FRAME.data, end && last ? END_STREAM : 0, stream, bytes.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

/** RST_STREAM. */
export function resetFrame(stream: number, code: number): Buffer {
  return frame(FRAME.reset, 0, stream, u32(code));
}

/** GOAWAY: no stream after `last` was or will be looked at. */
export function goawayFrame(last: number, code: number): Buffer {
  return frame(FRAME.goaway, 0, 0, Buffer.concat([u32(last), u32(code)]));
}

/** An empty SETTINGS, which each side sends first. */
export function settingsFrame(): Buffer {
  return frame(FRAME.settings, 0, 0);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A request as the peer has read it. */
export interface RawCall {
  readonly stream: number;
  /** The body: one message of gRPC with its five bytes before it. */
  readonly body: Buffer;
}

/** Answers one whole request; `number` counts them from 1, over all connections. */
export type Answering = (socket: Socket, call: RawCall, number: number) => void;

/** A peer that listens. */
export interface Peer {
  readonly port: number;
  /** Every request whose headers came, in order. */
  readonly calls: readonly RawCall[];
  /** How many connections were made. */
  readonly connections: number;
  /** The codes with which the caller has given streams up. */
  readonly resets: readonly number[];
  /** Resolves at the next reset by the caller. */
  nextReset(): Promise<number>;
  /** Resolves when every connection has closed. */
  allClosed(): Promise<void>;
}

/** Listens on a free port, hands the peer to `use`, and closes every connection afterwards. */
export async function withPeer<T>(answer: Answering, use: (peer: Peer) => Promise<T>): Promise<T> {
  const calls: RawCall[] = [];
  const resets: number[] = [];
  const sockets = new Set<Socket>();
  let onReset = (_code: number) => {};
  const server = createServer((socket) => {
    sockets.add(socket.setNoDelay());
    socket.on("error", () => socket.destroy());
    // Windows that nothing in the tests fills.
    const windows = Buffer.concat([Buffer.from([0, 4]), u32(2 ** 30)]);
    socket.write(Buffer.concat([frame(FRAME.settings, 0, 0, windows), frame(FRAME.windowUpdate, 0, 0, u32(2 ** 30))]));
    serveFrames(socket, calls, (call) => answer(socket, call, calls.length), (code) => (resets.push(code), onReset(code)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use({
      port: (server.address() as AddressInfo).port,
      calls,
      resets,
      get connections() {
        return sockets.size;
      },
      nextReset: () => new Promise((resolve) => onReset = resolve),
      allClosed: async () => {
        for (const socket of sockets) if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
      },
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

function serveFrames(socket: Socket, calls: RawCall[], onCall: (call: RawCall) => void, onReset: (code: number) => void): void {
  const open = new Map<number, Buffer[]>();
  readFrames(socket, PREFACE.length, ({ type, flags, stream, payload }) => {
    if (type === FRAME.settings && flags === 0) socket.write(frame(FRAME.settings, 1, 0));
    if (type === FRAME.ping && flags === 0) socket.write(frame(FRAME.ping, 1, 0, payload));
    if (type === FRAME.reset) onReset(payload.readUInt32BE());
    if (type === FRAME.headers) open.set(stream, []);
    if (type === FRAME.data) open.get(stream)?.push(payload);
    if ((type !== FRAME.data && type !== FRAME.headers) || (flags & END_STREAM) === 0) return;
    const call = { stream, body: Buffer.concat(open.get(stream) ?? []) };
    calls.push(call);
    onCall(call);
  });
}

/** Reads frames after so many first bytes. */
export function readFrames(socket: Socket, skip: number, onFrame: (frame: Frame) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  let left = skip;
  socket.on("data", (chunk: Uint8Array) => {
    pending = Buffer.concat([pending, chunk]);
    if (pending.length < left) return;
    pending = pending.subarray(left);
    left = 0;
    for (
      let length = 0;
      pending.length >= 9 && pending.length >= 9 + (length = pending.readUIntBE(0, 3));
      pending = pending.subarray(9 + length)
    ) {
      onFrame({ type: pending[3] ?? 0, flags: pending[4] ?? 0, stream: pending.readUInt32BE(5), payload: pending.subarray(9, 9 + length) });
    }
  });
}

/** Connects to a port, writes the parts and gives every frame that comes until the connection closes. */
export async function sendFrames(port: number, ...parts: readonly Uint8Array[]): Promise<readonly Frame[]> {
  const frames: Frame[] = [];
  const socket = connect({ host: "127.0.0.1", port });
  readFrames(socket, 0, (each) => frames.push(each));
  socket.on("error", () => {});
  for (const part of parts) socket.write(part);
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  return frames;
}
