/**
 * Runs on one runtime and races a plain call with calls that call back, over one wire (`--wire W`); follows racer.ts.
 * @module
 */
import { parseArgs } from "node:util";
import { openHost } from "../../host/mod.ts";
import { configOf, keysOf, typescriptPlugin, withFolder } from "../support.ts";
import { answerOrders } from "./racer.ts";
import { PLAIN, PLUGIN, SERVICE } from "./two_way.ts";

async function main(wire: string, folder: string): Promise<void> {
  const plugin = { ...typescriptPlugin("tests/bench/two_way_plugin.ts"), ...keysOf(wire) };
  const grants = { services: ["bench.*"], plugins: { other: ["#"] } };
  await using host = await openHost("test", { config: configOf({ bench: { ...plugin, grants }, other: plugin }, folder) });
  using _service = host.provide("bench", { echo: (payload) => payload });
  await host.startAll();
  const handle = host.get("bench");
  const calling = (command: string) => (bytes: Uint8Array) => handle.exec(command, bytes);
  await answerOrders({ [PLAIN]: calling("hello.echo"), [SERVICE]: calling("bench.service"), [PLUGIN]: calling("bench.plugin") });
}

const { values } = parseArgs({ options: { wire: { type: "string", default: "socket" } } });
await withFolder((folder) => main(values.wire, folder));
