/**
 * Runs on one runtime and races two hosts over the framed socket, one that watches its plugin and one that does not; follows racer.ts.
 * @module
 */
import { type Host, openHost } from "../../host/mod.ts";
import { configOf, withFolder } from "../support.ts";
import { answerOrders } from "./racer.ts";
import type { Call } from "./slice.ts";
import { UNWATCHED, WATCHED } from "./supervision.ts";
import { pluginOf } from "./wires.ts";

const COMMAND = "hello.echo";

/** Each with a plugin process of its own, as applications have them. */
async function openLane(supervise: boolean, folder: string): Promise<{ readonly host: Host; readonly call: Call }> {
  const host = await openHost("test", { config: configOf({ bench: pluginOf("socket") }, folder), supervise });
  const plugin = await host.start("bench");
  return { host, call: (bytes) => plugin.exec(COMMAND, bytes) };
}

async function main(folder: string): Promise<void> {
  const [watched, unwatched] = [await openLane(true, `${folder}/watched`), await openLane(false, `${folder}/unwatched`)];
  try {
    await answerOrders({ [WATCHED]: watched.call, [UNWATCHED]: unwatched.call });
  } finally {
    await Promise.all([watched.host.close(), unwatched.host.close()]);
  }
}

await withFolder(main);
