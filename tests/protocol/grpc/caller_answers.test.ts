/**
 * Rows A8 and B1 on gRPC: what the host makes of each answer, right, wrong or cut off; a wrong one fails its own call alone, sent once.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { DriverCaller, DriverOptions } from "../../../protocol/caller.ts";
import type { PluginError } from "../../../protocol/errors.ts";
import { openGrpcCaller } from "../../../protocol/grpc/caller.ts";
import { text } from "../../support.ts";
import { envelope, execResponse, field } from "./messages.ts";
import { type Answering, dataFrames, goawayFrame, H2, headersFrame, type Peer, resetFrame, withPeer } from "./raw_http2.ts";

const LIMIT = 1024;
const LIMITED = /limit of 1024 bytes/;
const MAY_HAVE_RUN = /may have run/;
const GRPC = { ":status": "200", "content-type": "application/grpc" };
const PAGE = { ":status": "404", "content-type": "text/html" };
const OK = { "grpc-status": "0" };

/** The frames of one answer. */
type Faulty = (stream: number) => Buffer;
const frames = (...parts: readonly ((stream: number) => Buffer)[]): Faulty => (stream) => Buffer.concat(parts.map((part) => part(stream)));
const head = (headers: Readonly<Record<string, string>> = GRPC) => (stream: number) => headersFrame(stream, headers);
const body = (bytes: Uint8Array) => (stream: number) => dataFrames(stream, bytes);
const trailers = (fields: Readonly<Record<string, string>> = OK) => (stream: number) => headersFrame(stream, fields, true);
const trailersOnly = (fields: Readonly<Record<string, string>>): Faulty => (stream) => headersFrame(stream, { ...GRPC, ...fields }, true);
const reset = (code: number) => (stream: number) => resetFrame(stream, code);
const whole = (message: Uint8Array, fields?: Readonly<Record<string, string>>, headers?: Readonly<Record<string, string>>): Faulty =>
  frames(head(headers), body(envelope(message)), trailers(fields));
const right: Faulty = whole(execResponse("6e657874"));

/** Calls a peer whose first answer is the given one and whose later ones are right. */
async function withFaulty(
  faulty: (socket: Socket, stream: number) => void,
  use: (driver: DriverCaller, peer: Peer) => Promise<void>,
  options: Partial<DriverOptions> = {},
): Promise<void> {
  const answer: Answering = (socket, { stream }, number) => {
    if (number === 1) faulty(socket, stream);
    else socket.write(right(stream));
  };
  await withPeer(answer, async (peer) => {
    const endpoint = { kind: "tcp", url: new URL(`http://127.0.0.1:${peer.port}`) } as const;
    const given = { host: "app", plugin: "peer", dialect: undefined, maxPayloadBytes: LIMIT, ...options };
    const driver = await openGrpcCaller(endpoint, given);
    try {
      await use(driver, peer);
    } finally {
      await driver.close();
    }
  });
}

/** What a peer does once it has read a call. */
type OnSocket = (socket: Socket, stream: number) => void;
const says = (faulty: Faulty): OnSocket => (socket, stream) => void socket.write(faulty(stream));
const saysAndEnds = (faulty: Faulty): OnSocket => (socket, stream) => void socket.end(faulty(stream));
const saysAndResets = (faulty: Faulty): OnSocket => (socket, stream) =>
  void socket.write(faulty(stream), () => setTimeout(() => socket.resetAndDestroy(), 20));
const message = envelope(execResponse("6869"));
const packed = envelope(Buffer.from("zip"), 3, 1);
const nothing: Faulty = () => Buffer.alloc(0);

