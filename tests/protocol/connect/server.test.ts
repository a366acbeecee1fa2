/**
 * Rows A8, A11 to A13, A15 and B1 on Connect: what the plugin's side answers to raw clients, JSON as curl sends it included, and that it
 * prints nothing about any of them.
 * @module
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { test } from "node:test";
import type { Commands } from "../../../protocol/plugin.ts";
import { bytes, text } from "../../support.ts";
import { ALL, execRequest, execResponse, hex } from "../grpc/messages.ts";
import { inSilence } from "../grpc/served.ts";
import { type RawAnswer, rawRequest, sendRaw, sendThenRead } from "../rest/raw_http.ts";
import { type Served, type ServedOptions, withServer as withRestServer } from "../rest/served.ts";

const PROTO = { "content-type": "application/proto" };
const JSON_TYPE = { "content-type": "application/json" };
const TOKEN = "0123456789abcdef".repeat(4);
const BEARER = { authorization: `Bearer ${TOKEN}` };

const commands: Commands = {
  "test.echo": (payload) => payload,
  "test.context": (_payload, { requestId, from }) => bytes(`${requestId} ${from}`),
  "test.hang": () => new Promise(() => {}),
  // Throws an object with the members of the payload's JSON.
  "test.throw": (payload) => {
    throw Object.assign(new Error("no message"), JSON.parse(text(payload)));
  },
};

async function withServer(given: Commands, use: (served: Served) => Promise<void>, options: ServedOptions = {}): Promise<void> {
  await inSilence(() => withRestServer(given, use, options));
}

function proto(command: string, payload: string | Uint8Array = "", headers: Readonly<Record<string, string>> = {}): Uint8Array {
  return rawRequest("POST /plugin.Plugin/Exec", { ...PROTO, ...headers }, execRequest(command, payload));
}

function json(command: unknown, payload: unknown = "", headers: Readonly<Record<string, string>> = {}): Uint8Array {
  return rawRequest("POST /plugin.Plugin/Exec", { ...JSON_TYPE, ...headers }, JSON.stringify({ Command: command, Payload: payload }));
}

function ping(headers: Readonly<Record<string, string>> = {}): Uint8Array {
  return rawRequest("POST /plugin.Plugin/Ping", { ...JSON_TYPE, ...headers }, "{}");
}

/** The status, our code and Connect's of an error. */
function refusal({ status, headers, body }: RawAnswer): readonly unknown[] {
  return [status, headers.get("x-error-code"), JSON.parse(body).code];
}

test("A8, B1: Connect: Ping is answered in JSON and in protobuf, and says what the plugin knows", async () => {
  await withServer(commands, async ({ port }) => {
    const answer = await sendRaw(port, ping());
    assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, { Status: "success", Data: { Response: "pong" } }]);
    assert.equal(answer.headers.get("x-polyplug"), "1; features=cancel,info,init,raw,shutdown,stream");
    const binary = await sendRaw(port, rawRequest("POST /plugin.Plugin/Ping", { ...PROTO, "content-length": "0" }));
    assert.deepEqual([binary.status, binary.headers.get("content-type")], [200, "application/proto"]);
    assert.deepEqual(binary.bytes, new Uint8Array(execResponse("pong")));
  });
});

test("A8, B1: Connect: JSON as curl sends it is answered in JSON, hex in both directions, whatever the dialect", async () => {
  for (const dialect of ["seed", "goplugin-1"] as const) {
    await withServer(commands, async ({ port }) => {
      const curl = { "user-agent": "curl/8.5.0", accept: "*/*" };
      for (const type of ["application/json", "application/json; charset=utf-8", "Application/JSON"]) {
        const answer = await sendRaw(port, json("test.echo", "48656C6cff00", { ...curl, "content-type": type }));
        assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, { Status: "success", Data: { Response: "48656c6cff00" } }]);
        assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
      }
      const bare = await sendRaw(port, rawRequest("POST /plugin.Plugin/Exec", JSON_TYPE, '{"later":1,"Command":"test.echo"}'));
      assert.deepEqual(JSON.parse(bare.body), { Status: "success", Data: {} });
    }, { dialect });
  }
});

