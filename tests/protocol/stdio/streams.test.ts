/**
 * D20 on stdio, both halves: what each line of a stream means, credit, and what is no right line.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FIRST_CREDIT, MORE_CREDIT } from "../../../protocol/open_stream.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import { readEdges } from "../../../protocol/stdio/wire.ts";
import { bytes, text } from "../../support.ts";
import { connected, type Held, hold } from "./pipes.ts";

const NOTHING = new Uint8Array(0);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
}

const of = ({ said }: Held, method: string) => said().filter((line) => line["method"] === method).map(({ params }) => params);
const hexOf = (value: string) => Array.from(bytes(value), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A stream that is asked for, and its id. */
async function asked(held: Held, signal?: AbortSignal): Promise<readonly [parts: AsyncIterator<Uint8Array>, id: unknown]> {
  const before = held.said().length;
  const parts = held.session.asking.stream("a.b", NOTHING, signal === undefined ? {} : { signal })[Symbol.asyncIterator]();
  await until(() => held.said().length > before);
  return [parts, held.said().find((line, at) => at >= before && line["method"] === "stream")?.["id"]];
}

/** Reads it: the texts of its parts, and how it ended. */
async function all(parts: AsyncIterator<Uint8Array>): Promise<readonly [parts: readonly string[], end: string]> {
  const texts: string[] = [];
  try {
    for (;;) {
      const { done, value } = await parts.next();
      if (done === true) return [texts, "end"];
      texts.push(value.length > 100 ? `${value.length} bytes` : text(value));
    }
  } catch (error) {
    const { plugin, code } = error as { readonly plugin?: string; readonly code?: string };
    return [texts, `${plugin}: ${code}`];
  }
}

type Line = (id: unknown) => Readonly<Record<string, unknown>>;
const part = (value: string): Line => (id) => ({ method: "$/part", params: { id, part: hexOf(value) } });
const wrong = (given: unknown): Line => (id) => ({ method: "$/part", params: { id, part: given } });
const result = (given: unknown): Line => (id) => ({ id, result: given });
const end = result({ end: true });
const failure = (code: string): Line => (id) => ({ id, error: { code: -32000, message: "no", data: { code } } });

/** Each answer, the parts that come of it, and how the stream ends. */
const ANSWERS: readonly (readonly [title: string, lines: readonly Line[], parts: readonly string[], end: string])[] = [
  ["a right one", [part("a"), part("b"), end], ["a", "b"], "end"],
  ["no part", [end], [], "end"],
  ["an empty part", [part(""), end], [""], "end"],
  ["an error", [part("a"), failure("own.code")], ["a"], "other: own.code"],
  ["an error with a code of the host's", [failure("host.stopped")], [], "other: exec.failed"],
  ["the answer to a call", [part("a"), result({ response: "ff" })], ["a"], "other: caller.bad_response"],
  ["an end that is none", [part("a"), result({ end: "true" })], ["a"], "other: caller.bad_response"],
  ["a result of null", [result(null)], [], "other: caller.bad_response"],
  ["neither result nor error", [(id) => ({ id })], [], "other: caller.bad_response"],
  ["a part of the limit", [part("x".repeat(1024)), end], ["1024 bytes"], "end"],
  ["a part over the limit", [part("a"), part("x".repeat(1025)), end], ["a"], "other: caller.too_large"],
  ["a part over the longest line", [part("a"), part("x".repeat(70_000)), end], ["a"], "other: caller.too_large"],
  ["a part that is no text", [part("a"), wrong(7), end], ["a"], "other: caller.bad_response"],
  ["a part that is missing", [part("a"), wrong(undefined), end], ["a"], "other: caller.bad_response"],
  ["a part of half a byte", [part("a"), wrong("abc"), end], ["a"], "other: caller.bad_response"],
  ["a part that is not hex", [part("a"), wrong("zz"), end], ["a"], "other: caller.bad_response"],
  ["a part behind the end", [part("a"), end, part("b")], ["a"], "end"],
];

