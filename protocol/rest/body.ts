/**
 * The body of a request: takes a request and the most bytes that it may have, gives them, or drains it for a while and refuses it. The body
 * of an answer that is a stream.
 * @module
 */
import type { ServerRequest } from "srvx";
import { Chunks, type Sink } from "../bytes.ts";
import type { Bytes } from "../caller.ts";
import { tooLarge } from "../guard.ts";
import { decodeHex } from "../hex.ts";
import { JsonBody, type JsonText, LONG_BYTES } from "./long_hex.ts";

/** A request as Node's own server has it. */
type NodeRequest = NonNullable<NonNullable<NonNullable<ServerRequest["runtime"]>["node"]>["req"]>;

/** How long a refused body is read on, so that the client sees the answer instead of a reset connection. */
const DRAIN_MS = 1000;
const decoder = new TextDecoder();

/**
 * Reads a body of at most `cap` bytes; `limit` is what the refusal names.
 * @throws {PluginError} "exec.too_large".
 */
export async function readBody(request: ServerRequest, cap: number, limit: number): Promise<Bytes> {
  if (request.runtime?.node === undefined && lengthOf(request) <= cap) return new Uint8Array(await request.arrayBuffer());
  const chunks = new Chunks();
  await readInto(chunks, request, { cap, limit });
  return chunks.bytes();
}

/**
 * Reads such a body of JSON, of which the hex in it is the most.
 * @throws {PluginError} "exec.too_large".
 */
export async function readJsonBody(request: ServerRequest, cap: number, limit: number): Promise<JsonText> {
  const length = lengthOf(request);
  if (length < LONG_BYTES) return { text: decoder.decode(await readBody(request, cap, limit)), readHex: decodeHex };
  const json = new JsonBody(length);
  await readInto(json, request, { cap, limit });
  return json.end();
}

function lengthOf({ headers }: ServerRequest): number {
  return Number(headers.get("content-length") ?? Number.NaN);
}

async function readInto(sink: Sink, request: ServerRequest, { cap, limit }: { cap: number; limit: number }): Promise<void> {
  const length = lengthOf(request);
  const node = request.runtime?.node?.req;
  // No more can come than was said.
  if (node !== undefined && length <= cap) return await collect(node, sink);
  if (length <= cap) return sink.push(new Uint8Array(await request.arrayBuffer()));
  // Around a Node request a web stream costs more than the rest of a small call.
  const body = (node ?? request.body)?.[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> | undefined;
  if (length > cap) {
    // Before the first byte: a client that waits for the answer, or stalls, must not hold the call open.
    await drain(body, 2 * cap);
    throw tooLarge(limit);
  }
  let size = 0;
  for (let part = await body?.next(); part !== undefined && part.done !== true; part = await body?.next()) {
    size += part.value.length;
    if (size > cap) {
      await drain(body, 2 * cap - size);
      throw tooLarge(limit);
    }
    sink.push(part.value);
  }
}

/** By events: a loop over the stream takes half as long again for a body of 1 MiB. */
async function collect(body: NodeRequest, sink: Sink): Promise<void> {
  return await new Promise((resolve, reject) => {
    let isWhole = false;
    body.on("data", (chunk: Uint8Array) => sink.push(chunk));
    body.on("end", () => {
      isWhole = true;
      resolve();
    });
    body.on("error", reject);
    body.on("close", () => {
      // Every body closes; an error made for each would be a tenth of a small call.
      if (!isWhole) reject(new Error("The connection ended before the body did"));
    });
  });
}

async function drain(body: AsyncIterator<Uint8Array> | undefined, most: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), DRAIN_MS));
  try {
    for (let left = most; left > 0;) {
      const part = await Promise.race([body?.next(), late]);
      if (part === undefined || part.done === true) return;
      left -= part.value.length;
    }
  } finally {
    clearTimeout(timer);
  }
}

/** A body whose chunks are made as they are asked for. `onLeft` is called when nobody asks for more. */
export function streamFrom(chunks: AsyncGenerator<Bytes, void, void>, onLeft: () => void): ReadableStream<Bytes> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      onLeft(); // First: what is waited for ends then.
      await chunks.return();
    },
  }, { highWaterMark: 0 });
}