const forms: readonly (readonly [dialect: "seed" | "goplugin-1", said: "raw" | "hex" | undefined, form: "raw" | "hex"])[] = [
  ["seed", undefined, "hex"],
  ["seed", "raw", "raw"],
  ["goplugin-1", undefined, "raw"],
  ["goplugin-1", "hex", "hex"],
];

for (const [dialect, said, form] of forms) {
  test(`B1: Connect: with --dialect ${dialect}, x-payload ${said ?? "absent"} is read and answered as ${form}`, async () => {
    await withServer(commands, async ({ port }) => {
      for (const payload of [ALL, new Uint8Array([0xff, 0x00, 0x80, 0x41]), new Uint8Array(0)]) {
        const written = form === "raw" ? payload : hex(payload);
        const answer = await sendRaw(port, proto("test.echo", written, said === undefined ? {} : { "x-payload": said }));
        assert.deepEqual([answer.status, answer.headers.get("x-payload")], [200, form]);
        assert.deepEqual(answer.bytes, new Uint8Array(execResponse(written)));
      }
    }, { dialect });
  });
}

test("A8, B1: Connect: the handler gets x-request-id and x-host", async () => {
  await withServer(commands, async ({ port }) => {
    const answer = await sendRaw(port, json("test.context", "", { "x-request-id": "r-1", "X-Host": "app" }));
    assert.equal(JSON.parse(answer.body).Data.Response, hex("r-1 app"));
  });
});

const refused: readonly (readonly [title: string, request: Uint8Array, status: number, code: string | undefined, connect: string])[] = [
  ["an unknown command", json("nothing"), 501, "exec.unknown_command", "unimplemented"],
  ["a command of a prototype", proto("constructor"), 501, "exec.unknown_command", "unimplemented"],
  ["odd hex", json("test.echo", "abc"), 400, "exec.bad_request", "invalid_argument"],
  ["bad hex in protobuf", proto("test.echo", "zz"), 400, "exec.bad_request", "invalid_argument"],
  ["a form that nobody knows", proto("test.echo", "00", { "x-payload": "base64" }), 400, "exec.bad_request", "invalid_argument"],
  ["one byte over the limit", json("test.echo", "ab".repeat(1025)), 429, "exec.too_large", "resource_exhausted"],
  [
    "one byte over the limit, raw",
    proto("test.echo", new Uint8Array(1025), { "x-payload": "raw" }),
    429,
    "exec.too_large",
    "resource_exhausted",
  ],
  ["a deadline that passes", json("test.hang", "", { "connect-timeout-ms": "30" }), 504, "exec.timeout", "deadline_exceeded"],
  ["a deadline that has passed", json("test.hang", "", { "connect-timeout-ms": "0" }), 504, "exec.timeout", "deadline_exceeded"],
  ["a command that is no text", json(5), 400, "exec.bad_request", "invalid_argument"],
  ["a body that is not JSON", rawRequest("POST /plugin.Plugin/Exec", JSON_TYPE, "Command=x"), 400, "exec.bad_request", "invalid_argument"],
  ["an array", rawRequest("POST /plugin.Plugin/Exec", JSON_TYPE, "[]"), 400, "exec.bad_request", "invalid_argument"],
  ["another method of the service", rawRequest("POST /plugin.Plugin/Other", JSON_TYPE, "{}"), 404, "exec.not_found", "unimplemented"],
];

for (const [title, request, status, code, connectCode] of refused) {
  test(`A8, B1: Connect: ${title} is ${status} ${code ?? connectCode}`, async () => {
    await withServer(commands, async ({ port }) => {
      const answer = await sendRaw(port, request);
      assert.deepEqual(refusal(answer), [status, code, connectCode], answer.body);
      assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
      assert.equal((await sendRaw(port, ping())).status, 200);
    });
  });
}

