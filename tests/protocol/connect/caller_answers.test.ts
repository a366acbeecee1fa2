/**
 * Rows A8 and B1 on Connect: what the host makes of each answer, right, wrong or cut off; a wrong one fails its own call alone, sent once.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { DriverCaller, DriverOptions } from "../../../protocol/caller.ts";
import { openConnectCaller } from "../../../protocol/connect/caller.ts";
import type { PluginError } from "../../../protocol/errors.ts";
import { text } from "../../support.ts";
import { execResponse, field } from "../grpc/messages.ts";
import { type Peer, rawAnswer, withPeer } from "../rest/raw_http.ts";

const LIMIT = 1024;
const CAP = 2 * LIMIT + 64 * 1024;
const PROTO = { "content-type": "application/proto" };
const JSON_TYPE = { "content-type": "application/json" };
const CHUNKED = { ...PROTO, "transfer-encoding": "chunked" };
const LIMITED = /limit of 1024 bytes/;
const MAY_HAVE_RUN = /may have run/;

type Faulty = (socket: Socket) => void;
type Form = "raw";
const says = (answer: string | Uint8Array): Faulty => (socket) => void socket.write(answer);
const saysAndEnds = (answer: string | Uint8Array): Faulty => (socket) => void socket.end(answer);
const answers = (status: number, body: string | Uint8Array, headers: Record<string, string> = PROTO): Faulty =>
  says(rawAnswer(status, body, headers));

/** Calls a peer whose first answer is the given one and whose later ones are right. */
async function withFaulty(
  faulty: Faulty,
  use: (driver: DriverCaller, peer: Peer) => Promise<void>,
  options: Partial<DriverOptions> = {},
): Promise<void> {
  await withPeer(
    (socket, _request, number) => number === 1 ? faulty(socket) : socket.write(rawAnswer(200, execResponse("6e657874"), PROTO)),
    async (peer) => {
      const endpoint = { kind: "tcp", url: new URL(`http://127.0.0.1:${peer.port}`) } as const;
      const given = { host: "app", plugin: "peer", dialect: undefined, maxPayloadBytes: LIMIT, ...options };
      const driver = await openConnectCaller(endpoint, given);
      try {
        await use(driver, peer);
      } finally {
        await driver.close();
      }
    },
  );
}

const right: readonly (readonly [title: string, faulty: Faulty, expected: string, raw?: Form])[] = [
  ["hex", answers(200, execResponse("6869")), "hi"],
  ["upper-case hex", answers(200, execResponse("4A4B")), "JK"],
  ["raw bytes", answers(200, execResponse("6869")), "6869", "raw"],
  ["an empty status", answers(200, field(2, field(1, "6869"))), "hi"],
  ["no data", answers(200, field(1, "success")), ""],
  ["an empty body, which is proto3's empty message", answers(200, ""), ""],
  ["fields that nobody knows", answers(200, Buffer.concat([execResponse("6869"), field(9, "later")])), "hi"],
  ["trailers in headers", answers(200, execResponse("6869"), { ...PROTO, "trailer-x": "1", "x-other-bin": "AAEC" }), "hi"],
  ["chunks", answers(200, "4\r\n\n\x07su\r\nc\r\nccess\x12\x06\n\x04686\r\n1\r\n9\r\n0\r\n\r\n", CHUNKED), "hi"],
  ["as many bytes in hex as the limit allows", answers(200, execResponse("41".repeat(LIMIT))), "A".repeat(LIMIT)],
  ["as many raw bytes as the limit allows", answers(200, execResponse("A".repeat(LIMIT))), "A".repeat(LIMIT), "raw"],
];

for (const [title, faulty, expected, raw] of right) {
  test(`A8, B1: Connect: exec() takes an answer with ${title}`, async () => {
    await withFaulty(faulty, async (driver, peer) => {
      assert.equal(text(await driver.exec("a")), expected);
      assert.equal(peer.requests.length, 1);
    }, { dialect: raw === "raw" ? "goplugin-1" : "seed" });
  });
}

