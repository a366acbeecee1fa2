/**
 * What a plugin that was killed leaves of its framed socket: takes the address of its ready line, removes the file and its folder.
 * @module
 */
import { lstat, rmdir, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { endpointFromAddress } from "../../protocol/endpoint.ts";
import { SOCKET_FOLDER } from "../../protocol/socket/wire.ts";

/** Removes it if it is there still, and is what our own plugins make: whatever else a ready line names stays. */
export async function removeSocket(address: string | undefined): Promise<void> {
  const endpoint = address === undefined ? undefined : endpointFromAddress(address);
  if (endpoint?.kind !== "unix") return;
  const folder = dirname(endpoint.path);
  if (!basename(folder).startsWith(SOCKET_FOLDER)) return;
  const found = await lstat(endpoint.path).catch(() => undefined);
  if (found?.isSocket() !== true) return;
  await unlink(endpoint.path).then(() => rmdir(folder)).catch(() => {}); // It may go at this moment by itself.
}
