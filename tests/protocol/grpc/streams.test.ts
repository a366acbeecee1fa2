/**
 * D20 on gRPC: what the host makes of each stream, right, wrong or cut off; a wrong one fails alone.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { openGrpcCaller } from "../../../protocol/grpc/caller.ts";
import { bytes } from "../../support.ts";
import { OPTIONS, partsOf, tcp } from "../streams.ts";
import { envelope, execResponse } from "./messages.ts";
import { dataFrames, goawayFrame, H2, headersFrame, resetFrame, withPeer } from "./raw_http2.ts";

const GRPC = { ":status": "200", "content-type": "application/grpc" };
type Frames = (stream: number) => Buffer;
const all = (...parts: readonly Frames[]): Frames => (stream) => Buffer.concat(parts.map((part) => part(stream)));
const head = (fields: Record<string, string> = GRPC): Frames => (stream) => headersFrame(stream, fields);
const data = (content: Uint8Array, end = false): Frames => (stream) => dataFrames(stream, content, end);
const part = (text: string): Frames => data(envelope(execResponse(bytes(text))));
const trailers = (fields: Record<string, string> = { "grpc-status": "0" }): Frames => (stream) => headersFrame(stream, fields, true);
const reset = (code: number): Frames => (stream) => resetFrame(stream, code);
const right = all(head(), part("a"), part("b"), trailers());
const OWN = { "grpc-status": "2", "grpc-message": "no", "x-error-code": "own.code" };

/** Each answer, the parts that come of it, and how the stream ends. */
const ANSWERS: readonly (readonly [title: string, answer: Frames, parts: readonly string[], end: string, ends?: boolean])[] = [
  ["a right one", right, ["a", "b"], "end"],
  [
    "two parts in a frame, and one in two",
    all(
      head(),
      data(Buffer.concat([envelope(execResponse("a")), envelope(execResponse("b")), envelope(execResponse("c")).subarray(0, 3)])),
      data(envelope(execResponse("c")).subarray(3)),
      trailers(),
    ),
    ["a", "b", "c"],
    "end",
  ],
  ["no part", all(head(), trailers()), [], "end"],
  ["no part and no headers of its own", all(trailers({ ...GRPC, "grpc-status": "0" })), [], "end"],
  ["an error of the plugin's own", all(head(), part("a"), trailers(OWN)), ["a"], "peer: own.code"],
  ["an error at once", all(trailers({ ...GRPC, ...OWN })), [], "peer: own.code"],
  ["an error with a code of the host's", all(head(), trailers({ ...OWN, "x-error-code": "host.stopped" })), [], "peer: exec.failed"],
  ["an error with no code of ours", all(trailers({ ...GRPC, "grpc-status": "12" })), [], "peer: exec.unknown_command"],
  ["trailers without a status", all(head(), part("a"), trailers({ "x-any": "1" })), ["a"], "peer: caller.lost"],
  ["no trailers", all(head(), data(envelope(execResponse("a")), true)), ["a"], "peer: caller.lost"],
  ["a reset", all(head(), part("a"), reset(H2.INTERNAL_ERROR)), ["a"], "peer: caller.lost"],
  ["a refused stream", reset(H2.REFUSED_STREAM), [], "peer: caller.refused"],
  ["a cut connection", all(head(), part("a")), ["a"], "peer: caller.lost", true],
  ["a goodbye that does not know it", () => goawayFrame(0, H2.NO_ERROR), [], "peer: caller.refused", true],
  [
    "an end within a part",
    all(head(), part("a"), data(envelope(execResponse("b")).subarray(0, 7)), trailers()),
    ["a"],
    "peer: caller.bad_response",
  ],
  [
    "a compressed part",
    all(head(), part("a"), data(envelope(execResponse("b"), undefined, 1)), trailers()),
    ["a"],
    "peer: caller.bad_response",
  ],
  ["a part that is no message", all(head(), data(envelope(Buffer.alloc(9, 0xff))), trailers()), [], "peer: caller.bad_response"],
  ["a part that says error", all(head(), data(envelope(execResponse("", "error"))), trailers()), [], "peer: caller.bad_response"],
  ["a page", all(head({ ":status": "404", "content-type": "text/html" }), data(bytes("<html>"), true)), [], "peer: caller.bad_response"],
  [
    "another content type",
    all(head({ ":status": "200", "content-type": "application/proto" }), part("a"), trailers()),
    [],
    "peer: caller.bad_response",
  ],
  ["a part of the limit", all(head(), part("x".repeat(1024)), trailers()), ["1024 bytes"], "end"],
  ["a part over the limit", all(head(), part("a"), part("x".repeat(1025)), trailers()), ["a"], "peer: caller.too_large"],
  ["a part said to have 4 GiB", all(head(), part("a"), data(envelope(bytes("b"), 2 ** 32 - 1))), ["a"], "peer: caller.too_large"],
];

for (const [title, answer, parts, end, ends] of ANSWERS) {
  test(`D20: gRPC: ${title}: then ${end.replace("peer: ", "")}; the next stream is right`, async () => {
    await withPeer((socket, { stream }, number) => {
      socket.write((number === 1 ? answer : right)(stream));
      if (number === 1 && ends === true) socket.end();
    }, async ({ port }) => {
      const driver = await openGrpcCaller(tcp(port), OPTIONS);
      try {
        const [came, ended] = await partsOf(driver);
        assert.equal(ended, end);
        // Of a stream that is reset or cut, what was read before may have come or not.
        assert.deepEqual(came.length === 0 && end === "peer: caller.lost" ? parts.slice(0, 0) : parts, came);
        assert.deepEqual(await partsOf(driver), [["a", "b"], "end"]);
      } finally {
        await driver.close();
      }
    });
  });
}
