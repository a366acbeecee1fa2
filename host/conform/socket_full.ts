/**
 * The checks of level `full` that only the framed socket has: what stands in the two hellos, codes, limits, cancel, where the socket is.
 * @module
 */
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { createNonce, proofFromToken } from "../../protocol/proof.ts";
import type { Check, CheckContext, Finding, NotApplicable } from "./check.ts";
import { visible } from "./evidence.ts";
import { echoes, isRefused } from "./expect.ts";
import { callFrame, frame, helloFrame, joined, KINDS, readError, readHello } from "./frames.ts";
import { KNOWN_FEATURES } from "./identity_checks.ts";
import { echoesAll, heardAs } from "./socket_core.ts";
import type { SocketPeer } from "./socket_peer.ts";

const FULL = { level: "full", section: 10 } as const;
const OK: Uint8Array = new TextEncoder().encode("OK");
/** What a frame may have beside its payload. */
const META_BYTES = 4096;
/** More than a frame before the hello may have. */
const LARGE_HELLO = 16 * 1024;
const GIVEN_UP = 8;
/** Where the path of a socket ends. */
const MOST_PATH = 103;

/** What it says of itself, and how it proves it. */
export const IDENTITY_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...FULL,
    id: "identity",
    title: "the hello lists the features",
    needs: ["hello"],
    advice: 'List your features in the hello as texts, "features":["cancel"], or "features":[] when there are none',
    run: ({ peer }) => lists(peer, "features of texts", (features) => features.every((each) => typeof each === "string")),
  },
  {
    ...FULL,
    id: "identity.features",
    section: 2,
    title: "the features that it lists are known",
    needs: ["identity"],
    advice: `Write features as the contract does, in small letters; it knows ${KNOWN_FEATURES.join(", ")}`,
    run: ({ peer }) =>
      lists(
        peer,
        `features of ${KNOWN_FEATURES.join(", ")}`,
        (features) => features.every((each) => KNOWN_FEATURES.includes(String(each))),
      ),
  },
  {
    ...FULL,
    id: "proof",
    section: 2,
    needsToken: true,
    title: "the hello proves that it holds the token",
    needs: ["identity"],
    advice:
      "Answer a hello that has a nonce with the proof in yours: HMAC-SHA256 in lower-case hex, its key the 64 characters of POLYPLUG_TOKEN as text (not decoded from hex), its message the characters of the nonce",
    run: async ({ peer, token = "" }) => {
      for (const nonce of [createNonce(), createNonce()]) {
        const proof = await proofFromToken(token, nonce);
        const { sent, came, answer } = await peer.hello({ nonce });
        if ((answer && readHello(answer.frame)?.get("proof")) !== proof) return { sent, expected: `a hello with "proof":"${proof}"`, came };
      }
      return undefined;
    },
  },
];

/** What it does with the second hello. */
export const TOKEN_HELLO_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...FULL,
    id: "token.hello",
    needsToken: true,
    title: "the hello with the token is not answered",
    needs: ["identity", "exec"],
    advice: "Take a hello after the first for the token that it carries, and do not answer it",
    run: async ({ peer, token }) => {
      const pieces = [joined(helloFrame({ token }), frame(KINDS.ping, 1))];
      const heard = await peer.tell({
        says: "the token again, then ping 1",
        pieces,
        countsHellos: true,
        until: (frames) => frames.some(({ kind }) => kind === KINDS.pong),
      });
      return heardAs(heard, "pong 1 alone", ({ kind }) => kind === KINDS.pong);
    },
  },
];

/** Codes, and calls that are taken back. */
export const ERROR_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...FULL,
    id: "error.unknown_command",
    title: "an unknown command is exec.unknown_command",
    needs: ["error.answer"],
    advice: "Answer a command that you do not have with the code exec.unknown_command",
    run: async ({ peer }) => isRefused(peer, await peer.exec("conform.no_such_command", OK), "exec.unknown_command"),
  },
];

