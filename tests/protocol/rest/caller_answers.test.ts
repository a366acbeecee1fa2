/**
 * Row A8: what the host makes of each answer, right, wrong or cut off; a wrong one fails its own call alone.
 * @module
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { DriverCaller } from "../../../protocol/caller.ts";
import { openRestCaller } from "../../../protocol/rest/caller.ts";
import { bytes, text } from "../../support.ts";
import { rawAnswer, type RawRequest, rightAnswer, withPeer } from "./raw_http.ts";

const LIMIT = 1024;
const CAP = 2 * LIMIT + 64 * 1024;
const OCTETS = { "content-type": "application/octet-stream" };
const CHUNKED = { "transfer-encoding": "chunked" };
const RIGHT = '{"status":"success","data":{"response":"6869"}}';

type Faulty = (socket: Socket, request: RawRequest) => void;

/** Writes the same bytes for each request. */
const says = (answer: string | Uint8Array): Faulty => (socket) => void socket.write(answer);
/** Writes them and ends the connection. */
const saysAndEnds = (answer: string | Uint8Array): Faulty => (socket) => void socket.end(answer);
const answers = (status: number, body: string | Uint8Array, headers = {}): Faulty => says(rawAnswer(status, body, headers));

/** Calls a peer whose first answer is the given one and whose later ones are right. */
async function withFaulty(
  faulty: Faulty,
  use: (driver: DriverCaller, paths: () => readonly string[]) => Promise<void>,
  raw = false,
): Promise<void> {
  await withPeer(
    (socket, request, number) => number === 1 ? faulty(socket, request) : socket.write(rightAnswer(bytes("next"))),
    async (peer) => {
      const endpoint = { kind: "tcp", url: new URL(`http://127.0.0.1:${peer.port}`) } as const;
      const features = raw ? ["raw"] : [];
      const driver = await openRestCaller(endpoint, { host: "app", plugin: "peer", dialect: "seed", maxPayloadBytes: LIMIT, features });
      try {
        await use(driver, () => peer.requests.map(({ line }) => line));
      } finally {
        await driver.close();
      }
    },
  );
}