const rightAnswers: readonly (readonly [title: string, faulty: Faulty, expected: string, raw?: "raw"])[] = [
  ["hex", whole(execResponse("6869")), "hi"],
  ["upper-case hex", whole(execResponse("4A4B")), "JK"],
  ["raw bytes", whole(execResponse("6869")), "6869", "raw"],
  ["a status that is empty", whole(field(2, field(1, "6869"))), "hi"],
  ["no data, which is what proto3 writes for empty data", whole(field(1, "success")), ""],
  ["an empty message", whole(Buffer.alloc(0)), ""],
  ["fields that nobody knows", whole(Buffer.concat([execResponse("6869"), field(9, "later"), Buffer.from([0x50, 0x01])])), "hi"],
  ["the content type of protobuf", whole(execResponse("6869"), OK, { ...GRPC, "content-type": "application/grpc+proto" }), "hi"],
  ["metadata that nobody knows", whole(execResponse("6869"), { ...OK, "x-later": "1" }, { ...GRPC, "x-other-bin": "AAEC" }), "hi"],
  [
    "a message in four pieces",
    frames(head(), ...[0, 3, 9].map((at, i, all) => body(message.subarray(at, all[i + 1]))), body(Buffer.alloc(0)), trailers()),
    "hi",
  ],
  ["as many bytes in hex as the limit allows", whole(execResponse("41".repeat(LIMIT))), "A".repeat(LIMIT)],
  ["as many raw bytes as the limit allows", whole(execResponse("A".repeat(LIMIT))), "A".repeat(LIMIT), "raw"],
  ["identity as its encoding", whole(execResponse("6869"), OK, { ...GRPC, "grpc-encoding": "identity" }), "hi"],
];

for (const [title, faulty, expected, raw] of rightAnswers) {
  test(`A8, B1: gRPC: exec() takes an answer with ${title}`, async () => {
    await withFaulty(says(faulty), async (driver, peer) => {
      assert.equal(text(await driver.exec("a")), expected);
      assert.equal(peer.calls.length, 1);
    }, { dialect: raw === "raw" ? "goplugin-1" : "seed" });
  });
}

const bad: readonly (readonly [title: string, faulty: Faulty, message: RegExp])[] = [
  ["no grpc-status", frames(head(), body(message), trailers({ "x-other": "1" })), /status/],
  ["an end without trailers", frames(head(), (stream) => dataFrames(stream, message, true)), /status/],
  ["a 404", (stream) => headersFrame(stream, { ":status": "404" }, true), /404/],
  ["a 404 page", frames(head(PAGE), (stream) => dataFrames(stream, Buffer.from("<h1>"), true)), /404/],
  ["a 503", (stream) => headersFrame(stream, { ...GRPC, ":status": "503" }, true), /503/],
  ["another content type", whole(execResponse("6869"), OK, { ...GRPC, "content-type": "application/json" }), /content type/],
  ["no content type", whole(execResponse("6869"), OK, { ":status": "200" }), /content type/],
  ["no message", frames(head(), trailers()), /message/],
  ["trailers alone, which say that all is well", trailersOnly(OK), /message/],
  ["half the length", frames(head(), body(message.subarray(0, 3)), trailers()), /./],
  ["half a message", frames(head(), body(message.subarray(0, 9)), trailers()), /./],
  ["half a message and RST_STREAM NO_ERROR", frames(head(), body(message.subarray(0, 9)), reset(H2.NO_ERROR)), /./],
  ["two messages", frames(head(), body(message), body(message), trailers()), /./],
  ["an encoding that nobody asked for", frames(head({ ...GRPC, "grpc-encoding": "gzip" }), body(packed), trailers()), /encoding/],
  ["a compressed message without an encoding", frames(head(), body(packed), trailers()), /./],
  ["no protobuf", whole(Buffer.alloc(11, 0xff)), /./],
  ["a field that is longer than the message", whole(Buffer.from([0x0a, 0x50, 0x41])), /./],
  ["a status text other than success", whole(execResponse("6869", "error")), /"error"/],
  ["odd hex", whole(execResponse("abc")), /not hex/],
  ["bad hex", whole(execResponse("zz")), /not hex/],
  ["a form that was not asked for", whole(execResponse("6869"), OK, { ...GRPC, "x-payload": "raw" }), /raw, where hex/],
];
const wrong: readonly (readonly [title: string, faulty: OnSocket, code: string, message?: RegExp, raw?: "raw"])[] = [
  ...bad.map(([title, faulty, said]) => [title, says(faulty), "caller.bad_response", said] as const),
  ["one byte over the limit in hex", says(whole(execResponse("41".repeat(LIMIT + 1)))), "caller.too_large", LIMITED],
  ["one byte over the limit, raw", says(whole(execResponse("A".repeat(LIMIT + 1)))), "caller.too_large", LIMITED, "raw"],
  ["a length over the cap", says(frames(head(), body(envelope(Buffer.from("x"), 2 ** 31)))), "caller.too_large", LIMITED],
  [
    "a length over the cap in two pieces",
    says(frames(head(), body(Buffer.from([0, 0x80])), body(Buffer.from([0, 0, 0, 1])))),
    "caller.too_large",
    LIMITED,
  ],
  ["RST_STREAM CANCEL", says(reset(H2.CANCEL)), "caller.lost", MAY_HAVE_RUN],
  ["RST_STREAM INTERNAL_ERROR", says(reset(H2.INTERNAL_ERROR)), "caller.lost"],
  ["RST_STREAM PROTOCOL_ERROR", says(reset(H2.PROTOCOL_ERROR)), "caller.lost"],
  ["RST_STREAM ENHANCE_YOUR_CALM", says(reset(H2.ENHANCE_YOUR_CALM)), "caller.lost"],
  ["RST_STREAM NO_ERROR", says(reset(H2.NO_ERROR)), "caller.lost"],
  ["RST_STREAM STREAM_CLOSED", says(reset(H2.STREAM_CLOSED)), "caller.lost"],
  ["RST_STREAM REFUSED_STREAM", says(reset(H2.REFUSED_STREAM)), "caller.refused", /not sent/],
  ["headers and RST_STREAM INTERNAL_ERROR", says(frames(head(), reset(H2.INTERNAL_ERROR))), "caller.lost"],
  ["half a message and RST_STREAM CANCEL", says(frames(head(), body(message.subarray(0, 9)), reset(H2.CANCEL))), "caller.lost"],
  ["GOAWAY that passes the call over", says(() => goawayFrame(0, H2.NO_ERROR)), "caller.refused", /not sent/],
  ["GOAWAY with an error", (socket, stream) => void socket.end(goawayFrame(stream, H2.INTERNAL_ERROR)), "caller.lost"],
  ["nothing at all", saysAndEnds(nothing), "caller.lost", MAY_HAVE_RUN],
  ["headers and no more", saysAndEnds(frames(head())), "caller.lost"],
  ["half the headers", saysAndEnds((stream) => headersFrame(stream, GRPC).subarray(0, 15)), "caller.lost"],
  ["half a message and the connection's end", saysAndEnds(frames(head(), body(message.subarray(0, 9)))), "caller.lost"],
  ["a message without trailers and the connection's end", saysAndEnds(frames(head(), body(message))), "caller.lost"],
  ["a reset connection", saysAndResets(nothing), "caller.lost"],
  ["headers and a reset connection", saysAndResets(frames(head())), "caller.lost"],
];