const refusal = '{"status":"error","data":null,"message":"There is no /plugin.Plugin/Exec","code":"exec.not_found"}';
const wrong: readonly (readonly [title: string, faulty: Faulty, code: string, message?: RegExp, raw?: Form])[] = [
  ["a 202", answers(202, execResponse("6869")), "caller.bad_response", /202, not 200/],
  ["a 204", says("HTTP/1.1 204 No Content\r\n\r\n"), "caller.bad_response", /204, not 200/],
  ["a redirect", answers(307, "", { location: "/elsewhere" }), "caller.bad_response", /307, not 200/],
  ["a 404", answers(404, "", {}), "caller.bad_response", /404.*comm_type/s],
  ["a 404 page", answers(404, "<h1>Not Found</h1>", { "content-type": "text/html" }), "caller.bad_response", /404.*<h1>Not Found/],
  ["what a plugin that serves REST says", answers(404, refusal, JSON_TYPE), "caller.bad_response", /404.*comm_type/s],
  ["a 500 with JSON of another shape", answers(500, '["x"]', JSON_TYPE), "caller.bad_response", /500/],
  ["a 500 with half a JSON", answers(500, '{"code":"unk', JSON_TYPE), "caller.bad_response", /500/],
  ["a 503 with a protobuf", answers(503, execResponse("6869")), "caller.bad_response", /503/],
  ["JSON that nobody asked for", answers(200, '{"Data":{"Response":"6869"}}', JSON_TYPE), "caller.bad_response", /content type/],
  ["REST's right answer", answers(200, '{"status":"success","data":{"response":"6869"}}', JSON_TYPE), "caller.bad_response"],
  ["another content type", answers(200, execResponse("6869"), { "content-type": "text/plain" }), "caller.bad_response", /content type/],
  ["no content type", answers(200, execResponse("6869"), {}), "caller.bad_response", /content type/],
  ["gRPC's content type", answers(200, execResponse("6869"), { "content-type": "application/grpc" }), "caller.bad_response"],
  ["an encoding that nobody asked for", answers(200, "zip", { ...PROTO, "content-encoding": "gzip" }), "caller.bad_response"],
  ["no protobuf", answers(200, Buffer.alloc(11, 0xff)), "caller.bad_response"],
  ["a field that is longer than the message", answers(200, Buffer.from([0x0a, 0x50, 0x41])), "caller.bad_response"],
  ["a status text other than success", answers(200, execResponse("6869", "error")), "caller.bad_response", /"error"/],
  ["odd hex", answers(200, execResponse("abc")), "caller.bad_response", /not hex/],
  ["bad hex", answers(200, execResponse("zz")), "caller.bad_response", /not hex/],
  [
    "a form that was not asked for",
    answers(200, execResponse("6869"), { ...PROTO, "x-payload": "raw" }),
    "caller.bad_response",
    /raw, where/,
  ],
  ["one byte over the limit in hex", answers(200, execResponse("41".repeat(LIMIT + 1))), "caller.too_large", LIMITED],
  ["one byte over the limit, raw", answers(200, execResponse("A".repeat(LIMIT + 1))), "caller.too_large", LIMITED, "raw"],
  [
    "a length over the cap",
    says(`HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: ${CAP + 1}\r\n\r\nx`),
    "caller.too_large",
    LIMITED,
  ],
  ["a body over the cap", answers(200, execResponse("A".repeat(200_000))), "caller.too_large", LIMITED],
  ["an error text over the cap", answers(500, "x".repeat(200_000), JSON_TYPE), "caller.too_large", LIMITED],
  ["another protocol", saysAndEnds("SSH-2.0-OpenSSH_9.6\r\n"), "caller.bad_response", /not HTTP/],
  ["frames of HTTP/2", saysAndEnds(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0])), "caller.bad_response"],
  ["nothing at all", (socket) => void socket.end(), "caller.lost", MAY_HAVE_RUN],
  ["half the headers", saysAndEnds("HTTP/1.1 200 OK\r\ncontent-le"), "caller.lost"],
  ["half a body", saysAndEnds("HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 17\r\n\r\n\n\x07suc"), "caller.lost"],
  [
    "chunks without the last",
    saysAndEnds("HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ntransfer-encoding: chunked\r\n\r\n1\r\n\n\r\n"),
    "caller.lost",
  ],
  ["a reset connection", (socket) => void socket.resetAndDestroy(), "caller.lost"],
];

for (const [title, faulty, code, said = /./, raw] of wrong) {
  test(`A8, B1: Connect: exec() answered by ${title} is ${code}, and fails alone`, async () => {
    await withFaulty(faulty, async (driver, peer) => {
      await assert.rejects(driver.exec("a"), (error: PluginError) => {
        assert.deepEqual([error.name, error.code, error.origin, error.plugin], ["PluginError", code, "host", "peer"], error.message);
        assert.match(`${error.message} ${error.hint ?? ""}`, said);
        return true;
      });
      assert.equal(peer.requests.length, 1);
      assert.equal(text(await driver.exec("a")), raw === "raw" ? "6e657874" : "next");
      assert.equal(peer.requests.length, 2);
    }, { dialect: raw === "raw" ? "goplugin-1" : "seed" });
  });
}

