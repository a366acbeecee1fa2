/**
 * The checks of level `core` that only the framed socket has: hello, ids, frames in pieces and many at once, what stands in a call.
 * @module
 */
import type { Check, Finding } from "./check.ts";
import { echoes } from "./expect.ts";
import { callFrame, type Frame, frame, joined, KINDS, readError, readHello } from "./frames.ts";
import type { Heard, SocketPeer } from "./socket_peer.ts";

const CORE = { level: "core", section: 10 } as const;
const OK: Uint8Array = new TextEncoder().encode("OK");
/** An id that is negative in who takes it for a signed number. */
const HIGH_ID = 0x80000001;
const MEBIBYTE = 1024 * 1024;
/** The most milliseconds that a call can have, more than a timer takes in some languages. */
const DEADLINES: readonly number[] = [30_000, 0x7fffffff, 0xffffffff];
const CODE = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** How it says hello, and answers ping. */
export const HELLO_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...CORE,
    id: "hello",
    title: "hello is answered by a hello",
    needs: ["ping"],
    advice: 'Answer the first hello with a frame of kind 1 and id 0 whose body is the JSON {"polyplug":1,"features":[]}',
    run: ({ peer }) => greets(peer, {}),
  },
  {
    ...CORE,
    id: "json.unknown_keys",
    title: "keys that it does not know are ignored",
    needs: ["hello"],
    advice: "Ignore keys of the hello that you do not know: later versions of the contract may add some",
    run: ({ peer }) => greets(peer, { later: { deep: [1, null] } }),
  },
  {
    ...CORE,
    id: "ping.answer",
    title: "the pong has the id of its ping",
    needs: ["ping"],
    advice: "Answer a frame of kind 9 with one of kind 10, without a body, whose id is that of the ping, as an unsigned number of 32 bits",
    run: async ({ peer }) => {
      const heard = await peer.tell({
        says: `ping ${HIGH_ID}`,
        pieces: [frame(KINDS.ping, HIGH_ID)],
        until: (frames) => frames.length > 0,
      });
      return heardAs(heard, `pong ${HIGH_ID}, no body`, ({ kind, id, body }) => kind === KINDS.pong && id === HIGH_ID && body.length === 0);
    },
  },
];

/** Whether an answer finds its call. */
export const EXEC_FORM_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...CORE,
    id: "exec.answer",
    title: "the result has the id of its call",
    needs: ["exec"],
    advice:
      "Write the id of the call, as an unsigned number of 32 bits, into the result: several calls are open at once, and only it tells which is meant",
    run: async ({ peer, echo }) => {
      const call = callFrame(HIGH_ID, { command: echo, payload: OK });
      const heard = await peer.tell({ says: `call ${HIGH_ID} of "${echo}"`, pieces: [call], until: (frames) => frames.length > 0 });
      return heardAs(heard, `result ${HIGH_ID}`, ({ kind, id }) => kind === KINDS.result && id === HIGH_ID);
    },
  },
];

