/**
 * The checks of level `core` that only stdio has: the form of answers, their ids, lines in pieces and many at once, what is on stdout.
 * @module
 */
import type { Check, CheckContext, Finding } from "./check.ts";
import { visible } from "./evidence.ts";
import { found, isEcho } from "./expect.ts";
import { isRecord, type Request, resultOf, type StdioExchange, type StdioPeer } from "./stdio_peer.ts";

const CORE = { level: "core", section: 5 } as const;
const OK: Uint8Array = new TextEncoder().encode("OK");
const MANY = 8;

/** What is wrong with an exchange that should have gone otherwise. */
function unless(holds: boolean, { sent, came }: StdioExchange, expected: string): Finding | undefined {
  return holds ? undefined : { sent, expected, came };
}

/** Whether ping is answered as it should be. */
export const PING_CHECKS: readonly Check<StdioPeer>[] = [
  {
    ...CORE,
    id: "ping.answer",
    title: 'ping is answered with "pong", as JSON-RPC 2.0',
    needs: ["ping"],
    advice: 'Answer ping with {"jsonrpc":"2.0","id":<the id that was asked with>,"result":{"response":"pong"}} on one line',
    run: async ({ peer }) => {
      const exchanged = await peer.ask({ method: "ping" });
      const result = resultOf(exchanged.answer);
      const pong = (isRecord(result) ? result["response"] : result) === "pong";
      return unless(pong && exchanged.answer?.members["jsonrpc"] === "2.0", exchanged, '"jsonrpc":"2.0" and the response "pong"');
    },
  },
  {
    ...CORE,
    id: "id.text",
    title: "an id that is text comes back as it is",
    needs: ["ping.answer"],
    advice: "Give back the id as it came, a number as a number and a text as a text",
    run: async ({ peer }) => {
      const exchanged = await peer.ask({ method: "ping", id: "conform-1" });
      return unless(exchanged.answer !== undefined, exchanged, 'an answer with "id":"conform-1"');
    },
  },
];

/** Whether exec is answered as it should be. */
export const EXEC_FORM_CHECKS: readonly Check<StdioPeer>[] = [
  {
    ...CORE,
    id: "exec.answer",
    title: "exec is answered in hex, as JSON-RPC 2.0",
    needs: ["exec"],
    advice: 'Answer exec with {"jsonrpc":"2.0","id":<the id>,"result":{"response":"<hex>"}} on one line',
    run: async ({ peer, echo }) => {
      const exchanged = await peer.ask(peer.callOf({ command: echo, payload: OK }));
      const isAnswered = peer.replyTo(exchanged).outcome.kind === "answered";
      return unless(isAnswered && exchanged.answer?.members["jsonrpc"] === "2.0", exchanged, '"jsonrpc":"2.0" and a response in hex');
    },
  },
  {
    ...CORE,
    id: "bad.params",
    title: "params that cannot be read are refused",
    needs: ["exec.answer"],
    advice: "Answer a call whose params lack command or payload, or whose payload is not hex, with an error, and go on",
    run: (context) =>
      eachRefused(context, [
        { method: "exec" },
        { method: "exec", params: { payload: "" } },
        { method: "exec", params: { command: context.echo } },
        { method: "exec", params: { command: context.echo, payload: "4f4" } },
        { method: "exec", params: { command: context.echo, payload: "zz" } },
      ]),
  },
  {
    ...CORE,
    id: "method.unknown",
    title: "a method that is not there is refused",
    needs: ["exec.answer"],
    advice: "Answer a request of a method that you do not know with an error, as JSON-RPC says: -32601",
    run: (context) => eachRefused(context, [{ method: "conform.no_such_method", params: {} }]),
  },
];

async function eachRefused({ peer }: CheckContext<StdioPeer>, requests: readonly Request[]): Promise<Finding | undefined> {
  for (const request of requests) {
    const finding = found(peer.replyTo(await peer.ask(request)), "an error answer", ({ kind }) => kind === "refused");
    if (finding !== undefined) return finding;
  }
  return undefined;
}

/** What a call may lack, and how lines arrive. */
export const LINE_CHECKS: readonly Check<StdioPeer>[] = [
  {
    ...CORE,
    id: "exec.plain",
    title: "a call without meta is answered alike",
    needs: ["exec.echo"],
    advice: 'Read "meta" only if you need what it says: it may be missing',
    run: async ({ peer, echo }) => {
      const request = { method: "exec", params: { command: echo, payload: "4f4B" } };
      return isEcho(peer.replyTo(await peer.ask(request)), OK);
    },
  },
  {
    ...CORE,
    id: "lines.pieces",
    title: "a line that comes in pieces is one line",
    needs: ["exec.echo"],
    advice: "Read to the newline: a read gives what has arrived, which may be a part of a line",
    run: async ({ peer, echo }) => {
      const call = peer.callOf({ command: echo, payload: OK });
      const send: Request["send"] = async (line, pipe) => {
        for (let at = 0; at < line.length; at += 16) await pipe.send(line.slice(at, at + 16));
      };
      return isEcho(peer.replyTo(await peer.ask({ ...call, shown: `in pieces, ${call.shown ?? ""}`, send })), OK);
    },
  },
  {
    ...CORE,
    id: "lines.joined",
    title: "lines that come at once are each answered, by their ids",
    needs: ["exec.echo"],
    advice: "Answer every line that a read has brought, each with its own id; the order does not matter",
    run: async ({ peer, echo }) => {
      const payloads = Array.from({ length: MANY }, (_, index) => new TextEncoder().encode(`joined: ${index}`));
      let text = "";
      // All of them are in the last write.
      const send = (index: number): NonNullable<Request["send"]> => async (line, pipe) => {
        text += line;
        if (index === MANY - 1) await pipe.send(text);
      };
      const findings = await Promise.all(payloads.map(async (payload, index) => {
        const call = peer.callOf({ command: echo, payload });
        return isEcho(peer.replyTo(await peer.ask({ ...call, send: send(index) })), payload);
      }));
      const wrong = findings.find((each) => each !== undefined);
      return wrong && { ...wrong, sent: `${MANY} calls in one write, among them ${wrong.sent}` };
    },
  },
];

/** What has been on stdout all the while. */
export const STDOUT_CHECKS: readonly Check<StdioPeer>[] = [
  {
    ...CORE,
    id: "stdout",
    title: "stdout has answers alone, each once",
    needs: ["ping"],
    advice: "Write nothing but the protocol to stdout, one object a line: what you print for people goes to stderr",
    run: ({ peer }) => {
      const [stray] = peer.pipe.strays;
      if (stray === undefined) return Promise.resolve(undefined);
      return Promise.resolve({ sent: "the requests so far", expected: "one answer to each, and nothing else", came: visible(stray) });
    },
  },
];
