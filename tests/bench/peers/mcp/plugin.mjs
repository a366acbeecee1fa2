/**
 * MCP's TypeScript SDK over stdio, the plugin's side: one tool that echoes.
 * @module
 */
// @ts-ignore: only --peers installs it
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-ignore: only --peers installs it
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
// @ts-ignore: only --peers installs it
import { z } from "zod";

const server = new McpServer({ name: "bench", version: "1.0.0" });
const description = { description: "Echoes", inputSchema: { data: z.string() } };
server.registerTool("echo", description, ({ data }) => ({
  content: [{ type: "resource", resource: { uri: "bench://echo", mimeType: "application/octet-stream", blob: data } }],
}));
await server.connect(new StdioServerTransport());
