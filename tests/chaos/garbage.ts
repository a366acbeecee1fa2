/**
 * Lets a plugin answer with garbage on any wire: on TCP through a front that passes everything on, on the framed socket by what is written.
 *
 * What is sent instead of an answer never passes for one: it comes when nothing of an answer is on its way, and the connection ends after it.
 * @module
 */
import { connect, createServer, Server, type Socket } from "node:net";
import process from "node:process";

let waiting = 0;
let garbage: Uint8Array = new Uint8Array(0);

/** The next two connections on which something is asked get this, and nothing more. */
export function garbleAnswers(bytes: Uint8Array): void {
  garbage = bytes;
  waiting = 2;
}

/** Sends it and ends the connection; `false` when it is nobody's turn. */
function garble(socket: Socket, write: (bytes: Uint8Array) => void): boolean {
  if (waiting === 0) return false;
  waiting -= 1;
  write(garbage);
  socket.end();
  return true;
}

/** Listens where the host expects the plugin, which itself listens elsewhere; the host is told of the front's place alone. */
export async function openFront(port: number): Promise<void> {
  const inner = tellPlace(port);
  const server = createServer((outer) => {
    outer.on("error", () => outer.destroy());
    void inner.then((place) => pass(outer, place));
  });
  await new Promise<void>((resolve) => server.once("error", () => process.exit(1)).listen(port, "127.0.0.1", resolve));
}

function pass(outer: Socket, place: number): void {
  const socket = connect(place, "127.0.0.1");
  let over = false;
  outer.on("data", (chunk) => {
    over ||= garble(outer, (bytes) => outer.write(bytes));
    if (!over) socket.write(chunk);
  });
  socket.on("data", (chunk) => over || outer.write(chunk));
  socket.on("error", () => outer.destroy()).on("close", () => over || outer.destroy());
  outer.on("close", () => socket.destroy());
}

/** Reads the port in the plugin's ready line and puts the front's in its place. */
function tellPlace(port: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text: string | Uint8Array): boolean => {
    return write(
      String(text).replace(/("address":"http:\/\/127\.0\.0\.1:)(\d+)/, (_, before: string, inner: string) => {
        resolve(Number(inner));
        return `${before}${port}`;
      }),
    );
  };
  return promise;
}

// The framed socket writes whole frames.
const emit = Server.prototype.emit as (this: Server, event: string | symbol, ...args: unknown[]) => boolean;
Server.prototype.emit = function (this: Server, event: string | symbol, ...args: unknown[]): boolean {
  const socket = args[0] as Socket;
  if (event === "connection" && typeof this.address() === "string") {
    const write = socket.write.bind(socket) as (bytes: Uint8Array) => boolean;
    socket.write = (bytes: string | Uint8Array): boolean => socket.writableEnded || garble(socket, write) || write(bytes as Uint8Array);
  }
  return emit.call(this, event, ...args);
};