for (const [title, faulty, code, said = /./, raw] of wrong) {
  test(`A8, B1: gRPC: exec() answered by ${title} is ${code}, and fails alone`, async () => {
    await withFaulty(faulty, async (driver, peer) => {
      await assert.rejects(driver.exec("a"), (error: PluginError) => {
        assert.deepEqual([error.name, error.code, error.origin, error.plugin], ["PluginError", code, "host", "peer"], error.message);
        assert.match(`${error.message} ${error.hint ?? ""}`, said);
        return true;
      });
      assert.equal(peer.calls.length, 1);
      assert.equal(text(await driver.exec("a")), raw === "raw" ? "6e657874" : "next");
      assert.equal(peer.calls.length, 2);
    }, { dialect: raw === "raw" ? "goplugin-1" : "seed" });
  });
}

const notHttp2: Readonly<Record<string, Faulty>> = {
  "a frame that is too long": (stream) => Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, stream]), Buffer.alloc(2 ** 20)]),
  "headers that are no HPACK": (stream) => Buffer.concat([Buffer.from([0, 0, 4, 1, 4, 0, 0, 0, stream]), Buffer.alloc(4, 0xff)]),
  "another protocol": () => Buffer.from("SSH-2.0-OpenSSH_9.6\r\n".repeat(20)),
};

for (const [title, faulty] of Object.entries(notHttp2)) {
  test(`A8, B1: gRPC: exec() answered by ${title} is caller.bad_response or caller.lost, and fails alone`, async () => {
    await withFaulty(says(faulty), async (driver, peer) => {
      // Deno says no more than that the connection has ended.
      await assert.rejects(driver.exec("a"), {
        name: "PluginError",
        code: /^caller\.(bad_response|lost)$/,
        origin: "host",
        plugin: "peer",
      });
      assert.equal(peer.calls.length, 1);
      assert.equal(text(await driver.exec("a")), "next");
    });
  });
}