const right: readonly (readonly [title: string, faulty: Faulty, expected: string, raw?: "raw"])[] = [
  ["the contract's", answers(202, RIGHT), "hi"],
  ["keys in any case", answers(202, '{"Status":"success","DATA":{"Response":"6869"}}'), "hi"],
  ["no status", answers(202, '{"data":{"response":"6869"}}'), "hi"],
  ["an empty status", answers(202, '{"status":"","data":{"response":"6869"}}'), "hi"],
  ["upper-case hex and unknown keys", answers(202, '{"message":"ok","data":{"response":"4A4B","x":1}}'), "JK"],
  ["an empty response", answers(202, '{"status":"success","data":{"response":""}}'), ""],
  ["a content type of text", answers(202, RIGHT, { "content-type": "text/plain" }), "hi"],
  ["one in chunks", answers(202, `5\r\n${RIGHT.slice(0, 5)}\r\n2a\r\n${RIGHT.slice(5)}\r\n0\r\n\r\n`, CHUNKED), "hi"],
  ["one that the closed connection ends", saysAndEnds(`HTTP/1.0 202 OK\r\n\r\n${RIGHT}`), "hi"],
  ["one after an interim answer", says(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${text(rawAnswer(202, RIGHT))}`), "hi"],
  ["raw bytes", answers(202, bytes("r\u00e4w"), OCTETS), "r\u00e4w", "raw"],
  ["raw bytes in chunks", answers(202, "2\r\nra\r\n1\r\nw\r\n0\r\n\r\n", { ...OCTETS, ...CHUNKED }), "raw", "raw"],
  ["no raw bytes", answers(202, "", OCTETS), "", "raw"],
  ["as many raw bytes as the limit allows", answers(202, new Uint8Array(LIMIT).fill(65), OCTETS), "A".repeat(LIMIT), "raw"],
  ["as many bytes in hex as the limit allows", answers(202, `{"data":{"response":"${"41".repeat(LIMIT)}"}}`), "A".repeat(LIMIT)],
];

for (const [title, faulty, expected, raw] of right) {
  test(`A8: exec() takes an answer with ${title}`, async () => {
    await withFaulty(faulty, async (driver) => {
      assert.equal(text(await driver.exec("a")), expected);
      assert.equal(text(await driver.exec("a")), "next");
    }, raw === "raw");
  });
}

const wrong: readonly (readonly [title: string, faulty: Faulty, code: string, message?: RegExp, raw?: "raw"])[] = [
  ["a 200", answers(200, RIGHT), "caller.bad_response", /status is 200, not 202/],
  ["a 200 in raw bytes", answers(200, "raw", OCTETS), "caller.bad_response", /status is 200, not 202/, "raw"],
  ["a 201", answers(201, RIGHT), "caller.bad_response", /201, not 202/],
  ["a 204", says("HTTP/1.1 204 No Content\r\n\r\n"), "caller.bad_response", /204, not 202/],
  ["a redirect", answers(302, "", { location: "/elsewhere" }), "caller.bad_response", /302, not 202/],
  ["a redirect that keeps the method", answers(307, "", { location: "/elsewhere" }), "caller.bad_response", /307, not 202/],
  ["a status text other than success", answers(202, '{"status":"fail","data":{"response":"6869"}}'), "caller.bad_response", /"fail"/],
  ["no JSON", answers(202, "hello"), "caller.bad_response", /not a JSON object: hello/],
  ["no body", answers(202, ""), "caller.bad_response"],
  ["no response", answers(202, '{"status":"success","data":{}}'), "caller.bad_response", /no "data\.response" string/],
  ["a response that is no string", answers(202, '{"status":"success","data":{"response":5}}'), "caller.bad_response"],
  ["odd hex", answers(202, '{"status":"success","data":{"response":"abc"}}'), "caller.bad_response", /not hex: abc/],
  ["bad hex", answers(202, '{"status":"success","data":{"response":"zz"}}'), "caller.bad_response", /not hex: zz/],
  ["compressed bytes that nobody asked for", answers(202, "\u001f\u008b", { "content-encoding": "gzip" }), "caller.bad_response"],
  ["a length over the cap", says(`HTTP/1.1 202 OK\r\ncontent-length: ${CAP + 1}\r\n\r\n{`), "caller.too_large", /limit of 1024 bytes/],
  ["one byte over the limit in hex", answers(202, `{"data":{"response":"${"41".repeat(LIMIT + 1)}"}}`), "caller.too_large"],
  ["one byte over the limit, raw", answers(202, new Uint8Array(LIMIT + 1), OCTETS), "caller.too_large", /limit/, "raw"],
  [
    "chunks over the cap",
    endless(`HTTP/1.1 202 OK\r\ntransfer-encoding: chunked\r\n\r\n`, `4000\r\n${"x".repeat(0x4000)}\r\n`),
    "caller.too_large",
  ],
  [
    "an error text over the cap",
    endless(`HTTP/1.1 500 Sorry\r\ntransfer-encoding: chunked\r\n\r\n`, `4000\r\n${"x".repeat(0x4000)}\r\n`),
    "caller.too_large",
  ],
  ["another protocol", saysAndEnds("SSH-2.0-OpenSSH_9.6\r\n"), "caller.bad_response", /not HTTP/],
  ["zeros", saysAndEnds(new Uint8Array(64)), "caller.bad_response"],
  ["a bad status line", saysAndEnds("HTTP/1.1 abc OK\r\n\r\n"), "caller.bad_response"],
  ["a bad chunk", saysAndEnds("HTTP/1.1 202 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n"), "caller.bad_response"],
  ["a bad length", saysAndEnds("HTTP/1.1 202 OK\r\ncontent-length: -5\r\n\r\nhello"), "caller.bad_response"],
  [
    "two different lengths",
    saysAndEnds(`HTTP/1.1 202 OK\r\ncontent-length: 5\r\ncontent-length: 47\r\n\r\n${RIGHT}`),
    "caller.bad_response",
  ],
  ["headers without an end", endless("HTTP/1.1 202 OK\r\n", `x-more: ${"x".repeat(1000)}\r\n`), "caller.bad_response"],
  ["nothing at all", (socket) => void socket.end(), "caller.lost"],
  ["half a status line", saysAndEnds("HTTP/1.1 20"), "caller.lost"],
  ["half the headers", saysAndEnds("HTTP/1.1 202 OK\r\ncontent-le"), "caller.lost"],
  ["half a body", saysAndEnds(`HTTP/1.1 202 OK\r\ncontent-length: 100\r\n\r\n${RIGHT}`), "caller.lost"],
  ["half a chunk", saysAndEnds("HTTP/1.1 202 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nhalf"), "caller.lost"],
  ["chunks without the last", saysAndEnds(`HTTP/1.1 202 OK\r\ntransfer-encoding: chunked\r\n\r\n2f\r\n${RIGHT}\r\n`), "caller.lost"],
  [
    "half of raw bytes",
    saysAndEnds("HTTP/1.1 202 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 9\r\n\r\nhalf"),
    "caller.lost",
    /./,
    "raw",
  ],
  ["a reset connection", (socket) => void socket.resetAndDestroy(), "caller.lost"],
];

/** Writes on and on until the host closes the connection. */
function endless(start: string, part: string): Faulty {
  return (socket) => {
    const more = () => {
      if (socket.writable) socket.write(part, more);
    };
    socket.write(start, more);
  };
}

for (const [title, faulty, code, message = /./, raw] of wrong) {
  test(`A8: exec() answered by ${title} is ${code}, and fails alone`, async () => {
    await withFaulty(faulty, async (driver, lines) => {
      await assert.rejects(driver.exec("a"), { name: "PluginError", code, origin: "host", plugin: "peer", message });
      assert.equal(text(await driver.exec("a")), "next");
      assert.deepEqual(lines(), ["POST /exec HTTP/1.1", "POST /exec HTTP/1.1"]);
    }, raw === "raw");
  });
}

const refusals: readonly (readonly [title: string, status: number, body: string, code: string, message: RegExp])[] = [
  [
    "its code",
    500,
    '{"status":"error","data":null,"message":"no such language","code":"InvalidArgument"}',
    "InvalidArgument",
    /^no such language$/,
  ],
  ["keys in another case", 400, '{"Message":"m","CODE":"exec.unknown_command"}', "exec.unknown_command", /^m$/],
  ["a forged code", 500, '{"message":"m","code":"verify.checksum_mismatch"}', "exec.failed", /^m$/],
  ["a forged code of the caller's", 503, '{"message":"m","code":"caller.refused"}', "exec.failed", /^m$/],
  ["no code, as goplugin's", 400, '{"status":"error","data":null,"message":"Unknown command"}', "exec.bad_request", /^Unknown command$/],
  ["a page", 500, "<h1>Internal Server Error</h1>", "exec.failed", /status 500: <h1>Internal/],
  ["nothing", 404, "", "exec.not_found", /status 404/],
  ["an octet-stream body", 500, '{"message":"m","code":"own"}', "own", /^m$/],
  ["unavailable without a code", 503, "busy", "exec.failed", /busy/],
];

for (const [title, status, body, code, message] of refusals) {
  test(`A8: exec() refused with ${status} and ${title} is ${code} of the plugin`, async () => {
    await withFaulty(answers(status, body, OCTETS), async (driver) => {
      await assert.rejects(driver.exec("a"), { name: "PluginError", code, origin: "plugin", plugin: "peer", message });
      assert.equal(text(await driver.exec("a")), "next");
    }, title === "an octet-stream body");
  });
}

for (
  const [title, faulty, code] of [
    ["a 202", answers(202, '{"status":"success","data":{"response":"pong"}}'), "caller.bad_response"],
    ["another word", answers(200, '{"status":"success","data":{"response":"gnop"}}'), "caller.bad_response"],
    ["no JSON", answers(200, "pong"), "caller.bad_response"],
    ["a redirect", answers(301, "", { location: "/elsewhere" }), "caller.bad_response"],
    ["64 KiB", answers(200, "x".repeat(65_537)), "caller.too_large"],
    ["another protocol", saysAndEnds("220 smtp.example.org ESMTP\r\n"), "caller.bad_response"],
    ["nothing", (socket: Socket) => void socket.end(), "caller.lost"],
  ] as const
) {
  test(`A8: ping() answered by ${title} is ${code}, and fails alone`, async () => {
    await withFaulty(faulty, async (driver, lines) => {
      await assert.rejects(driver.ping(), { name: "PluginError", code, origin: "host", plugin: "peer" });
      assert.equal(text(await driver.exec("a")), "next");
      assert.deepEqual(lines(), ["GET /ping HTTP/1.1", "POST /exec HTTP/1.1"]);
    });
  });
}
