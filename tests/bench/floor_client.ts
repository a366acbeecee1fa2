/**
 * The smallest client of the REST shape on the client library that polyplug uses on this runtime.
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";

/** Sends one exec and gives the decoded answer. */
export type FloorCall = (command: string, payload: Uint8Array) => Promise<Uint8Array>;

/** Opens the client of a base URL; `close` ends its connections. */
export async function openFloorClient(base: string): Promise<{ call: FloorCall; close(): Promise<void> }> {
  return "bun" in process.versions ? openFetch(base) : await openUndici(base);
}

const headers = { "content-type": "application/json" };

function bodyFrom(command: string, payload: Uint8Array): string {
  return JSON.stringify({ command, payload: Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("hex") });
}

function bytesFrom(text: string): Uint8Array {
  return Buffer.from(JSON.parse(text).data.response, "hex");
}

function openFetch(base: string): { call: FloorCall; close(): Promise<void> } {
  return {
    call: async (command, payload) => {
      const answer = await fetch(`${base}/exec`, { method: "POST", headers, body: bodyFrom(command, payload) });
      return bytesFrom(await answer.text());
    },
    close: () => Promise.resolve(),
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
