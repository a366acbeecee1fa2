/**
 * Runs on one runtime and races one wire: takes `--wire W`, has a lane for polyplug and one for each floor, and follows racer.ts.
 *
 * Alone it can be profiled:
 *
 *     echo '{"lane":"polyplug","payload":16,"inFlight":32,"ms":3000}' | node --cpu-prof tests/bench/worker.ts --wire socket
 * @module
 */
import { parseArgs } from "node:util";
import { openHost } from "../../host/mod.ts";
import { configOf, withFolder } from "../support.ts";
import type { Lane } from "./lane.ts";
import { answerOrders } from "./racer.ts";
import { hasQuickFloor, isOurPlugin, openFloor, openForeignHost, pluginOf, type WireName } from "./wires.ts";

const COMMAND = "hello.echo";

/** The floor on the libraries that polyplug uses, the one on the runtime's own, and our plugin with a plain host where that differs. */
async function openOthers(wire: WireName): Promise<Record<string, Lane>> {
  return {
    floor: await openFloor(wire),
    ...(hasQuickFloor(wire) ? { quick: await openFloor(wire, true) } : {}),
    ...(isOurPlugin(wire) ? {} : { plugin: await openForeignHost(wire) }),
  };
}

async function main(wire: WireName, folder: string): Promise<void> {
  const host = await openHost("test", { config: configOf({ bench: pluginOf(wire) }, folder) });
  try {
    const plugin = await host.start("bench");
    const others = await openOthers(wire);
    const lanes = Object.entries(others).map(([name, { call }]) => [name, (bytes: Uint8Array) => call(COMMAND, bytes)] as const);
    try {
      await answerOrders({ polyplug: (bytes) => plugin.exec(COMMAND, bytes), ...Object.fromEntries(lanes) });
    } finally {
      for (const { close } of Object.values(others)) await close();
    }
  } finally {
    await host.close();
  }
}

const { values } = parseArgs({ options: { wire: { type: "string", default: "socket" } } });
await withFolder((folder) => main(values.wire as WireName, folder));
