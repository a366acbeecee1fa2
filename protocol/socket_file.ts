/**
 * The file of a Unix socket that a server is about to listen on.
 * @module
 */
import { stat, unlink } from "node:fs/promises";
import { connect } from "node:net";

/** Removes the socket file that a killed program left; one on which somebody listens stays, so that listening fails. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isSocket() !== true) return;
  const isStale = await new Promise<boolean>((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(false)).once("error", () => resolve(true)).once("connect", () => socket.destroy());
  });
  if (isStale) await unlink(path);
}
