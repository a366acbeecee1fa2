/**
 * D20 on REST: what the host makes of each stream, right, wrong or cut off; a wrong one fails alone. And what a plugin answers by hand.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openRestCaller } from "../../../protocol/rest/caller.ts";
import { bytes } from "../../support.ts";
import { OPTIONS, partsOf, tcp } from "../streams.ts";
import { rawAnswer, rawRequest, sendRaw, withPeer } from "./raw_http.ts";
import { withServer } from "./served.ts";

const NDJSON = { "content-type": "application/x-ndjson" };
const CHUNKED = { ...NDJSON, "transfer-encoding": "chunked" };
const part = (text: string) => `{"part":"${[...bytes(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}"}\n`;
const END = '{"end":true}\n';
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const RIGHT = part("a") + part("b") + END;

/** Each answer, the parts that come of it, and how the stream ends. */
const ANSWERS: readonly (readonly [title: string, answer: string | Uint8Array, parts: readonly string[], end: string, ends?: boolean])[] = [
  ["a right one", rawAnswer(200, RIGHT, NDJSON), ["a", "b"], "end"],
  [
    "in pieces, with empty lines, more keys, upper-case hex and no last newline",
    rawAnswer(200, `${chunk('{"pa')}${chunk('rt":"6A","x":1}\r\n\n')}${chunk('{"end":true}')}0\r\n\r\n`, CHUNKED),
    ["j"],
    "end",
  ],
  ["an empty part", rawAnswer(200, `{"part":""}\n${END}`, NDJSON), [""], "end"],
  [
    "an error of the plugin's own",
    rawAnswer(200, `${part("a")}{"error":{"code":"own.code","message":"no"}}\n`, NDJSON),
    ["a"],
    "peer: own.code",
  ],
  [
    "an error with a code of the host's",
    rawAnswer(200, '{"error":{"code":"caller.lost","message":"no"}}\n', NDJSON),
    [],
    "peer: exec.failed",
  ],
  ["an error that says nothing", rawAnswer(200, '{"error":{}}\n', NDJSON), [], "peer: exec.failed"],
  [
    "an error by its status",
    rawAnswer(400, '{"status":"error","data":null,"message":"no","code":"exec.unknown_command"}'),
    [],
    "peer: exec.unknown_command",
  ],
  ["no last line", rawAnswer(200, part("a"), NDJSON), ["a"], "peer: caller.lost"],
  ["nothing at all", rawAnswer(200, "", NDJSON), [], "peer: caller.lost"],
  ["cut off within its length", rawAnswer(200, part("a"), { ...NDJSON, "content-length": "100" }), ["a"], "peer: caller.lost", true],
  ["cut off within its chunks", rawAnswer(200, chunk(part("a")), CHUNKED), ["a"], "peer: caller.lost", true],
  ["cut off within a line", rawAnswer(200, chunk(`${part("a")}{"pa`), CHUNKED), ["a"], "peer: caller.lost", true],
  ["a line that is no JSON", rawAnswer(200, `${part("a")}{"part"\n${END}`, NDJSON), ["a"], "peer: caller.bad_response"],
  ["a line that is an array", rawAnswer(200, `${part("a")}[]\n`, NDJSON), ["a"], "peer: caller.bad_response"],
  ["a line that says nothing", rawAnswer(200, `${part("a")}{}\n`, NDJSON), ["a"], "peer: caller.bad_response"],
  ["a part that is not hex", rawAnswer(200, '{"part":"6"}\n', NDJSON), [], "peer: caller.bad_response"],
  ["a part that is a number", rawAnswer(200, '{"part":66}\n', NDJSON), [], "peer: caller.bad_response"],
  ["an end that is false", rawAnswer(200, '{"end":false}\n', NDJSON), [], "peer: caller.bad_response"],
  ["a part behind the end", rawAnswer(200, part("a") + END + part("b"), NDJSON), ["a"], "peer: caller.bad_response"],
  ["garbage behind the end", rawAnswer(200, `${part("a")}${END}garbage`, NDJSON), ["a"], "peer: caller.bad_response"],
  ["a part of the limit", rawAnswer(200, part("x".repeat(1024)) + END, NDJSON), ["1024 bytes"], "end"],
  ["a part over the limit", rawAnswer(200, part("a") + part("x".repeat(1025)) + END, NDJSON), ["a"], "peer: caller.too_large"],
  [
    "a line over the limit that does not end",
    rawAnswer(200, chunk(`${part("a")}{"part":"${"66".repeat(40_000)}`), CHUNKED),
    ["a"],
    "peer: caller.too_large",
  ],
  ["an answer to exec", rawAnswer(202, '{"status":"success","data":{"response":"6869"}}'), [], "peer: caller.bad_response"],
  ["another content type", rawAnswer(200, RIGHT, { "content-type": "text/html" }), [], "peer: caller.bad_response"],
  ["no HTTP", "hello\r\n\r\n", [], "peer: caller.bad_response", true],
];

for (const [title, answer, parts, end, ends] of ANSWERS) {
  test(`D20: REST: ${title}: ${parts.length} parts, then ${end.replace("peer: ", "")}; the next stream is right`, async () => {
    await withPeer(
      (socket, _request, number) => {
        socket.write(number === 1 ? answer : rawAnswer(200, RIGHT, NDJSON));
        if (number === 1 && ends === true) socket.end();
      },
      async ({ port }) => {
        const driver = await openRestCaller(tcp(port), OPTIONS);
        try {
          assert.deepEqual(await partsOf(driver), [parts, end]);
          assert.deepEqual(await partsOf(driver), [["a", "b"], "end"]);
        } finally {
          await driver.close();
        }
      },
    );
  });
}

test("D20: REST: a stream by hand: a line for each part and one at the end; an error before the first has its status, one behind it its line", async () => {
  const commands = {
    "count.up": async function* (payload: Uint8Array) {
      for (const byte of payload) yield new Uint8Array([byte]);
    },
    "count.fail": async function* () {
      yield new Uint8Array([255]);
      throw Object.assign(new Error('Not "this"\nway'), { code: "count.broken" });
    },
  };
  await withServer(commands, async ({ port }) => {
    const post = async (command: string, payload = "") => {
      const body = JSON.stringify({ command, payload });
      const answer = await sendRaw(port, rawRequest("POST /stream", { "content-type": "application/json" }, body));
      return [answer.status, answer.headers.get("content-type"), answer.body];
    };
    assert.deepEqual(await post("count.up", "0a0B"), [200, NDJSON["content-type"], '{"part":"0a"}\n{"part":"0b"}\n{"end":true}\n']);
    assert.deepEqual(await post("count.up"), [200, NDJSON["content-type"], '{"end":true}\n']);
    assert.deepEqual(await post("count.fail"), [
      200,
      NDJSON["content-type"],
      '{"part":"ff"}\n{"error":{"code":"count.broken","message":"Not \\"this\\"\\nway"}}\n',
    ]);
    const unknown = await post("no.such");
    assert.deepEqual([unknown[0], JSON.parse(String(unknown[2])).code], [400, "exec.unknown_command"]);
    const raw = rawRequest("POST /stream", { "content-type": "application/octet-stream", "x-command": "count.up" }, "A");
    assert.equal((await sendRaw(port, raw)).body, '{"part":"41"}\n{"end":true}\n');
    assert.equal((await sendRaw(port, rawRequest("GET /stream"))).status, 405);
    const exec = await sendRaw(port, rawRequest("POST /exec", {}, JSON.stringify({ command: "count.up", payload: "" })));
    assert.deepEqual([exec.status, JSON.parse(exec.body).code], [400, "exec.bad_request"]);
  });
});
