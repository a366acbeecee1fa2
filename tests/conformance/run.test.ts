/**
 * Row B3: what a run does whatever the plugin is: addresses, aborts, what is sent and how often, the order of results.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { conform } from "../../host/conform/conform.ts";
import { reservePort } from "../../host/process/ports.ts";
import { type Answering, rawAnswer, withPeer } from "../protocol/rest/raw_http.ts";

const PONG = '{"status":"success","data":{"response":"pong"}}';

for (const address of ["", "127.0.0.1:80", "https://127.0.0.1", "http://127.0.0.1:0", "unix:relative", "ftp://x"]) {
  test(`B3: the address ${JSON.stringify(address)} is a RangeError that says how one looks`, async () => {
    await assert.rejects(conform({ address }), { name: "RangeError", message: /must be http:\/\/HOST:PORT or unix:\/path, not "/ });
  });
}

test("B3: a wire that is not known is a RangeError that says which there are", async () => {
  const target = JSON.parse('{"address":"http://127.0.0.1:80","commType":"nano"}');
  await assert.rejects(conform(target), {
    name: "RangeError",
    message: 'commType must be one of rest, grpc, connect, stdio, socket, not "nano"',
  });
});

test("B3: where nobody listens ping has failed, and the rest is skipped for it", async () => {
  const { port, release } = await reservePort();
  for (const address of [`http://127.0.0.1:${port}`, "unix:/nowhere/to/be/found"]) {
    const { results, failed, skipped } = await conform({ address });
    const [ping, ...others] = results;
    assert.deepEqual([ping?.id, ping?.kind, failed, skipped], ["ping", "failed", 1, others.length]);
    assert.match(ping?.kind === "failed" ? ping.finding.came : "", /^no answer: it does not accept connections \(.+\)$/);
    const status = results.find(({ id }) => id === "ping.status");
    assert.equal(status?.kind === "skipped" && status.reason, "needs ping, which failed");
  }
  release();
});

test("B3: results come one by one, in the order of the report", async () => {
  await withPeer((socket) => socket.end(rawAnswer(200, PONG)), async ({ port }) => {
    const seen: string[] = [];
    const report = await conform({ address: `http://127.0.0.1:${port}` }, { onResult: ({ id, kind }) => seen.push(`${kind} ${id}`) });
    assert.deepEqual(seen, report.results.map(({ id, kind }) => `${kind} ${id}`));
    assert.deepEqual(seen.slice(0, 4), ["passed ping", "passed ping.status", "passed ping.answer", "passed exec"]);
    assert.equal(report.passed + report.failed + report.skipped, report.results.length);
  });
});

test("B3: a call whose connection closes without an answer is sent once", async () => {
  const answer: Answering = (socket, { line }) => {
    if (line.startsWith("GET")) socket.end(rawAnswer(200, PONG));
    else socket.destroy();
  };
  await withPeer(answer, async ({ port, requests }) => {
    const { results } = await conform({ address: `http://127.0.0.1:${port}` });
    const exec = results.find(({ id }) => id === "exec");
    assert.match(exec?.kind === "failed" ? exec.finding.came : "", /^no answer: the connection was closed without an answer/);
    assert.equal(requests.filter(({ line }) => line.startsWith("POST /exec")).length, 1);
  });
});

test("B3: a plugin that does not say who it is never sees the token", async () => {
  const token = "0123456789abcdef".repeat(4);
  await withPeer((socket) => socket.end(rawAnswer(200, PONG)), async ({ port, requests }) => {
    await conform({ address: `http://127.0.0.1:${port}`, token }, { level: "full" });
    assert.ok(requests.some(({ line }) => line.startsWith("POST /exec")));
    const carriers = requests.filter(({ headers, body }) => `${[...headers.values()]} ${new TextDecoder().decode(body)}`.includes(token));
    assert.deepEqual(carriers, []);
  });
});

test("B3: evidence never shows the token", async () => {
  const token = "0123456789abcdef".repeat(4);
  const identity = { "x-polyplug": "1; features=raw" };
  // Lets in whoever has a part of the token, so that a check fails for which a part was sent.
  const answer: Answering = (socket, { line, headers }) => {
    const isKnown = line.startsWith("GET") || headers.get("authorization")?.startsWith(`Bearer ${token.slice(0, -1)}`) === true;
    socket.end(isKnown ? rawAnswer(200, PONG, identity) : rawAnswer(401, "{}"));
  };
  await withPeer(answer, async ({ port, requests }) => {
    const report = await conform({ address: `http://127.0.0.1:${port}`, token }, { level: "full" });
    assert.ok(requests.some(({ headers }) => headers.get("authorization") === `Bearer ${token}`));
    const wrong = report.results.find(({ id }) => id === "token.wrong");
    assert.match(wrong?.kind === "failed" ? wrong.finding.sent : "", /authorization: Bearer <token without its end>/);
    assert.ok(!JSON.stringify(report).includes(token.slice(0, -1)));
  });
});

for (const [title, answer] of [["never answers", () => {}], ["answers by bits", "HTTP/1.1 200 OK\r\n"]] as const) {
  test(`B3: a run against a plugin that ${title} rejects with the signal's reason at once`, async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    await withPeer((socket) => {
      if (typeof answer === "string") socket.write(answer);
      controller.abort(reason);
    }, async ({ port }) => {
      const run = conform({ address: `http://127.0.0.1:${port}` }, { signal: controller.signal });
      await assert.rejects(run, (error) => error === reason);
    });
  });
}

test("B3: a run whose signal has fired sends nothing", async () => {
  await withPeer((socket) => socket.destroy(), async ({ port, requests }) => {
    await assert.rejects(conform({ address: `http://127.0.0.1:${port}` }, { signal: AbortSignal.abort(new Error("no")) }), {
      message: "no",
    });
    assert.equal(requests.length, 0);
  });
});

for (
  const [title, bytes, came] of [
    ["another protocol", "SSH-2.0-OpenSSH_9\r\n\r\n", /not HTTP came: SSH-2.0-OpenSSH_9/],
    ["half an answer", "HTTP/1.1 200 OK\r\ncontent-le", /not a whole answer of HTTP came: HTTP\/1\.1 200 OK\\r\\ncontent-le/],
    ["a length that is none", "HTTP/1.1 200 OK\r\ncontent-length: much\r\n\r\n", /its content-length is "much"/],
    ["more than a payload can have", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", /the answer has more than \d+ bytes/],
    ["a chunk without a size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", /a chunk of the body begins with "xyz"/],
    ["escapes", "HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n\x1b[2J\u202e!!", /^status 500, body \\x1b\[2J\\u\{202e\}!!$/],
  ] as const
) {
  test(`B3: ${title} as the answer to ping is shown as it came, fit for a terminal`, async () => {
    await withPeer((socket) => socket.end(bytes), async ({ port }) => {
      const { results, failed } = await conform({ address: `http://127.0.0.1:${port}` });
      const [ping] = results;
      assert.deepEqual([ping?.id, failed], ["ping", 1]);
      assert.match(ping?.kind === "failed" ? ping.finding.came : "", came);
    });
  });
}

test("B3: interim answers are passed over, and a body in chunks or to the end of the connection is read", async () => {
  const chunked = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n${PONG.slice(0, 16)}\r\n1f;x=1\r\n${
    PONG.slice(16)
  }\r\n0\r\nx: y\r\n\r\n`;
  for (const bytes of [`HTTP/1.1 100 Continue\r\n\r\n${chunked}`, `HTTP/1.0 200 OK\r\n\r\n${PONG}`, `HTTP/1.1 200 OK\r\n\r\n${PONG}`]) {
    await withPeer((socket) => socket.end(bytes), async ({ port }) => {
      const { results } = await conform({ address: `http://127.0.0.1:${port}` });
      assert.deepEqual(results.slice(0, 3).map(({ id, kind }) => `${kind} ${id}`), [
        "passed ping",
        "passed ping.status",
        "passed ping.answer",
      ]);
    });
  }
});