for (const [title, lines, parts, ended] of ANSWERS) {
  test(`D20: stdio: ${title}: ${parts.length} parts, then ${ended.replace("other: ", "")}; the next stream is right`, async () => {
    const held = hold();
    const [stream, id] = await asked(held);
    for (const line of lines) await held.tell(line(id));
    assert.deepEqual(await all(stream), [parts, ended]);
    const [next, nextId] = await asked(held);
    for (const line of [part("a"), part("b"), end]) await held.tell(line(nextId));
    assert.deepEqual(await all(next), [["a", "b"], "end"]);
  });
}

test("D20: stdio: the request is as that of a call; a part of a stream that has ended, or of none, is told once", async () => {
  const held = hold();
  const stream = held.session.asking.stream("a.b", bytes("in"), { timeoutMs: 1500.5, attempt: 2, target: "b", requestId: "r" });
  await until(() => held.said().length === 1);
  const [{ id, method, params } = {}] = held.said();
  const { meta, ...rest } = params as { readonly meta: Record<string, unknown> };
  assert.deepEqual([method, rest], ["stream", { command: "a.b", plugin: "b", payload: hexOf("in") }]);
  assert.deepEqual([meta["x-attempt"], meta["x-request-id"]], ["2", "r"]);
  assert.ok(Number(meta["timeout_ms"]) > 1000 && Number(meta["timeout_ms"]) <= 1500);
  await held.tell(end(id));
  assert.deepEqual(await all(stream[Symbol.asyncIterator]()), [[], "end"]);
  for (const line of [part("late")(id), part("late")(id), part("x")(99), { method: "$/part" }, wrong(1)({}), wrong(1)([])]) {
    await held.tell(line);
  }
  await held.tell({ id: 1, method: "ping" });
  await until(() => held.said().length === 2);
  assert.equal(held.notices.length, 1);
  assert.match(held.notices[0] ?? "", /a part of a stream that had ended/);
});

test("D20: stdio: a part for a call, and an end, are caller.bad_response for that call alone", async () => {
  const held = hold();
  const calls = ["a", "b", "c"].map((command) => held.session.asking.exec(command, NOTHING, {}));
  await until(() => held.said().length === 3);
  const [a, b, c] = held.said().map(({ id }) => id);
  for (const line of [part("x")(a), end(b), result({ response: "ff" })(c)]) await held.tell(line);
  const codes = await Promise.all(calls.map((call) => call.then((answer) => answer[0], (error) => error.code)));
  assert.deepEqual(codes, ["caller.bad_response", "caller.bad_response", 255]);
});

test("D20: stdio: credit for 8 parts when 8 were taken; who sends without it is refused, and told", async () => {
  const held = hold();
  const [stream, id] = await asked(held);
  for (let i = 0; i < FIRST_CREDIT; i++) await held.tell(part(String(i))(id));
  for (let i = 0; i < MORE_CREDIT; i++) assert.equal(text((await stream.next()).value), String(i));
  assert.deepEqual(of(held, "$/more"), [], "there is room for 8 when 8 were taken and one more is asked for");
  await stream.next();
  await until(() => of(held, "$/more").length === 1);
  assert.deepEqual(of(held, "$/more"), [{ id, count: MORE_CREDIT }]);
  for (let i = 0; i < 20 * FIRST_CREDIT; i++) await held.tell(part("more")(id));
  await until(() => of(held, "$/cancel").length === 1);
  const [rest, ended] = await all(stream);
  assert.deepEqual([rest.length, ended], [FIRST_CREDIT - MORE_CREDIT - 1 + MORE_CREDIT, "other: caller.bad_response"]);
  assert.deepEqual(of(held, "$/cancel"), [{ id }]);
  // What still comes of it is no news.
  await held.tell(failure("exec.cancelled")(id));
  await held.tell({ id: 1, method: "ping" });
  await until(() => held.said().some((line) => line["id"] === 1 && "result" in line));
  assert.deepEqual(held.notices, []);
});

