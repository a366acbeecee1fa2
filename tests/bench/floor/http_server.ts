/**
 * The smallest server of the wires over HTTP/1.1, on the library that polyplug uses: srvx, with its own class of answers.
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import type { ServerRequest } from "srvx";
import type { Bytes } from "../../../protocol/caller.ts";
import type { HttpForm } from "./http_forms.ts";

/** Listens on a port of 127.0.0.1 and gives its address; it echoes, and a GET gets REST's pong. */
export async function serveHttpFloor(form: HttpForm, port: number): Promise<string> {
  const { serve, FastResponse } = "deno" in process.versions ? await import("srvx/node") : await import("srvx");
  const pong = '{"status":"success","data":{"response":"pong"}}';
  const fetch = async (request: ServerRequest): Promise<Response> => {
    if (request.method === "GET") return new FastResponse(pong, { headers: { "content-type": "application/json" } });
    const payload = form.payload(await bodyOf(request));
    return new FastResponse(form.answer(payload), { status: form.status, headers: form.answerHeaders });
  };
  const quiet = { silent: true, gracefulShutdown: false, node: { keepAliveTimeout: 0 }, bun: { idleTimeout: 0 } };
  const server = await serve({ port, hostname: "127.0.0.1", fetch, ...quiet }).ready();
  return new URL(server.url ?? "").origin;
}

/** srvx's own `arrayBuffer()` takes longer on a Node server. */
async function bodyOf(request: ServerRequest): Promise<Bytes> {
  const node = request.runtime?.node?.req;
  if (node === undefined) return new Uint8Array(await request.arrayBuffer());
  return await new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    node.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    node.on("end", () => resolve(Buffer.concat(chunks)));
    node.on("error", reject);
  });
}
