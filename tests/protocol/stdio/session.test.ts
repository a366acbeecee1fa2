/**
 * Row D15: a session from either end: both directions at once, ids, cancel, limits, back-pressure, and what is no JSON-RPC.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PluginError } from "../../../protocol/errors.ts";
import { openStdioCaller } from "../../../protocol/stdio/caller.ts";
import { bytes, text } from "../../support.ts";
import { connected, hold, Pipe, refuse } from "./pipes.ts";

const NOTHING = new Uint8Array(0);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

test("D15: 300 calls in each direction at once each get their own answer, and the ids of the two sides may be the same", async () => {
  const echo = { "unit.echo": async (payload: Uint8Array) => (await turn(), payload) };
  const [host, plugin] = connected({ commands: echo }, { commands: echo });
  const calls = [host, plugin].flatMap(({ session }, side) =>
    Array.from({ length: 300 }, async (_, index) => text(await session.asking.exec("unit.echo", bytes(`${side}:${index}`), {})))
  );
  const wanted = [0, 1].flatMap((side) => Array.from({ length: 300 }, (_, index) => `${side}:${index}`));
  assert.deepEqual(await Promise.all(calls), wanted);
  assert.deepEqual([host.notices, plugin.notices], [[], []]);
});

test("D15: answers are matched by id and not by order, a late one of a call that was given up among them", async () => {
  const { session, tell, said, output, notices } = hold();
  session.asking.takesCancel = true;
  const controller = new AbortController();
  const calls = ["a", "b", "c"].map((command, index) =>
    session.asking.exec(command, NOTHING, index === 1 ? { signal: controller.signal } : {})
  );
  await output.hasWritten(1);
  assert.equal(output.written.length, 1, "what is said in one tick is one write");
  const reason = new Error("no longer");
  controller.abort(reason);
  await assert.rejects(calls[1] ?? Promise.resolve(), reason);
  await until(() => said().length === 4);
  assert.deepEqual(said()[3], { jsonrpc: "2.0", method: "$/cancel", params: { id: said()[1]?.["id"] } });
  for (const index of [2, 1, 0]) await tell({ id: said()[index]?.["id"], result: { response: `0${index}` } });
  assert.deepEqual(await Promise.all([calls[0], calls[2]]), [Uint8Array.of(0), Uint8Array.of(2)]);
  await tell({ id: said()[0]?.["id"], result: { response: "00" } });
  await until(() => notices.length > 0);
  assert.match(notices.join(), /^Dropped an answer to nobody: .*"id\\":1/);
});

test("D15: a side that does not take $/cancel is not sent it", async () => {
  const { session, said, output } = hold();
  const controller = new AbortController();
  const call = session.asking.exec("a", NOTHING, { signal: controller.signal });
  await output.hasWritten(1);
  controller.abort(new Error("gone"));
  await assert.rejects(call);
  await turn();
  assert.equal(said().length, 1);
});

test("D15: $/cancel ends a call, which is answered once, with exec.cancelled, and leaves the others alone", async () => {
  const ended: string[] = [];
  const { tell, said, notices } = hold({
    commands: {
      "unit.hang": (_payload, { signal }) => {
        signal.addEventListener("abort", () => ended.push(String(signal.reason.code)));
        return new Promise(() => {});
      },
      "unit.echo": (payload) => payload,
    },
  });
  await tell({ id: 1, method: "exec", params: { command: "unit.hang", payload: "" } });
  await tell({ id: "1", method: "exec", params: { command: "unit.hang", payload: "" } });
  await tell({ method: "$/cancel", params: { id: 1 } });
  await tell({ method: "$/cancel", params: { id: 1 } });
  await tell({ method: "$/cancel", params: { id: "nobody" } });
  await tell({ id: 2, method: "exec", params: { command: "unit.echo", payload: "ff" } });
  await until(() => said().length >= 2);
  const [cancelled, echoed] = [said().find(({ id }) => id === 1), said().find(({ id }) => id === 2)];
  assert.deepEqual((cancelled?.["error"] as { data: unknown }).data, { code: "exec.cancelled" });
  assert.deepEqual(echoed?.["result"], { response: "ff" });
  assert.deepEqual([ended, said().length, notices], [["exec.cancelled"], 2, []]);
});

test("D15: what a request asks for wrongly is refused with its code, and its id comes back as it was", async () => {
  const { tell, said } = hold({ commands: { "unit.refuse": refuse }, hosts: ["known"] });
  const meta = { "x-host": "known" };
  const wrong: readonly (readonly [string, Readonly<Record<string, unknown>>, number])[] = [
    ["exec.unknown_command", { method: "other", params: { command: "unit.refuse", payload: "" } }, -32601],
    ["exec.unknown_command", { method: "exec", params: { command: "constructor", payload: "", meta } }, -32601],
    ["exec.bad_request", { method: "exec", params: { command: "unit.refuse", meta } }, -32602],
    ["exec.bad_request", { method: "exec", params: { command: "unit.refuse", payload: "0g", meta } }, -32602],
    ["exec.bad_request", { method: "exec", params: { command: 5, payload: "", meta } }, -32602],
    ["exec.too_large", { method: "exec", params: { command: "unit.refuse", payload: "00".repeat(1025), meta } }, -32000],
    ["exec.forbidden", { method: "exec", params: { command: "unit.refuse", payload: "", meta: { "x-host": "other" } } }, -32000],
    ["exec.forbidden", { method: "ping", params: { meta: { "x-host": "other" } } }, -32000],
    ["unit.refused", { method: "exec", params: { command: "unit.refuse", payload: "", meta } }, -32000],
  ];
  for (const [index, [, request]] of wrong.entries()) await tell({ id: `call ${index}`, ...request });
  await until(() => said().length === wrong.length);
  const came = new Map(said().map(({ id, error }) => [id, error as { code: number; data: { code: string } }]));
  assert.deepEqual(
    wrong.map((_, index) => [came.get(`call ${index}`)?.data.code, came.get(`call ${index}`)?.code]),
    wrong.map(([code, , number]) => [code, number]),
  );
});

test("D15: the deadline in meta ends a call inside the plugin", async () => {
  const { tell, said } = hold({ commands: { "unit.hang": () => new Promise(() => {}) } });
  await tell({ id: 1, method: "exec", params: { command: "unit.hang", payload: "", meta: { timeout_ms: 20 } } });
  await until(() => said().length === 1);
  assert.deepEqual((said()[0]?.["error"] as { data: unknown }).data, { code: "exec.timeout" });
});

test("D15: what is no JSON-RPC is said, shortly and seldom, and never answered", async () => {
  const { say, tell, said, notices } = hold({ commands: { "unit.echo": (payload) => payload } });
  await say(`${"garbage ".repeat(100)}\n[{"jsonrpc":"2.0","id":1,"method":"ping"}]\n\n{"jsonrpc":"2.0","id":{},"method":"ping"}\n`);
  for (let index = 0; index < 5000; index++) await say(`garbage ${index}\n`);
  await tell({ id: 9, method: "ping" });
  await until(() => said().length === 1);
  assert.deepEqual(said()[0]?.["id"], 9);
  assert.ok(notices.length >= 3 && notices.length <= 30, String(notices.length));
  assert.match(notices[0] ?? "", /^Dropped a line that is not JSON-RPC: "garbage .{150,250}…"$/);
  assert.match(notices[2] ?? "", /^Dropped a request\. Its id is neither text nor number/);
});

test("D15: a line over the limit ends the call that it answers with caller.too_large, and one that asks with exec.too_large", async () => {
  const { session, say, said, output, notices } = hold();
  const calls = [session.asking.exec("a", NOTHING, {}), session.asking.exec("b", NOTHING, {})];
  await output.hasWritten(1);
  const long = "00".repeat(1024 + 33_000);
  await say(`{"jsonrpc":"2.0","id":1,"result":{"response":"${long}"}}\n`);
  await say(`{"jsonrpc":"2.0","id":"mine","method":"exec","params":{"command":"a","payload":"${long}"}}\n`);
  await say(`${long}\n`);
  await say(`{"jsonrpc":"2.0","id":2,"result":{"response":"${"00".repeat(1025)}"}}\n`);
  for (const call of calls) await assert.rejects(call, { code: "caller.too_large", plugin: "other" });
  await until(() => said().length === 3);
  assert.deepEqual((said()[2]?.["error"] as { data: unknown }).data, { code: "exec.too_large" });
  assert.equal(notices.length, 1);
  assert.match(notices[0] ?? "", /^Dropped a line of \d+ bytes, which is too long: "0000/);
});

test("D15: a payload over the limit is not sent", async () => {
  const { session, output } = hold();
  await assert.rejects(session.asking.exec("a", new Uint8Array(1025), {}), { code: "caller.too_large" });
  await turn();
  assert.deepEqual(output.written, []);
});

test("D15: while the other side does not read, calls wait unwritten; one that is given up is never sent, and too many are refused", async () => {
  const { session, output, said } = hold();
  const room = Promise.withResolvers<void>();
  output.room = room.promise;
  const first = session.asking.exec("first", NOTHING, {});
  await output.hasWritten(1);
  const controller = new AbortController();
  const waiting = Array.from(
    { length: 10_000 },
    (_, index) =>
      session.asking.exec(index < 9_999 ? "given up" : "kept", NOTHING, index < 9_999 ? { signal: controller.signal } : {}).catch((error) =>
        error.code
      ),
  );
  await assert.rejects(session.asking.exec("one more", NOTHING, {}), { code: "caller.overloaded" });
  controller.abort(new PluginError("caller.timeout", "late"));
  assert.equal(output.written.length, 1);
  room.resolve();
  await output.hasWritten(2);
  assert.deepEqual(said().map(({ params }) => (params as { command: string }).command), ["first", "kept"]);
  session.close(new PluginError("caller.lost", "over"));
  await assert.rejects(first, { code: "caller.lost" });
  assert.deepEqual([...new Set(await Promise.all(waiting))], ["caller.timeout", "caller.lost"]);
});

test("D15: a call that was not written when the pipes close is caller.refused, and one after that too", async () => {
  const { session, output } = hold();
  output.room = new Promise(() => {});
  const sent = session.asking.exec("sent", NOTHING, {});
  await output.hasWritten(1);
  const unsent = session.asking.exec("unsent", NOTHING, {});
  session.close(new PluginError("caller.lost", "over"));
  await assert.rejects(sent, { code: "caller.lost" });
  await assert.rejects(unsent, { code: "caller.refused" });
  await assert.rejects(session.asking.exec("later", NOTHING, {}), { code: "caller.refused" });
});

test("D15: when input ends, open calls are lost, and what the other side had asked for is answered nevertheless", async () => {
  const go = Promise.withResolvers<Uint8Array>();
  const { session, input, output, tell, said } = hold({ commands: { "unit.wait": () => go.promise } });
  await tell({ id: 1, method: "exec", params: { command: "unit.wait", payload: "" } });
  const call = session.asking.exec("a", NOTHING, {});
  await output.hasWritten(1);
  input.end();
  await assert.rejects(call, { code: "caller.lost" });
  await session.ended;
  go.resolve(Uint8Array.of(1));
  await until(() => said().length === 2);
  assert.deepEqual(said()[1]?.["result"], { response: "01" });
});

test("D15: openStdioCaller() needs pipes, and refuses what a plugin calls where nothing may be called", async () => {
  const options = { host: "h", plugin: "p", dialect: undefined, maxPayloadBytes: 1024 };
  const endpoint = { kind: "tcp", url: new URL("http://127.0.0.1:1") } as const;
  assert.throws(() => openStdioCaller(endpoint, options), { code: "caller.unsupported" });
  const [input, output] = [new Pipe(), new Pipe()];
  const channel = { input, write: (chunk: Uint8Array) => output.write(chunk), close: () => Promise.resolve() };
  const caller = openStdioCaller({ kind: "pipes", channel }, options);
  await input.write(bytes('{"jsonrpc":"2.0","id":"a","method":"exec","params":{"command":"kv.get","payload":""}}\n'));
  await output.hasWritten(1);
  assert.match(output.written[0] ?? "", /exec\.not_granted/);
  await caller.close();
  await assert.rejects(caller.ping(), { code: "caller.refused" });
});