test("A8, B1: Connect: no protobuf, other content types and other methods are refused, and REST is answered at the same port", async () => {
  await withServer(commands, async ({ port }) => {
    const statusOf = async (line: string, headers: Record<string, string>, body: string) =>
      (await sendRaw(port, rawRequest(line, headers, body))).status;
    assert.ok((await statusOf("POST /plugin.Plugin/Exec", PROTO, "\u007f\u007f\u007f\u007f")) >= 400);
    assert.equal(await statusOf("POST /plugin.Plugin/Exec", { "content-type": "text/plain" }, "{}"), 415);
    assert.equal(await statusOf("POST /plugin.Plugin/Exec", { "content-type": "application/grpc" }, "x"), 415);
    assert.equal(await statusOf("GET /plugin.Plugin/Exec", {}, ""), 405);
    assert.equal(await statusOf("PUT /plugin.Plugin/Exec", JSON_TYPE, "{}"), 405);
    assert.equal(await statusOf("GET /ping", {}, ""), 200);
    assert.equal(await statusOf("POST /exec", {}, '{"command":"test.echo","payload":"00"}'), 202);
  });
});

for (const value of ["9999999999", "2147483648", "soon", "-5", "1.5", "9".repeat(40)]) {
  test(`A12, B1: Connect: a connect-timeout-ms of ${value} ends no call early, and nothing is printed about it`, async () => {
    const wait = async (payload: Uint8Array) => (await new Promise((resolve) => setTimeout(resolve, 20)), payload);
    await withServer({ "test.wait": wait }, async ({ port }) => {
      for (const request of [json, proto]) {
        assert.equal((await sendRaw(port, request("test.wait", "00", { "connect-timeout-ms": value }))).status, 200);
      }
    });
  });
}

const thrown: readonly (readonly [thrown: Record<string, unknown>, status: number, code: string])[] = [
  [{ message: "m" }, 500, "exec.failed"],
  [{ message: 'Grüße 100%\n"two"', code: "InvalidArgument" }, 500, "InvalidArgument"],
  [{ message: "m", code: "has a space" }, 500, "exec.failed"],
  [{ message: "m", code: "host.stopped" }, 500, "exec.failed"],
  [{ message: "m", code: "exec.unavailable" }, 500, "exec.failed"],
  [{ message: "m", code: "exec.invalid_input" }, 400, "exec.invalid_input"],
];

for (const [error, status, code] of thrown) {
  test(`A13, B1: Connect: a handler that throws the code ${JSON.stringify(error["code"])} is ${status} ${code}, and no stack crosses`, async () => {
    await withServer(commands, async ({ port }) => {
      for (const request of [json, proto]) {
        const answer = await sendRaw(port, request("test.throw", hex(JSON.stringify({ ...error, stack: "at secret", hint: "secret" }))));
        assert.deepEqual([answer.status, answer.headers.get("x-error-code")], [status, code]);
        assert.equal(JSON.parse(answer.body).message, error["message"]);
        assert.ok(!answer.body.includes("secret"));
      }
    });
  });
}

for (const [what, headers] of Object.entries({ "no token": {}, "another token": { authorization: `Bearer ${TOKEN.slice(0, -1)}0` } })) {
  test(`A15, B1: Connect: with a token in force, a call with ${what} is unauthenticated and not run, while ping works`, async () => {
    let runs = 0;
    await withServer({ "test.echo": (payload) => (runs += 1, payload) }, async ({ port }) => {
      for (const request of [json, proto]) {
        const answer = await sendRaw(port, request("test.echo", "zz", headers));
        assert.deepEqual(refusal(answer), [401, "exec.unauthenticated", "unauthenticated"]);
        assert.ok(!answer.body.includes(TOKEN));
        assert.equal((await sendRaw(port, request("test.echo", "00", { ...headers, ...BEARER }))).status, 200);
      }
      assert.equal(runs, 2);
      assert.equal((await sendRaw(port, ping(headers))).status, 200);
    }, { token: TOKEN });
  });
}

test("A15, B1: Connect: ping proves knowledge of the token under a nonce", async () => {
  const nonce = "00112233445566778899aabbccddeeff";
  await withServer(commands, async ({ port }) => {
    const { headers } = await sendRaw(port, ping({ "x-polyplug-nonce": nonce }));
    assert.equal(headers.get("x-polyplug-proof"), createHmac("sha256", TOKEN).update(nonce).digest("hex"));
  }, { token: TOKEN });
});

