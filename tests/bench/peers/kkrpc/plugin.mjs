/**
 * kkrpc over stdio, the plugin's side: one method that echoes.
 * @module
 */
// @ts-ignore: only --peers installs it
import { NodeIo, RPCChannel } from "kkrpc";
import process from "node:process";

new RPCChannel(new NodeIo(process.stdin, process.stdout), { expose: { echo: (payload) => Promise.resolve(payload) } });
process.stdin.on("end", () => process.exit());
