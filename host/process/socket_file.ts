/**
 * What a plugin that was killed leaves of its framed socket: takes the address of its ready line, removes the file and its folder.
 * @module
 */
import { lstat, readdir, rmdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { endpointFromAddress } from "../../protocol/endpoint.ts";
import { SOCKET_FOLDER } from "../../protocol/socket/wire.ts";
import type { Guardian } from "./guardian.ts";

/** The path of a socket that is what our own plugins make: whatever else a ready line names is left alone. */
function ownSocket(address: string | undefined): string | undefined {
  const endpoint = address === undefined ? undefined : endpointFromAddress(address);
  if (endpoint?.kind !== "unix" || endpoint.path.includes("\n")) return undefined;
  return basename(dirname(endpoint.path)).startsWith(SOCKET_FOLDER) ? endpoint.path : undefined;
}

/** Has it removed should the host die first. */
export function guardSocket(address: string, guardian: Guardian): void {
  const path = ownSocket(address);
  if (path !== undefined) void guardian.add(`socket ${path}`);
}

/** Removes what a process of ours has made that ended before it could say where its socket is: the folder has its id in its name. */
export async function removeUnsaidSockets(pid: number, temporary: string): Promise<void> {
  for (const name of await readdir(temporary).catch(() => [])) {
    if (!name.startsWith(`${SOCKET_FOLDER}${pid}-`)) continue;
    const folder = join(temporary, name);
    await unlink(join(folder, "s")).catch(() => {}); // It may not be there yet.
    await rmdir(folder).catch(() => {}); // It may go at this moment by itself, or be somebody else's.
  }
}

/** Removes it if it is there still. */
export async function removeSocket(address: string | undefined, guardian: Guardian): Promise<void> {
  const path = ownSocket(address);
  if (path === undefined) return;
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === true) await unlink(path).then(() => rmdir(dirname(path))).catch(() => {}); // It may go at this moment by itself.
  guardian.remove(`socket ${path}`);
}
