/**
 * The smallest client and server of frames on a Unix socket: a length, an id, the bytes; a promise for each call, an async handler, and one
 * write for all that a tick has to say.
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { unlinkSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Lane } from "../lane.ts";

/** Four bytes that say how long the rest is, four for the id. */
const HEAD = 8;

/** Hands out each frame of a socket: its id and a part of the memory that was read. */
function readFrames(socket: Socket, onFrame: (id: number, body: Buffer) => void): void {
  let chunks: Buffer[] = [];
  let [size, wanted] = [0, HEAD];
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < wanted) return;
    const all = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    let at = 0;
    wanted = HEAD;
    while (all.length - at >= HEAD) {
      const end = at + HEAD + all.readUInt32BE(at);
      if (end > all.length) {
        wanted = end - at;
        break;
      }
      onFrame(all.readUInt32BE(at + 4), all.subarray(at + HEAD, end));
      at = end;
    }
    chunks = at < all.length ? [all.subarray(at)] : [];
    size = all.length - at;
  });
}

/** Writes frames, all of one tick at once. */
function frameWriter(socket: Socket): (id: number, body: Uint8Array) => void {
  let waiting: Uint8Array[] = [];
  const flush = () => {
    const pieces = waiting;
    waiting = [];
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
  };
  return (id, body) => {
    const head = Buffer.allocUnsafe(HEAD);
    head.writeUInt32BE(body.length, 0);
    head.writeUInt32BE(id, 4);
    if (waiting.length === 0) process.nextTick(flush);
    if (body.length > 16 * 1024) waiting.push(head, body);
    else waiting.push(Buffer.concat([head, body]));
  };
}

/** Opens the client of a socket's path. */
export async function openSocketFloor(path: string): Promise<Lane> {
  const socket = connect(path);
  await once(socket, "connect");
  const open = new Map<number, (body: Uint8Array) => void>();
  let next = 1;
  readFrames(socket, (id, body) => {
    open.get(id)?.(new Uint8Array(body));
    open.delete(id);
  });
  const write = frameWriter(socket);
  return {
    call: (_command, payload) =>
      new Promise((resolve) => {
        open.set(next, resolve);
        write(next++, payload);
      }),
    close: () => Promise.resolve(void socket.destroy()),
  };
}

/** Listens and gives the socket's path; it echoes. */
export async function serveSocketFloor(): Promise<string> {
  const path = join(tmpdir(), `polyplug-floor-${process.pid}`);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    const write = frameWriter(socket);
    const echo = (body: Uint8Array) => Promise.resolve(new Uint8Array(body));
    readFrames(socket, (id, body) => void echo(body).then((answer) => write(id, answer)));
  });
  server.listen(path);
  await once(server, "listening");
  process.on("exit", () => unlinkSync(path));
  return path;
}
