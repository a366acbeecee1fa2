/**
 * The smallest client of the REST shape on the client library that polyplug uses on this runtime.
 * @module
 */
import { Buffer } from "node:buffer";
import { Agent, request } from "node:http";
import process from "node:process";

/** Sends one exec and gives the decoded answer. */
export type FloorCall = (command: string, payload: Uint8Array) => Promise<Uint8Array>;

/** Opens the client of a base URL; `close` ends its connections. */
export async function openFloorClient(base: string): Promise<{ call: FloorCall; close(): Promise<void> }> {
  return "bun" in process.versions ? openNode(base) : await openUndici(base);
}

const headers = { "content-type": "application/json" };

function bodyFrom(command: string, payload: Uint8Array): string {
  return JSON.stringify({ command, payload: Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("hex") });
}

function bytesFrom(text: string): Uint8Array {
  return Buffer.from(JSON.parse(text).data.response, "hex");
}

function openNode(base: string): { call: FloorCall; close(): Promise<void> } {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(base);
  const send = (body: string) =>
    new Promise<string>((resolve, reject) => {
      const lengths = { ...headers, "content-length": Buffer.byteLength(body) };
      const outgoing = request({ hostname, port, path: "/exec", method: "POST", agent, headers: lengths }, (answer) => {
        const chunks: Uint8Array[] = [];
        answer.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        answer.on("end", () => resolve(Buffer.concat(chunks).toString()));
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  return {
    call: async (command, payload) => bytesFrom(await send(bodyFrom(command, payload))),
    close: () => Promise.resolve(agent.destroy()),
  };
}

async function openUndici(base: string): Promise<{ call: FloorCall; close(): Promise<void> }> {
  const { Pool } = await import("undici");
  const pool = new Pool(base);
  return {
    call: async (command, payload) => {
      const { body } = await pool.request({ method: "POST", path: "/exec", headers, body: bodyFrom(command, payload) });
      return bytesFrom(await body.text());
    },
    close: () => pool.destroy(),
  };
}
