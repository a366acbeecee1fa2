/**
 * The quickest client and server of HTTP that each runtime was found to have: `Bun.serve` and `fetch` on Bun, `Deno.serve` on Deno,
 * `node:http` on Node, both with undici's `dispatch`. Measured beside them: `fetch` and `node:http`'s client everywhere.
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import type { Bytes } from "../../../protocol/caller.ts";
import type { Lane } from "../lane.ts";
import type { HttpForm } from "./http_forms.ts";

type Fetch = (request: Request) => Promise<Response>;

/** The two globals, as far as they are used here. */
interface Globals {
  readonly Bun?: { serve(options: { port: number; hostname: string; idleTimeout: number; fetch: Fetch }): { port: number } };
  readonly Deno?: { serve(options: { port: number; hostname: string; onListen: () => void }, fetch: Fetch): { addr: { port: number } } };
}

const { Bun, Deno } = globalThis as Globals;

/** Opens the client of a base URL. */
export async function openQuickFloor(base: string, form: HttpForm): Promise<Lane> {
  return "bun" in process.versions ? openFetch(base, form) : await openDispatch(base, form);
}

/** Listens on a port of 127.0.0.1 and gives its address; it echoes. */
export async function serveQuickFloor(form: HttpForm): Promise<string> {
  const place = { port: 0, hostname: "127.0.0.1" };
  const fetch = async (request: Request) => {
    const answer = form.answer(form.payload(new Uint8Array(await request.arrayBuffer())));
    return new Response(answer, { status: form.status, headers: form.answerHeaders });
  };
  if (Bun !== undefined) return `http://127.0.0.1:${Bun.serve({ ...place, idleTimeout: 0, fetch }).port}`;
  if (Deno !== undefined) return `http://127.0.0.1:${Deno.serve({ ...place, onListen: () => {} }, fetch).addr.port}`;
  return await serveNode(form);
}

async function serveNode(form: HttpForm): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      const answer = form.answer(form.payload(joined(chunks)));
      response.writeHead(form.status, { ...form.answerHeaders, "content-length": Buffer.byteLength(answer) });
      response.end(answer);
    });
  });
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function openFetch(base: string, form: HttpForm): Lane {
  const url = `${base}${form.path}`;
  return {
    call: async (command, payload) => {
      const answer = await fetch(url, { method: "POST", headers: form.headers(command), body: form.request(command, payload) });
      return form.response(new Uint8Array(await answer.arrayBuffer()));
    },
    close: () => Promise.resolve(),
  };
}

async function openDispatch(base: string, form: HttpForm): Promise<Lane> {
  const { Pool } = await import("undici");
  const pool = new Pool(base);
  const send = (command: string, body: Bytes | string) =>
    new Promise<Bytes>((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      pool.dispatch({ method: "POST", path: form.path, headers: form.headers(command), body }, {
        onRequestStart: () => {},
        onResponseStart: () => {},
        onResponseData: (_, chunk) => void chunks.push(chunk),
        onResponseEnd: () => resolve(joined(chunks)),
        onResponseError: (_, error) => reject(error),
      });
    });
  return {
    call: async (command, payload) => form.response(await send(command, form.request(command, payload))),
    close: () => pool.destroy(),
  };
}

function joined(chunks: readonly Uint8Array[]): Bytes {
  return (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)) as Bytes;
}
