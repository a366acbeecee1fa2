/**
 * vscode-jsonrpc over stdio, the plugin's side: one request that echoes.
 * @module
 */
import process from "node:process";
// @ts-ignore: only --peers installs it
import * as rpc from "vscode-jsonrpc/node";

const connection = rpc.createMessageConnection(new rpc.StreamMessageReader(process.stdin), new rpc.StreamMessageWriter(process.stdout));
connection.onRequest(new rpc.RequestType("echo"), (data) => data);
connection.onClose(() => process.exit());
connection.listen();