/** What is too large for a frame. */
export const LARGE_FRAME_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...FULL,
    id: "limit.frame",
    title: "what is behind too large a frame is read",
    needs: ["limit.over"],
    advice:
      "Pass over the body of a call that is over the limit and 4096 bytes without keeping it, answer it with exec.too_large, and go on with the frame behind it",
    run: async ({ peer, echo, maxPayloadBytes }) => {
      const large = callFrame(1, { command: echo, payload: new Uint8Array(maxPayloadBytes + 2 * META_BYTES) });
      const heard = await peer.tell({
        says: `a call in a frame of ${large.length} bytes, then call 3 of "${echo}"`,
        pieces: [large, callFrame(3, { command: echo, payload: OK })],
        until: (frames) => frames.some(({ id }) => id === 3),
      });
      const refused = heard.frames.find(({ id }) => id === 1);
      const next = heard.frames.find(({ id }) => id === 3);
      if (refused?.kind === KINDS.error && readError(refused)?.code === "exec.too_large" && next?.kind === KINDS.result) return undefined;
      return { sent: heard.sent, expected: "error 1, exec.too_large, and result 3", came: heard.came };
    },
  },
  {
    ...FULL,
    id: "limit.hello",
    title: "a hello of more than 8192 bytes is refused",
    needs: ["hello"],
    advice:
      "Keep no frame of more than 8192 bytes before a hello has come, so that strangers cannot make the plugin grow: end the connection with an error of id 0",
    run: async ({ peer }) => {
      const hello = helloFrame({ polyplug: 1, host: "conform", later: "x".repeat(LARGE_HELLO) });
      const heard = await peer.tell({
        says: `a hello of ${hello.length} bytes`,
        pieces: [hello],
        greets: false,
        until: (frames) => frames.some(({ kind }) => kind === KINDS.hello),
      });
      return heard.hasEnded ? undefined : { sent: heard.sent, expected: "the end of the connection", came: heard.came };
    },
  },
];

/** Calls that nobody waits for any more. */
export const CANCEL_CHECKS: readonly Check<SocketPeer>[] = [
  {
    // Whether the handler's own signal fires cannot be seen from outside; that other calls do not feel it can.
    ...FULL,
    feature: "cancel",
    id: "cancel",
    title: "giving calls up leaves the other calls alone",
    needs: ["frames.joined", "connections.held", "connections.dropped"],
    advice:
      "Cancel the call of the id that a frame of kind 8 has and no other, and pass over one whose call has ended: give each call a signal of its own",
    run: async (context) => {
      const { peer, echo } = context;
      const call = (id: number) => callFrame(id, { command: echo, payload: OK });
      const odd = Array.from({ length: GIVEN_UP }, (_, index) => 3 + 2 * index);
      const last = 3 + 2 * GIVEN_UP;
      const pieces = [
        joined(call(1), ...odd.flatMap((id) => [call(id), frame(KINDS.cancel, id)]), frame(KINDS.cancel, last + 2), call(last)),
      ];
      const says = `in one piece call 1, ${GIVEN_UP} calls each with its cancel behind it, a cancel of no call, and call ${last}`;
      const finding = await echoesAll(peer, { says, pieces }, [1, last]);
      if (finding !== undefined) return finding;
      const other = await echoes(context, OK);
      return other && { ...other, sent: `${says}; on another connection ${other.sent}` };
    },
  },
];

/** Where it is. */
export const PLACE_CHECKS: readonly Check<SocketPeer>[] = [
  {
    ...FULL,
    id: "private",
    title: "the socket's folder is its user's alone",
    needs: ["ping"],
    advice:
      "Make a folder of mode 0700 for the socket before you listen, and keep the path under 104 bytes: whoever can enter the folder can call the plugin",
    run: isPrivate,
  },
];

async function lists(peer: SocketPeer, expected: string, holds: (features: readonly unknown[]) => boolean): Promise<Finding | undefined> {
  const { sent, came, answer } = await peer.hello();
  const features = answer && readHello(answer.frame)?.get("features");
  return Array.isArray(features) && holds(features) ? undefined : { sent, expected: `a hello with ${expected}`, came };
}

async function isPrivate({ peer: { endpoint } }: CheckContext<SocketPeer>): Promise<Finding | NotApplicable | undefined> {
  if (endpoint.kind !== "unix") return { skip: "it listens on TCP" };
  const folder = dirname(endpoint.path);
  const mode = await stat(folder).then((stats) => stats.mode & 0o777, () => undefined);
  if (mode === undefined) return { skip: "the folder cannot be looked at from here" };
  const length = new TextEncoder().encode(endpoint.path).length;
  if ((mode & 0o077) === 0 && length <= MOST_PATH) return undefined;
  const came = `mode 0${mode.toString(8)}, a path of ${length} bytes`;
  return { sent: `nothing: a look at ${visible(folder)}`, expected: `mode 0700, a path of at most ${MOST_PATH} bytes`, came };
}
