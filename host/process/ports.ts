/**
 * Stage 4, port: finds a free port for a launch, keeps two launches of this process from getting the same one, and tells who listens.
 * @module
 */
import { connect, createServer } from "node:net";
import { PluginError } from "../../protocol/errors.ts";

/** The loopback addresses on which a plugin may listen. */
export const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

const MOST_ATTEMPTS = 50;
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
    reserved.add(port);
    return { port, release: () => void reserved.delete(port) };
  }
  throw new PluginError("ready.port_taken", `No free loopback port was found in ${MOST_ATTEMPTS} attempts`, {
    hint: "Close programs that hold many connections, or raise the limit on open files",
  });
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
    const finish = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.once("connect", () => finish(socket.localPort !== socket.remotePort));
    socket.once("error", () => finish(false));
  });
}