const doors: readonly (readonly [title: string, headers: Record<string, string>, status: number])[] = [
  ["a host that is listed", { "x-host": "app" }, 200],
  ["a host that is not listed", { "x-host": "stranger" }, 403],
  ["no host", {}, 200],
  ["a page's Origin", { origin: "http://evil.example" }, 403],
  ["the Origin null", { origin: "null" }, 403],
  ["a rebound Host", { host: "evil.example" }, 403],
];

for (const [title, headers, status] of doors) {
  test(`A15, B1: Connect: a request with ${title} is ${status}, on Ping and on Exec`, async () => {
    await withServer(commands, async ({ port }) => {
      for (const request of [ping(headers), json("test.echo", "00", headers), proto("test.echo", "00", headers)]) {
        const answer = await sendRaw(port, request);
        assert.equal(answer.status, status, answer.body);
        assert.deepEqual([...answer.headers.keys()].filter((name) => name.startsWith("access-control")), []);
      }
    }, { hosts: ["app"] });
  });
}

test("A11, B1: Connect: exactly the limit passes in each form; a body over the cap is refused and the connection closes", async () => {
  const limit = 256 * 1024;
  await withServer(commands, async ({ port }) => {
    for (const request of [json("test.echo", "ab".repeat(limit)), proto("test.echo", "ab".repeat(limit))]) {
      assert.equal((await sendRaw(port, request)).status, 200);
    }
    assert.equal((await sendRaw(port, proto("test.echo", new Uint8Array(limit), { "x-payload": "raw" }))).status, 200);
    const keep = { connection: "keep-alive" };
    for (const request of [json("test.echo", "ab".repeat(2 * limit), keep), proto("test.echo", new Uint8Array(3 * limit), keep)]) {
      const answer = await sendThenRead(port, request);
      assert.deepEqual(refusal(answer), [429, "exec.too_large", "resource_exhausted"]);
      assert.equal(answer.headers.get("connection"), "close");
    }
    assert.equal((await sendRaw(port, ping())).status, 200);
  }, { maxPayloadBytes: limit });
});

test("A12, B1: Connect: the handler's signal fires when the host closes the request's connection", async () => {
  for (const request of [json, proto]) {
    const entered = Promise.withResolvers<void>();
    const fired = Promise.withResolvers<unknown>();
    const hang: Commands[string] = (_payload, { signal }) => {
      signal.addEventListener("abort", () => fired.resolve(signal.reason.code));
      entered.resolve();
      return new Promise(() => {});
    };
    await withServer({ hang }, async ({ port }) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.write(request("hang", "", { connection: "keep-alive" }));
      await entered.promise;
      socket.destroy();
      assert.equal(await fired.promise, "exec.cancelled");
    });
  }
});

test("A8, B1: Connect: while the plugin stops, open calls are answered and new ones are exec.unavailable", async () => {
  const gate = Promise.withResolvers<Uint8Array>();
  const entered = Promise.withResolvers<void>();
  const slow = () => (entered.resolve(), gate.promise);
  await withServer({ slow }, async ({ port, dispatcher }) => {
    const open = sendRaw(port, json("slow"));
    await entered.promise;
    const drained = dispatcher.drain();
    assert.deepEqual(refusal(await sendRaw(port, json("slow"))), [503, "exec.unavailable", "unavailable"]);
    gate.resolve(bytes("done"));
    await drained;
    assert.equal(JSON.parse((await open).body).Data.Response, hex("done"));
  });
});

test("A8, B1: Connect: half requests and garbage cost their own connections alone", async () => {
  await withServer(commands, async ({ port }) => {
    const whole = proto("test.echo", "00".repeat(300));
    for (const cut of [1, 20, 60, 150, 400, whole.length - 1]) {
      const socket = connect({ host: "127.0.0.1", port });
      socket.on("error", () => {}).resume();
      await new Promise((resolve) => socket.write(whole.subarray(0, cut), resolve));
      if (cut % 2 === 0) socket.destroy();
      else socket.resetAndDestroy();
    }
    await sendRaw(port, "POST /plugin.Plugin/Exec\r\n\r\n");
    assert.equal((await sendRaw(port, proto("test.echo", "00"))).status, 200);
  });
});
