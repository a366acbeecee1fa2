/**
 * The smallest client of the wires over HTTP/1.1, on the library that polyplug uses on this runtime: undici, `node:http` on Bun.
 * @module
 */
import { Buffer } from "node:buffer";
import { Agent, request } from "node:http";
import process from "node:process";
import type { Bytes } from "../../../protocol/caller.ts";
import type { Lane } from "../lane.ts";
import type { HttpForm } from "./http_forms.ts";

/** Opens the client of a base URL. */
export async function openHttpFloor(base: string, form: HttpForm): Promise<Lane> {
  return "bun" in process.versions ? openNode(base, form) : await openUndici(base, form);
}

function openNode(base: string, form: HttpForm): Lane {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(base);
  const send = (command: string, body: Bytes | string) =>
    new Promise<Bytes>((resolve, reject) => {
      const headers = { ...form.headers(command), "content-length": Buffer.byteLength(body) };
      const outgoing = request({ hostname, port, path: form.path, method: "POST", agent, headers }, (answer) => {
        const chunks: Uint8Array[] = [];
        answer.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        answer.on("end", () => resolve(Buffer.concat(chunks)));
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  return {
    call: async (command, payload) => form.response(await send(command, form.request(command, payload))),
    close: () => Promise.resolve(agent.destroy()),
  };
}

async function openUndici(base: string, form: HttpForm): Promise<Lane> {
  const { Pool } = await import("undici");
  const pool = new Pool(base);
  return {
    call: async (command, payload) => {
      const headers = form.headers(command);
      const { body } = await pool.request({ method: "POST", path: form.path, headers, body: form.request(command, payload) });
      return form.response(await body.bytes() as Bytes);
    },
    close: () => pool.destroy(),
  };
}
