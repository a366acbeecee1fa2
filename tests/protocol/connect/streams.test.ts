/**
 * D20 on Connect: what the host makes of each stream, right, wrong or cut off; a wrong one fails alone.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { openConnectCaller } from "../../../protocol/connect/caller.ts";
import { bytes } from "../../support.ts";
import { envelope, execResponse } from "../grpc/messages.ts";
import { rawAnswer, withPeer } from "../rest/raw_http.ts";
import { OPTIONS, partsOf, tcp } from "../streams.ts";

const STREAM = { "content-type": "application/connect+proto" };
const CUT = { ...STREAM, "content-length": "500" };
const part = (text: string) => envelope(execResponse(bytes(text)));
const end = (value: string) => envelope(bytes(value), undefined, 2);
const END = end("{}");
const body = (...pieces: readonly Uint8Array[]) => rawAnswer(200, Buffer.concat(pieces), STREAM);
const RIGHT = body(part("a"), part("b"), END);
const own = '{"error":{"code":"unknown","message":"no"},"metadata":{"x-error-code":["own.code"]}}';

/** Each answer, the parts that come of it, and how the stream ends. */
const ANSWERS: readonly (readonly [title: string, answer: Uint8Array, parts: readonly string[], end: string, ends?: boolean])[] = [
  ["a right one", RIGHT, ["a", "b"], "end"],
  ["an empty part", body(envelope(execResponse("")), END), [""], "end"],
  ["an error of the plugin's own", body(part("a"), end(own)), ["a"], "peer: own.code"],
  ["an error with no code of ours", body(end('{"error":{"code":"not_found"}}')), [], "peer: exec.not_found"],
  ["an error with a code of the host's", body(end(own.replace("own.code", "host.stopped"))), [], "peer: exec.failed"],
  [
    "an error by its status",
    rawAnswer(501, '{"code":"unimplemented","message":"no"}', { "content-type": "application/json" }),
    [],
    "peer: exec.unknown_command",
  ],
  ["no end", body(part("a")), ["a"], "peer: caller.lost"],
  ["nothing at all", body(), [], "peer: caller.lost"],
  ["cut off", rawAnswer(200, part("a"), CUT), ["a"], "peer: caller.lost", true],
  ["cut off within a part", rawAnswer(200, Buffer.concat([part("a"), part("b").subarray(0, 7)]), CUT), ["a"], "peer: caller.lost", true],
  ["an end that is no JSON", body(part("a"), end("well")), ["a"], "peer: caller.bad_response"],
  ["a compressed part", body(part("a"), envelope(execResponse("b"), undefined, 1)), ["a"], "peer: caller.bad_response"],
  ["a part that is no message", body(envelope(Buffer.alloc(9, 0xff)), END), [], "peer: caller.bad_response"],
  ["a part that says error", body(envelope(execResponse("", "error")), END), [], "peer: caller.bad_response"],
  ["a part behind the end", body(part("a"), END, part("b")), ["a"], "peer: caller.bad_response"],
  ["garbage behind the end", body(part("a"), END, bytes("abc")), ["a"], "peer: caller.bad_response"],
  ["a part of the limit", body(part("x".repeat(1024)), END), ["1024 bytes"], "end"],
  ["a part over the limit", body(part("a"), part("x".repeat(1025)), END), ["a"], "peer: caller.too_large"],
  ["a part said to have 4 GiB", body(part("a"), envelope(bytes("b"), 2 ** 32 - 1)), ["a"], "peer: caller.too_large"],
  ["another content type", rawAnswer(200, part("a"), { "content-type": "application/proto" }), [], "peer: caller.bad_response"],
];

for (const [title, answer, parts, ended, ends] of ANSWERS) {
  test(`D20: Connect: ${title}: ${parts.length} parts, then ${ended.replace("peer: ", "")}; the next stream is right`, async () => {
    await withPeer(
      (socket, _request, number) => {
        socket.write(number === 1 ? answer : RIGHT);
        if (number === 1 && ends === true) socket.end();
      },
      async ({ port }) => {
        const driver = await openConnectCaller(tcp(port), OPTIONS);
        try {
          assert.deepEqual(await partsOf(driver), [parts, ended]);
          assert.deepEqual(await partsOf(driver), [["a", "b"], "end"]);
        } finally {
          await driver.close();
        }
      },
    );
  });
}
