/**
 * A plugin without our library that misbehaves in the way that its argument or the command names, over frames or bytes written by hand:
 * `bad_plugin.ts grpc|connect well|deaf|exits|gnop|impostor`. The commands that it does not know are echoed.
 * @module
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import process from "node:process";
import { envelope, execResponse } from "../../protocol/grpc/messages.ts";
import { dataFrames, goawayFrame, H2, headersFrame, resetFrame, withPeer as withFrames } from "../../protocol/grpc/raw_http2.ts";
import { rawAnswer, withPeer as withHttp } from "../../protocol/rest/raw_http.ts";

const [wire = "grpc", mode = "well"] = process.argv.slice(2);
const PROTO = { "content-type": "application/proto" };
const GRPC = { ":status": "200", "content-type": "application/grpc" };
const MIB = 1024 * 1024;

/** Writes a message as the answer, or its beginning alone. */
interface Exchange {
  readonly socket: Socket;
  answer(message: Uint8Array): void;
  begin(): void;
  /** Says that 100 MB will come, and sends as many of them as the host takes. */
  flood(): void;
}

const faults: Readonly<Record<string, (exchange: Exchange) => void>> = {
  "bad.silent": () => {},
  "bad.hex": ({ answer }) => answer(execResponse("abc")),
  "bad.protobuf": ({ answer }) => answer(Buffer.alloc(20, 0xff)),
  "bad.status": ({ answer }) => answer(execResponse("", "error")),
  "bad.end": ({ socket, begin }) => (begin(), socket.end()),
  "bad.reset": ({ socket }) => socket.resetAndDestroy(),
  "bad.exit": ({ begin }) => (begin(), setTimeout(() => process.exit(3), 20)),
  "bad.half": ({ begin }) => begin(),
  "bad.large": ({ flood }) => flood(),
};

function serve(exchange: Exchange, isPing: boolean, body: Uint8Array): void {
  if (isPing) return pong(exchange);
  const command = Buffer.from(body.subarray(2, 2 + (body[1] ?? 0))).toString();
  const payload = body.subarray(2 + command.length + 2);
  (faults[command] ?? (({ answer }) => answer(execResponse(payload))))(exchange);
}

function pong({ answer }: Exchange): void {
  if (mode !== "deaf") answer(execResponse(mode === "gnop" ? "gnop" : "pong"));
}

function floodWith(socket: Socket, start: Uint8Array, part: Uint8Array): void {
  let left = 100;
  const more = () => {
    if (socket.writable && left-- > 0) socket.write(part, more);
  };
  socket.write(start, more);
}

// A plugin that says x-polyplug, and cannot prove that it was started by this host.
const claim: Record<string, string> = mode === "impostor" ? { "x-polyplug": "1; features=raw", "x-polyplug-proof": "00" } : {};

function overFrames(socket: Socket, stream: number, body: Uint8Array): void {
  const head = headersFrame(stream, { ...GRPC, ...claim });
  const exchange: Exchange = {
    socket,
    answer: (message) =>
      void socket.write(Buffer.concat([head, dataFrames(stream, envelope(message)), headersFrame(stream, { "grpc-status": "0" }, true)])),
    begin: () => void socket.write(Buffer.concat([head, dataFrames(stream, Buffer.alloc(3))])),
    // As much as every window allows: what is beyond is an error of the connection, and of every call on it.
    flood: () =>
      void socket.write(
        Buffer.concat([head, dataFrames(stream, envelope(Buffer.alloc(0), 100 * MIB)), dataFrames(stream, Buffer.alloc(8000))]),
      ),
  };
  const command = Buffer.from(body).toString("latin1");
  if (command.includes("bad.refused")) socket.write(resetFrame(stream, H2.REFUSED_STREAM));
  else if (command.includes("bad.cancel")) socket.write(resetFrame(stream, H2.CANCEL));
  else if (command.includes("bad.goaway")) socket.end(goawayFrame(stream, H2.INTERNAL_ERROR));
  else serve(exchange, body.length === 5, body.subarray(5));
}

function overHttp(socket: Socket, isPing: boolean, body: Uint8Array): void {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\n";
  const exchange: Exchange = {
    socket,
    answer: (message) => void socket.write(rawAnswer(200, message, { ...PROTO, ...claim })),
    begin: () => void socket.write(`${head}content-length: 50\r\n\r\nabc`),
    flood: () => floodWith(socket, Buffer.from(`${head}content-length: ${100 * MIB}\r\n\r\n`), Buffer.alloc(MIB)),
  };
  serve(exchange, isPing, body);
}

if (mode === "exits") {
  process.stderr.write("no licence found\n");
  process.exit(4);
}
process.stdin.resume().on("end", () => process.exit());
const announce = async ({ port }: { readonly port: number }) => {
  process.stdout.write(`${JSON.stringify({ polyplug: 1, comm_type: wire, address: `http://127.0.0.1:${port}` })}\n`);
  await new Promise(() => {});
};
if (wire === "grpc") await withFrames((socket, { stream, body }) => overFrames(socket, stream, body), announce);
else await withHttp((socket, { line, body }) => overHttp(socket, line.includes("Ping"), body), announce);