test("D20: stdio: leaving a stream and aborting it are one $/cancel each, of a side that takes none of calls too", async () => {
  const held = hold();
  const controller = new AbortController();
  const [[left, first], [aborted, second], [whole, third]] = [await asked(held), await asked(held, controller.signal), await asked(held)];
  for (const id of [first, second, third]) await held.tell(part("a")(id));
  assert.deepEqual([text((await left.next()).value), text((await aborted.next()).value)], ["a", "a"]);
  assert.equal((await left.return?.())?.done, true);
  const next = assert.rejects(aborted.next(), /gone/);
  controller.abort(new Error("gone"));
  await next;
  assert.equal((await left.next()).done, true);
  await until(() => of(held, "$/cancel").length === 2);
  await held.tell(end(third));
  assert.deepEqual(await all(whole), [["a"], "end"]);
  await whole.return?.();
  assert.deepEqual(of(held, "$/cancel"), [{ id: first }, { id: second }]);
});

test("D20: stdio: a pipe that ends is caller.lost after the parts, never an end; a stream after that is caller.refused", async () => {
  const held = hold();
  const [stream, id] = await asked(held);
  await held.tell(part("a")(id));
  held.input.end();
  assert.deepEqual(await all(stream), [["a"], "other: caller.lost"]);
  const late = held.session.asking.stream("a.b", NOTHING, {});
  assert.deepEqual(await all(late[Symbol.asyncIterator]()), [[], "other: caller.refused"]);
  const large = held.session.asking.stream("a.b", new Uint8Array(1025), {});
  assert.deepEqual(await all(large[Symbol.asyncIterator]()), [[], "other: caller.too_large"]);
});

const ended: string[] = [];
const commands: Commands = {
  "count.up": async function* (_payload, { signal }) {
    try {
      for (let i = 0;; i++) yield Uint8Array.of(i % 256);
    } finally {
      ended.push(String(signal.reason?.code));
    }
  },
  "count.three": async function* () {
    yield* [bytes("a"), bytes("b"), bytes("c")];
  },
  "test.echo": (payload) => payload,
};
const ask = (held: Held, id: unknown, command: string) => held.tell({ id, method: "stream", params: { command, payload: "" } });
const codeOf = (held: Held, id: unknown) => {
  const { error } = held.said().find((line) => line["id"] === id) ?? {};
  return (error as { readonly data?: { readonly code?: string } } | undefined)?.data?.code;
};

test("D20: stdio: 16 parts are sent, then as many as there is credit for; a cancel is answered once, with exec.cancelled", async () => {
  const held = hold({ commands });
  await ask(held, "up", "count.up");
  await until(() => of(held, "$/part").length === FIRST_CREDIT);
  assert.deepEqual(of(held, "$/part"), Array.from({ length: FIRST_CREDIT }, (_, i) => ({ id: "up", part: `0${i.toString(16)}` })));
  await held.tell({ id: 3, method: "ping" });
  await until(() => held.said().some(({ id }) => id === 3));
  assert.equal(of(held, "$/part").length, FIRST_CREDIT);
  for (const count of [0, -1, 1.5, "2", null, 1e300]) await held.tell({ method: "$/more", params: { id: "up", count } });
  await held.tell({ method: "$/more", params: { id: 99, count: 1 } }); // Of no stream: passed over.
  await held.tell({ method: "$/more" });
  await held.tell({ method: "$/more", params: { id: "up", count: 2 } });
  await until(() => of(held, "$/part").length === FIRST_CREDIT + 2);
  await ask(held, "up", "count.up");
  await held.tell({ method: "$/cancel", params: { id: "up" } });
  await until(() => codeOf(held, "up") !== undefined);
  await held.tell({ method: "$/more", params: { id: "up", count: 100 } });
  assert.equal(codeOf(held, "up"), "exec.cancelled");
  assert.equal(ended.pop(), "exec.cancelled");
  await ask(held, "three", "count.three");
  await ask(held, "echo", "test.echo");
  await ask(held, "none", "no.such");
  await until(() => codeOf(held, "none") !== undefined);
  assert.equal(codeOf(held, "none"), "exec.unknown_command");
  const three = held.said().filter(({ id, params }) => id === "three" || (params as { readonly id?: unknown })?.id === "three");
  assert.deepEqual(three.map(({ result, params }) => result ?? (params as { readonly part: string }).part), ["61", "62", "63", {
    end: true,
  }]);
  assert.equal(of(held, "$/part").length, FIRST_CREDIT + 2 + 3 + 1);
  assert.equal(held.said().filter(({ id }) => id === "up").length, 1);
  // Six wrong counts, no id, and an id that was open already.
  assert.equal(held.notices.length, 8);
});

