/**
 * Stage 4, port: finds a free port for a launch, keeps two launches of this process from getting the same one, and tells who listens.
 * @module
 */
import { createSocket, type Socket } from "node:dgram";
import { connect, createServer } from "node:net";
import { PluginError } from "../../protocol/errors.ts";

/** The loopback addresses on which a plugin may listen. */
export const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

const MOST_ATTEMPTS = 50;
/** A connection on this machine is made at once or not at all; an address elsewhere may swallow packets. */
const CONNECT_MS = 1000;
const reserved = new Set<number>();

/** A free port that no other launch of this process gets until it is released. */
export interface ReservedPort {
  readonly port: number;
  release(): void;
}

/** Chooses a port that can be bound on both loopback addresses now. Another program can still take it: the host checks who answers. */
export async function reservePort(): Promise<ReservedPort> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const port = await listenOnce("127.0.0.1", 0);
    if (port === undefined || reserved.has(port) || !(await isBindable(port))) continue;
    const mark = await bindMark(port);
    const claimed = mark && claimPort(port);
    if (claimed === undefined) mark?.close();
    else return { port, release: () => (claimed.release(), mark?.close()) };
  }
  throw new PluginError("ready.port_taken", `No free loopback port was found in ${MOST_ATTEMPTS} attempts`, {
    hint: "Close programs that hold many connections, or raise the limit on open files",
  });
}

/**
 * Marks a port as chosen for the hosts in other processes, by the UDP socket of the same number; it is not in the way of the plugin's TCP.
 * Without it two hosts that start at once could choose the same port, and one would call the other's plugin until its own gives up.
 */
function bindMark(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const mark = createSocket("udp4");
    mark.once("error", () => {
      mark.close();
      resolve(undefined);
    });
    mark.bind({ port, address: "127.0.0.1", exclusive: true }, () => resolve(mark.unref()));
  });
}

/** Keeps a certain port for one launch; `undefined` when another launch of this process has it. */
export function claimPort(port: number): ReservedPort | undefined {
  if (reserved.has(port)) return undefined;
  reserved.add(port);
  return { port, release: () => void reserved.delete(port) };
}

/** Host name and port of an http URL as sockets take them. */
export function placeFromUrl(url: URL): { readonly address: string; readonly port: number } {
  return { address: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 80) };
}

/** Whether this process could listen on the port now. */
export async function isBindable(port: number): Promise<boolean> {
  for (const address of LOOPBACK) {
    if (await listenOnce(address, port) === undefined) return false;
  }
  return true;
}

/** Listens and stops at once; gives the port, or `undefined` when it is taken. An address that the machine does not have counts as free. */
function listenOnce(address: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EADDRINUSE" || port === 0 ? undefined : port));
    server.listen({ host: address, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : undefined));
    });
  });
}

/**
 * Whether something listens there. A connection whose two ports are equal has met itself, which TCP allows
 * when a free port of the ephemeral range is polled, and counts as nobody.
 */
export function isListening(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.setTimeout(CONNECT_MS, () => finish(false));
    const finish = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.once("connect", () => finish(socket.localPort !== socket.remotePort));
    socket.once("error", () => finish(false));
  });
}
