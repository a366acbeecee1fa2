/**
 * The smallest program with the REST shape on the server library that polyplug uses: `floor_server.ts --port N`.
 * It decodes the payload from hex and encodes the answer, since no plugin can do without.
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";

const { serve } = "deno" in process.versions ? await import("srvx/node") : await import("srvx");
const port = Number(process.argv[process.argv.indexOf("--port") + 1]);

const json = { "content-type": "application/json" };

async function answer(request: Request): Promise<Response> {
  if (request.method === "GET") return new Response('{"status":"success","data":{"response":"pong"}}', { headers: json });
  const { payload } = JSON.parse(await request.text());
  const response = Buffer.from(payload, "hex").toString("hex");
  return new Response(`{"status":"success","data":{"response":"${response}"}}`, { status: 202, headers: json });
}

await serve({ port, hostname: "127.0.0.1", silent: true, gracefulShutdown: false, bun: { idleTimeout: 0 }, fetch: answer }).ready();
process.stdout.write("ready\n");