test("D20: stdio: what asks for a stream wrongly is refused with its code, in one answer", async () => {
  const held = hold({ commands });
  const wrongly: readonly (readonly [string, unknown])[] = [
    ["exec.bad_request", undefined],
    ["exec.bad_request", { command: "count.up" }],
    ["exec.bad_request", { command: "count.up", payload: "0" }],
    ["exec.bad_request", { command: "", payload: "" }],
    ["exec.too_large", { command: "count.up", payload: "00".repeat(1025) }],
    ["exec.too_large", { command: "count.up", payload: "00".repeat(70_000) }],
  ];
  for (const [index, [, params]] of wrongly.entries()) await held.tell({ id: index, method: "stream", params });
  await until(() => held.said().length === wrongly.length);
  assert.deepEqual(wrongly.map((_, index) => codeOf(held, index)), wrongly.map(([code]) => code));
});

test("D20: stdio: when the other side's pipe has ended, a stream that needs credit is left, and one that needs none is whole", async () => {
  const held = hold({ commands });
  await ask(held, 1, "count.up");
  await ask(held, 2, "count.three");
  held.input.end();
  await until(() => codeOf(held, 1) !== undefined);
  assert.deepEqual([codeOf(held, 1), ended.pop()], ["exec.cancelled", "exec.cancelled"]);
  assert.equal(of(held, "$/part").length, FIRST_CREDIT + 3);
  assert.ok(held.said().some(({ id, result }) => id === 2 && result !== undefined));
});

test("D20: stdio: who does not read its pipe holds up the parts, however many streams it asks for", async () => {
  let made = 0;
  const large: Commands = {
    "make.large": async function* () {
      for (;; made++) yield new Uint8Array(1024 * 1024);
    },
  };
  const held = hold({ commands: large, maxPayloadBytes: 1024 * 1024 });
  const blocked = Promise.withResolvers<void>();
  held.output.room = blocked.promise;
  for (let id = 1; id <= 20; id++) await ask(held, id, "make.large");
  for (let turns = 0; turns < 500; turns++) await new Promise<void>((resolve) => setImmediate(resolve));
  // 4 MiB wait, one line was written, and each stream has one part in its hand.
  assert.ok(made > 0 && made <= 5 + 20, `${made} parts were made`);
  held.session.close(Object.assign(new Error("done")) as never);
  blocked.resolve();
});

test("D20: stdio: streams in both directions at once, whose ids are the same, and other calls between their parts", async () => {
  const numbers: Commands = {
    "count.to": async function* ([most = 0]) {
      for (let i = 0; i < most; i++) yield Uint8Array.of(i);
    },
    "test.echo": (payload) => payload,
  };
  const sides = connected({ commands: numbers }, { commands: numbers });
  const sums = await Promise.all(sides.flatMap(({ session }) =>
    Array.from({ length: 20 }, async (_, index) => {
      let count = 0;
      for await (const each of session.asking.stream("count.to", Uint8Array.of(10 * index), {})) {
        assert.equal(each[0], count++);
        assert.equal((await session.asking.exec("test.echo", each, {}))[0], each[0]);
      }
      return count;
    })
  ));
  assert.deepEqual(sums, [0, 1].flatMap(() => Array.from({ length: 20 }, (_, index) => 10 * index)));
  assert.deepEqual(sides.flatMap(({ notices }) => notices), []);
});

test("D20: stdio: the stream of a part that is too long is found wherever its id stands", () => {
  const long = "0".repeat(600);
  const edges = (line: string) => readEdges(line.slice(0, 512), line.slice(-512));
  for (
    const line of [
      `{"jsonrpc":"2.0","method":"$/part","params":{"id":7,"part":"${long}"}}`,
      `{"params":{"part":"${long}","id":7},"method":"$\\/part"}`,
      `{ "method": "$/part", "params": { "part": "${long}", "id": 7 } }`,
      `{"params":{"id":7,"part":"${long}"},"method":"$/part"}`,
    ]
  ) assert.deepEqual(edges(line), { id: 7, kind: "part" }, line);
  assert.equal(edges(`{"method":"$/part","params":{"part":"${long}"}}`), undefined);
});