const refusals: readonly (readonly [title: string, fields: Readonly<Record<string, string>>, code: string, message: RegExp])[] = [
  [
    "its own code",
    { "grpc-status": "2", "grpc-message": "no such language", "x-error-code": "InvalidArgument" },
    "InvalidArgument",
    /^no such language$/,
  ],
  [
    "a percent-encoded message",
    { "grpc-status": "2", "grpc-message": "Gr%C3%BC%C3%9Fe%0A%22two%22 100%25" },
    "exec.failed",
    /^Grüße\n"two" 100%$/,
  ],
  ["a message that is badly percent-encoded", { "grpc-status": "5", "grpc-message": "100% of %zz %C3" }, "exec.not_found", /100% of %zz/],
  ["no message", { "grpc-status": "14" }, "exec.failed", /Unavailable/],
  ["a forged code of the host's", { "grpc-status": "2", "grpc-message": "m", "x-error-code": "host.stopped" }, "exec.failed", /^m$/],
  ["a forged code of the caller's", { "grpc-status": "14", "grpc-message": "m", "x-error-code": "caller.refused" }, "exec.failed", /^m$/],
  ["a code of another form", { "grpc-status": "2", "grpc-message": "m", "x-error-code": "has a space" }, "exec.failed", /^m$/],
  ["unavailable", { "grpc-status": "14", "grpc-message": "m", "x-error-code": "exec.unavailable" }, "exec.unavailable", /^m$/],
  ["unavailable without a code", { "grpc-status": "14", "grpc-message": "m" }, "exec.failed", /^m$/],
  ["invalid argument, as goplugin's", { "grpc-status": "3", "grpc-message": "m" }, "exec.bad_request", /^m$/],
  ["unimplemented", { "grpc-status": "12", "grpc-message": "m" }, "exec.unknown_command", /^m$/],
  ["unauthenticated", { "grpc-status": "16", "grpc-message": "m" }, "exec.unauthenticated", /^m$/],
  ["permission denied", { "grpc-status": "7", "grpc-message": "m" }, "exec.forbidden", /^m$/],
  ["resource exhausted", { "grpc-status": "8", "grpc-message": "m" }, "exec.too_large", /^m$/],
  ["deadline exceeded", { "grpc-status": "4", "grpc-message": "m" }, "exec.timeout", /^m$/],
  ["cancelled", { "grpc-status": "1", "grpc-message": "m" }, "exec.cancelled", /^m$/],
  ["a status that gRPC does not have", { "grpc-status": "99", "grpc-message": "m" }, "exec.failed", /99/],
  ["a status that is no number", { "grpc-status": "ok" }, "exec.failed", /ok/],
  [
    "details of its status that are garbage",
    { "grpc-status": "5", "grpc-message": "m", "grpc-status-details-bin": "%%%" },
    "exec.not_found",
    /^m$/,
  ],
  ["an internal error", { "grpc-status": "13", "grpc-message": "session stream closed" }, "exec.failed", /^session stream closed$/],
];

for (const [title, fields, code, message] of refusals) {
  for (const place of ["the headers", "the trailers"]) {
    test(`A8, B1: gRPC: exec() refused with ${title} in ${place} is ${code} of the plugin`, async () => {
      const faulty = place === "the headers" ? trailersOnly(fields) : frames(head(), trailers(fields));
      await withFaulty(says(faulty), async (driver, peer) => {
        await assert.rejects(driver.exec("a"), { name: "PluginError", code, origin: "plugin", plugin: "peer", message });
        assert.equal(text(await driver.exec("a")), "next");
        assert.deepEqual([peer.calls.length, peer.connections], [2, 1]);
      });
    });
  }
}

const pings: readonly (readonly [title: string, faulty: Faulty, code: string])[] = [
  ["another word", whole(execResponse("gnop")), "caller.bad_response"],
  ["hex", whole(execResponse("706f6e67")), "caller.bad_response"],
  ["no data", whole(field(1, "success")), "caller.bad_response"],
  ["a status other than success", whole(execResponse("pong", "fail")), "caller.bad_response"],
  ["a 200 without more", (stream) => headersFrame(stream, { ":status": "200" }, true), "caller.bad_response"],
];

for (const [title, faulty, code] of pings) {
  test(`A8, B1: gRPC: ping() answered by ${title} is ${code}, and fails alone`, async () => {
    await withFaulty(says(faulty), async (driver, peer) => {
      await assert.rejects(driver.ping(), { name: "PluginError", code, origin: "host", plugin: "peer" });
      assert.equal(text(await driver.exec("a")), "next");
      assert.equal(peer.calls.length, 2);
    });
  });
}