const own = (code: string): Record<string, string> => ({ ...JSON_TYPE, "x-error-code": code });
const refusals: readonly (readonly [title: string, faulty: Faulty, code: string, message: RegExp])[] = [
  [
    "its own code",
    answers(500, '{"code":"unknown","message":"no such language"}', own("InvalidArgument")),
    "InvalidArgument",
    /^no such language$/,
  ],
  [
    "a message of two lines",
    answers(500, '{"code":"unknown","message":"Grüße\\n\\"two\\" 100%"}', JSON_TYPE),
    "exec.failed",
    /^Grüße\n"two" 100%$/,
  ],
  ["no message", answers(503, '{"code":"unavailable"}', JSON_TYPE), "exec.failed", /Unavailable/],
  ["a message that is no text", answers(500, '{"code":"internal","message":7}', JSON_TYPE), "exec.failed", /Internal/],
  ["a forged code of the host's", answers(500, '{"code":"unknown","message":"m"}', own("host.stopped")), "exec.failed", /^m$/],
  ["a forged code of the caller's", answers(503, '{"code":"unavailable","message":"m"}', own("caller.refused")), "exec.failed", /^m$/],
  ["unavailable", answers(503, '{"code":"unavailable","message":"m"}', own("exec.unavailable")), "exec.unavailable", /^m$/],
  ["unavailable without a code of ours", answers(503, '{"code":"unavailable","message":"m"}', JSON_TYPE), "exec.failed", /^m$/],
  ["invalid argument", answers(400, '{"code":"invalid_argument","message":"m"}', JSON_TYPE), "exec.bad_request", /^m$/],
  ["unimplemented", answers(404, '{"code":"unimplemented","message":"m"}', JSON_TYPE), "exec.unknown_command", /^m$/],
  ["unauthenticated", answers(401, '{"code":"unauthenticated","message":"m"}', JSON_TYPE), "exec.unauthenticated", /^m$/],
  ["permission denied", answers(403, '{"code":"permission_denied","message":"m"}', JSON_TYPE), "exec.forbidden", /^m$/],
  ["resource exhausted", answers(429, '{"code":"resource_exhausted","message":"m"}', JSON_TYPE), "exec.too_large", /^m$/],
  ["deadline exceeded", answers(504, '{"code":"deadline_exceeded","message":"m"}', JSON_TYPE), "exec.timeout", /^m$/],
  [
    "details that are garbage",
    answers(404, '{"code":"not_found","message":"m","details":[{"value":"%"}]}', JSON_TYPE),
    "exec.not_found",
    /^m$/,
  ],
  ["a code that Connect does not have", answers(500, '{"code":"own","message":"m"}', own("own")), "own", /^m$/],
];

for (const [title, faulty, code, message] of refusals) {
  test(`A8, B1: Connect: exec() refused with ${title} is ${code} of the plugin`, async () => {
    await withFaulty(faulty, async (driver, peer) => {
      await assert.rejects(driver.exec("a"), { name: "PluginError", code, origin: "plugin", plugin: "peer", message });
      assert.equal(text(await driver.exec("a")), "next");
      assert.equal(peer.requests.length, 2);
    });
  });
}

for (
  const [title, faulty, code] of [
    ["another word", answers(200, execResponse("gnop")), "caller.bad_response"],
    ["no data", answers(200, field(1, "success")), "caller.bad_response"],
    ["REST's pong", answers(200, '{"status":"success","data":{"response":"pong"}}', JSON_TYPE), "caller.bad_response"],
    ["200 KiB", answers(200, execResponse("x".repeat(200_000))), "caller.too_large"],
    ["nothing", (socket: Socket) => void socket.end(), "caller.lost"],
  ] as const
) {
  test(`A8, B1: Connect: ping() answered by ${title} is ${code}, and fails alone`, async () => {
    await withFaulty(faulty, async (driver, peer) => {
      await assert.rejects(driver.ping(), { name: "PluginError", code, origin: "host", plugin: "peer" });
      assert.equal(text(await driver.exec("a")), "next");
      assert.equal(peer.requests.length, 2);
    });
  });
}
