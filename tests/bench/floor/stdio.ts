/**
 * A pipe that echoes the same line: the client writes a call as JSON with hex, the program gives the line back, and the client reads it.
 * A promise for each call, and one write for all that a tick has to say.
 * @module
 */
import { Buffer } from "node:buffer";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { Lane } from "../lane.ts";

/** Hands out each line. */
function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    if (!chunk.includes(10)) return;
    const text = Buffer.concat(chunks).toString();
    const lines = text.split("\n");
    const rest = lines.pop() ?? "";
    chunks = rest === "" ? [] : [Buffer.from(rest)];
    for (const line of lines) onLine(line);
  });
}

/** Writes lines, all of one tick at once. */
function lineWriter(stream: NodeJS.WritableStream): (line: string) => void {
  let waiting: string[] = [];
  const flush = () => {
    const text = `${waiting.join("\n")}\n`;
    waiting = [];
    stream.write(text);
  };
  return (line) => {
    if (waiting.length === 0) process.nextTick(flush);
    waiting.push(line);
  };
}

/** Opens the client of a program that was started with pipes; its first line says that it is there. */
export async function openStdioFloor({ stdin, stdout }: Pick<ChildProcess, "stdin" | "stdout">): Promise<Lane> {
  if (stdin === null || stdout === null) throw new TypeError("The program has no pipes");
  const open = new Map<number, (body: Uint8Array) => void>();
  let next = 1;
  const ready = Promise.withResolvers<void>();
  readLines(stdout, (line) => {
    if (!line.startsWith("{")) return ready.resolve();
    const { id, params } = JSON.parse(line);
    open.get(id)?.(new Uint8Array(Buffer.from(params.payload, "hex")));
    open.delete(id);
  });
  await ready.promise;
  const write = lineWriter(stdin);
  return {
    call: (command, payload) =>
      new Promise((resolve) => {
        open.set(next, resolve);
        const params = { command, payload: hexOf(payload), meta: META };
        write(JSON.stringify({ jsonrpc: "2.0", id: next++, method: "exec", params }));
      }),
    close: async () => {
      const ended = once(stdout, "end");
      stdin.end();
      await ended;
    },
  };
}

/** What a line of polyplug carries beside command and payload. */
const META = { "x-host": "test", "x-request-id": "00000000-0000-4000-8000-000000000000", "x-attempt": "1", timeout_ms: 29999 };

function hexOf(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("hex");
}

/** Echoes the lines of stdin. */
export function serveStdioFloor(): string {
  const write = lineWriter(process.stdout);
  readLines(process.stdin, (line) => void Promise.resolve(line).then(write));
  return "pipes";
}
