/**
 * The checks of level `full` about what is no frame of a host: it ends the connection, or the call, and never the plugin.
 *
 * That the plugin goes on is looked at after each of them, as after every check.
 * @module
 */
import type { Check, Finding } from "./check.ts";
import { callFrame, frame, helloFrame, joined, KINDS, readError } from "./frames.ts";
import { heardAs } from "./socket_core.ts";
import type { Heard, SocketPeer, Told } from "./socket_peer.ts";

const FULL = { level: "full", section: 10 } as const;
const OK: Uint8Array = new TextEncoder().encode("OK");
const ENDS = "the end of the connection";

/** What is wrong before, and in, the hello. */
export const BAD_HELLO_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...FULL,
    id: "bad.no_hello",
    title: "a call before the hello is not run",
    needs: ["exec"],
    advice: "Take calls only after a hello: answer any other first frame with an error of id 0 and end the connection",
    run: async ({ peer, echo }) => {
      const call = callFrame(1, { command: echo, payload: OK });
      const heard = await peer.tell({ says: `call 1 of "${echo}"`, pieces: [call], greets: false, until: (frames) => frames.length > 0 });
      const ran = heard.frames.some(({ kind }) => kind === KINDS.result);
      return !ran && (heard.hasEnded || heard.frames.length > 0) ? undefined : unlike(heard, `${ENDS}, or an error`);
    },
  },
  {
    ...FULL,
    id: "bad.hello",
    title: "a hello that is no JSON object is refused",
    needs: ["hello"],
    advice:
      "End the connection when the hello is not JSON or no object, with an error of id 0, and go on serving the others: catch what decoding throws",
    run: ({ peer }) =>
      endEach(peer, [
        { says: "a hello that is not JSON", pieces: [frame(KINDS.hello, 0, new TextEncoder().encode("hello"))], greets: false },
        { says: "a hello that is []", pieces: [helloFrame([])], greets: false },
      ]),
  },
];

/** What is wrong later. */
export const BAD_FRAME_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...FULL,
    id: "bad.call",
    title: "a call whose lengths do not fit is refused",
    needs: ["exec"],
    advice:
      "Look whether the lengths in a call lead past its end, and answer it with exec.bad_request or end the connection: catch what reading throws",
    run: async ({ peer }) => {
      const cut = frame(KINDS.call, 1, Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 200, 0x68, 0x69));
      for (
        const [says, bytes] of [["a call without a body", frame(KINDS.call, 1)], ["a call whose command has 2 of 200 bytes", cut]] as const
      ) {
        const heard = await peer.tell({ says, pieces: [bytes], until: (frames) => frames.length > 0 });
        const [first] = heard.frames;
        const refused = first?.kind === KINDS.error && (first.id === 0 || readError(first)?.code === "exec.bad_request");
        if (!refused && !(heard.hasEnded && first === undefined)) return unlike(heard, `error 1, exec.bad_request, or ${ENDS}`);
      }
      return undefined;
    },
  },
  {
    ...FULL,
    id: "bad.kind",
    title: "a frame of another kind ends the connection",
    needs: ["hello"],
    advice:
      "End the connection at a frame of a kind that no host sends, with an error of id 0: one that is passed over lets both sides go on with different ideas of what was said",
    run: ({ peer }) =>
      endEach(peer, [0, KINDS.result, 12, 255].map((kind) => ({ says: `a frame of kind ${kind}`, pieces: [frame(kind, 1)] }))),
  },
  {
    ...FULL,
    id: "bad.told",
    title: "why a connection ends is told",
    needs: ["bad.kind", "error.answer"],
    advice: "Before you end a connection, send an error of id 0 with the code exec.bad_request and a message that says what was wrong",
    run: async ({ peer }) => {
      const heard = await peer.tell({ says: "a frame of kind 255", pieces: [frame(255, 1)] });
      return heardAs(heard, "error 0, exec.bad_request, with a message", (came) => {
        const error = readError(came);
        return came.kind === KINDS.error && came.id === 0 && error?.code === "exec.bad_request" && error.message !== "";
      });
    },
  },
  {
    ...FULL,
    id: "bad.length",
    title: "a length under 5 ends the connection",
    needs: ["hello"],
    advice:
      "End the connection at a length under 5, with an error of id 0: it counts the kind and the id, so that there is no frame so short",
    run: ({ peer }) =>
      endEach(
        peer,
        [0, 4].map((length) => ({ says: `a ping whose length is ${length}`, pieces: [frame(KINDS.ping, 1, undefined, length)] })),
      ),
  },
  {
    ...FULL,
    id: "bad.same_id",
    title: "two calls of one id do no harm",
    needs: ["frames.joined"],
    advice: "Answer both calls when the first had ended before the second came, else end the connection with an error of id 0",
    run: async ({ peer, echo }) => {
      const call = callFrame(1, { command: echo, payload: OK });
      const says = `two calls of "${echo}" with the id 1 in one piece`;
      const heard = await peer.tell({ says, pieces: [joined(call, call)], until: (frames) => frames.length > 1 });
      return heard.hasEnded || heard.frames.length > 1 ? undefined : unlike(heard, `two answers, or ${ENDS}`);
    },
  },
  {
    ...FULL,
    id: "bad.truncated",
    title: "a call that is cut off is not run",
    needs: ["exec"],
    advice: "Look whether a read gave as many bytes as were asked for: at the end of a connection it gives fewer, and half a call is none",
    run: async ({ peer, echo }) => {
      const call = callFrame(1, { command: echo, payload: OK });
      const says = `a call of "${echo}" without its last byte, and nothing behind it`;
      const heard = await peer.tell({ says, pieces: [call.subarray(0, -1)], isAll: true });
      const ran = heard.frames.some(({ id }) => id === 1);
      return heard.hasEnded && !ran ? undefined : unlike(heard, `${ENDS}, and no answer`);
    },
  },
  {
    ...FULL,
    id: "bad.huge",
    title: "a length of 4 GiB does no harm",
    needs: ["hello"],
    advice: "Look at the length before you make room for a body: what is over the limit is passed over, or ends the connection",
    run: async ({ peer }) => {
      const head = frame(KINDS.call, 1, OK, 0xffffffff);
      // A ping of another connection in between lets the plugin make what it makes of it; the runner then asks whether it still answers.
      await peer.tell({ says: "the first bytes of a call whose length is 4294967295", pieces: [head, OK], until: () => true });
      return undefined;
    },
  },
];

/** Sends each on a connection of its own; gives the first that did not end it. */
async function endEach(peer: SocketPeer, all: readonly Told[]): Promise<Finding | undefined> {
  for (const each of all) {
    const heard = await peer.tell(each);
    if (!heard.hasEnded) return unlike(heard, ENDS);
  }
  return undefined;
}

function unlike({ sent, came }: Heard, expected: string): Finding {
  return { sent, expected, came };
}
