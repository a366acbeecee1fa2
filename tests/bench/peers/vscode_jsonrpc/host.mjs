/**
 * vscode-jsonrpc over stdio, the host's side: bytes go as base64, since its messages are JSON.
 * @module
 */
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import process from "node:process";
// @ts-ignore: only --peers installs it
import * as rpc from "vscode-jsonrpc/node";

/** Starts the plugin and connects. */
export function open() {
  const child = spawn(process.execPath, [`${import.meta.dirname}/plugin.mjs`], { stdio: ["pipe", "pipe", "inherit"] });
  const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(child.stdout), new rpc.StreamMessageWriter(child.stdin));
  const echo = new rpc.RequestType("echo");
  connection.listen();
  return {
    call: async (payload) => Buffer.from(await connection.sendRequest(echo, Buffer.from(payload).toString("base64")), "base64"),
    close: () => {
      connection.dispose();
      child.kill();
    },
  };
}