/** How frames may come, and what may stand in a call. */
export const FRAME_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...CORE,
    id: "bytes.mebibyte",
    title: "a payload of 1 MiB comes back",
    needs: ["bytes.large"],
    advice:
      "Read a frame to its length and write it to its end, in a loop where one read or write does only a part, and send no other frame in between",
    run: (context) => echoes(context, new Uint8Array(Math.min(MEBIBYTE, context.maxPayloadBytes - 1)).fill(0x2e)),
  },
  {
    ...CORE,
    id: "frames.split",
    title: "a frame may come in any two pieces",
    needs: ["exec.echo", "connections.held"],
    advice: "Keep what has come of a frame, its first nine bytes included, until all of it is there: one read may give any part of it",
    run: async ({ peer, echo }) => {
      const call = callFrame(1, { command: echo, payload: OK });
      for (let at = 1; at < call.length; at++) {
        const says = `a call of "${echo}" in two pieces, of ${at} and ${call.length - at} bytes`;
        const finding = await echoesAll(peer, { says, pieces: [call.subarray(0, at), call.subarray(at)] }, [1]);
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
  {
    ...CORE,
    id: "frames.joined",
    title: "several frames may come at once",
    needs: ["exec.echo", "connections.reused"],
    advice: "Go on with the next frame in what was read when one has ended: one read may give several, and a part of another",
    run: ({ peer, echo }) => {
      const ids = [1, 3, 5, 7];
      const calls = ids.map((id) => callFrame(id, { command: echo, payload: OK }));
      return echoesAll(peer, { says: `${ids.length} calls of "${echo}" in one piece`, pieces: [joined(...calls)] }, ids);
    },
  },
  {
    ...CORE,
    id: "request.headers",
    title: "request id, trace and attempt do no harm",
    needs: ["exec.echo"],
    advice:
      "Pass over the request id and the traceparent by their lengths, up to 255 bytes each, and over the attempt, when you do not use them",
    run: async ({ peer, echo }) => {
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      for (const requestId of ["6f2c1c5e-3c1e-4a52-9a0e-0d5f3f1f9a11", "r".repeat(255)]) {
        const call = callFrame(1, { command: echo, payload: OK, requestId, traceparent, attempt: 2 });
        const says = `a call of "${echo}" with a request id of ${requestId.length} bytes, a traceparent and the attempt 2`;
        const finding = await echoesAll(peer, { says, pieces: [call] }, [1]);
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
  {
    ...CORE,
    id: "deadline",
    title: "a call with a deadline is answered",
    needs: ["exec.echo"],
    advice:
      "Read the milliseconds as an unsigned number of 32 bits, or leave them unread: a call that ends in time is answered as without them",
    run: async ({ peer, echo }) => {
      for (const timeoutMs of DEADLINES) {
        const call = callFrame(1, { command: echo, payload: OK, timeoutMs });
        const finding = await echoesAll(peer, { says: `a call of "${echo}" with ${timeoutMs} milliseconds left`, pieces: [call] }, [1]);
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
  {
    ...CORE,
    id: "error.answer",
    title: "an error has its call's id, a code, a message",
    needs: ["unknown_command"],
    advice:
      "Write an error as a frame of kind 4 with the id of the call, its body the code behind its length of one byte, then a message that helps who called",
    run: async ({ peer }) => {
      const call = callFrame(HIGH_ID, { command: "conform.no_such_command", payload: OK });
      const heard = await peer.tell({
        says: `call ${HIGH_ID} of "conform.no_such_command"`,
        pieces: [call],
        until: (frames) => frames.length > 0,
      });
      return heardAs(heard, `error ${HIGH_ID} with a code and a message`, (came) => {
        const error = readError(came);
        return came.kind === KINDS.error && came.id === HIGH_ID && error !== undefined && CODE.test(error.code) && error.message !== "";
      });
    },
  },
];

async function greets(peer: SocketPeer, changes: Readonly<Record<string, unknown>>): Promise<Finding | undefined> {
  const { sent, came, answer } = await peer.hello(changes);
  const { kind, id } = answer?.frame ?? {};
  if (kind === KINDS.hello && id === 0 && answer !== undefined && readHello(answer.frame)?.get("polyplug") === 1) return undefined;
  return { sent, expected: 'hello 0, body {"polyplug":1,…}', came };
}

/** That the first frame is this. */
export function heardAs({ sent, came, frames }: Heard, expected: string, holds: (came: Frame) => boolean): Finding | undefined {
  const [first] = frames;
  return first !== undefined && holds(first) ? undefined : { sent, expected, came };
}

/** That each of the calls with these ids gets its payload, "OK", back. */
export async function echoesAll(
  peer: SocketPeer,
  { says, pieces }: { readonly says: string; readonly pieces: readonly Uint8Array[] },
  ids: readonly number[],
): Promise<Finding | undefined> {
  const heard = await peer.tell({ says, pieces, until: (frames) => ids.every((each) => frames.some(({ id }) => id === each)) });
  const isRight = (each: number) => heard.frames.some(({ id, kind, body }) => id === each && kind === KINDS.result && isOk(body));
  if (ids.every(isRight)) return undefined;
  return {
    sent: heard.sent,
    expected: ids.length === 1 ? "the same 2 bytes back" : `the same 2 bytes back for each of ${ids.length} calls`,
    came: heard.came,
  };
}

function isOk(body: Uint8Array): boolean {
  return body.length === OK.length && body.every((byte, index) => byte === OK[index]);
}
