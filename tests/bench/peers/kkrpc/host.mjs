/**
 * kkrpc over stdio, the host's side: bytes go as a Uint8Array, which its default serialization writes as numbers in JSON.
 * @module
 */
// @ts-ignore: only --peers installs it
import { NodeIo, RPCChannel } from "kkrpc";
import { spawn } from "node:child_process";
import process from "node:process";

/** Starts the plugin and connects. */
export function open() {
  const child = spawn(process.execPath, [`${import.meta.dirname}/plugin.mjs`], { stdio: ["pipe", "pipe", "inherit"] });
  const api = new RPCChannel(new NodeIo(child.stdout, child.stdin)).getAPI();
  return { call: (payload) => api.echo(payload), close: () => child.kill() };
}
