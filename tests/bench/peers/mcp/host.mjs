/**
 * MCP's TypeScript SDK over stdio, the host's side: bytes go as base64, since its messages are JSON.
 * @module
 */
// @ts-ignore: only --peers installs it
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-ignore: only --peers installs it
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { Buffer } from "node:buffer";
import process from "node:process";

/** Starts the plugin and connects. */
export async function open() {
  const client = new Client({ name: "bench", version: "1.0.0" });
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [`${import.meta.dirname}/plugin.mjs`] }));
  return {
    call: async (payload) => {
      const data = Buffer.from(payload).toString("base64");
      const { content } = await client.callTool({ name: "echo", arguments: { data } });
      return Buffer.from(content[0].resource.blob, "base64");
    },
    close: () => client.close(),
  };
}
