/**
 * The body of a request: takes a request and the most bytes that it may have, gives them, or drains it for a while and refuses it. The body
 * of an answer that is a stream.
 * @module
 */
import type { ServerRequest } from "srvx";
import { concatBytes } from "../bytes.ts";
import type { Bytes } from "../caller.ts";
import { tooLarge } from "../guard.ts";

/** A request as Node's own server has it. */
type NodeRequest = NonNullable<NonNullable<NonNullable<ServerRequest["runtime"]>["node"]>["req"]>;

/** How long a refused body is read on, so that the client sees the answer instead of a reset connection. */
const DRAIN_MS = 1000;

/**
 * Reads a body of at most `cap` bytes; `limit` is what the refusal names.
 * @throws {PluginError} "exec.too_large".
 */
export async function readBody(request: ServerRequest, cap: number, limit: number): Promise<Bytes> {
  const length = Number(request.headers.get("content-length") ?? Number.NaN);
  const node = request.runtime?.node?.req;
  if (node === undefined && length <= cap) return new Uint8Array(await request.arrayBuffer());
  // No more can come than was said.
  if (node !== undefined && length <= cap) return await collect(node);
  // Around a Node request a web stream costs more than the rest of a small call.
  const body = (node ?? request.body)?.[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> | undefined;
  if (length > cap) {
    // Before the first byte: a client that waits for the answer, or stalls, must not hold the call open.
    await drain(body, 2 * cap);
    throw tooLarge(limit);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let part = await body?.next(); part !== undefined && part.done !== true; part = await body?.next()) {
    size += part.value.length;
    if (size > cap) {
      await drain(body, 2 * cap - size);
      throw tooLarge(limit);
    }
    chunks.push(part.value);
  }
  return concatBytes(chunks, size);
}

/** By events: a loop over the stream takes half as long again for a body of 1 MiB. */
async function collect(body: NodeRequest): Promise<Bytes> {
  return await new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    body.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      size += chunk.length;
    });
    body.on("end", () => resolve(concatBytes(chunks, size)));
    body.on("error", reject);
    body.on("close", () => reject(new Error("The connection ended before the body did")));
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
