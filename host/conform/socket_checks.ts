/**
 * Every check of the framed socket, in the order in which they are made: those of every wire, told in its words, and its own.
 * @module
 */
import { EXEC_CHECKS, FIRST_CHECKS, LAST_CHECKS, NAME_CHECKS, PAYLOAD_CHECKS } from "./call_checks.ts";
import type { Check } from "./check.ts";
import { CONNECTION_CHECKS } from "./connection_checks.ts";
import { INFO_CHECKS, SHUTDOWN_CHECKS } from "./feature_checks.ts";
import { TOKEN_CHECKS } from "./identity_checks.ts";
import { LIMIT_CHECKS } from "./refusal_checks.ts";
import { BAD_FRAME_CHECKS, BAD_HELLO_CHECKS } from "./socket_bad.ts";
import { EXEC_FORM_CHECKS, FRAME_CHECKS, HELLO_CHECKS } from "./socket_core.ts";
import { CANCEL_CHECKS, ERROR_CHECKS, IDENTITY_CHECKS, LARGE_FRAME_CHECKS, PLACE_CHECKS, TOKEN_HELLO_CHECKS } from "./socket_full.ts";
import type { SocketPeer } from "./socket_peer.ts";
import { told, type Words } from "./words.ts";

const WORDS: Words = {
  ping: {
    advice:
      "Listen on a Unix socket, answer the hello that a connection begins with by yours, and then each ping by a pong; a plugin that serves certain hosts alone is checked with --host NAME",
  },
  exec: {
    advice:
      "Answer a call by running the command that it names, with a frame of kind 3 whose body is the answer's bytes and whose id is the call's; a call may come in one read with the hello that brings the token",
  },
  "exec.echo": {
    advice:
      "Hand the payload's bytes to the command and write the bytes that it returns, as they are; the payload is what stands behind the command, to the end of the frame; if the command does not give back its payload, name one that does with --echo COMMAND",
  },
  "bytes.empty": {
    advice:
      "Take a call that ends behind its command for one with a payload of no bytes, and answer with a result without a body in the same way",
  },
  "bytes.large": { advice: "Read a frame to its length, in a loop: one read gives what has arrived, not all of it" },
  "token.missing": {
    advice:
      "While POLYPLUG_TOKEN is set, answer each call with exec.unauthenticated, and do not run it, until a hello has brought the token",
  },
  "token.wrong": {
    advice: "Compare the whole token with yours, in constant time: one that is only present, or begins alike, is not enough",
  },
  "limit.over": {
    title: "a larger payload is exec.too_large",
    advice:
      "Answer a payload over the limit (POLYPLUG_MAX_PAYLOAD, else 16 MiB) with exec.too_large, counted without what else is in the frame",
  },
  "connections.reused": {
    title: "a connection takes another call",
    advice: "Keep the connection open after an answer and read the next frame: a host makes all its calls on one",
  },
  "connections.dropped": {
    advice: "Take a connection that closes in the middle of a frame, or before its calls are answered, for the end of those calls alone",
  },
  "calls.at_once": {
    needs: ["exec.echo", "frames.joined"],
    advice:
      "Answer calls that are open at once each by itself: keep what belongs to one call in local variables, and write each frame as a whole, by one writer or under a lock",
  },
  info: { advice: 'Answer polyplug.info with JSON: {"name":"…","version":"…","commands":[{"name":"…"}],"subscribes":[],"hosts":[]}' },
  "forbidden.x_host": {
    advice:
      "Answer a hello whose host is not on the list that polyplug.info gives as hosts with an error of id 0, exec.forbidden, and end the connection",
  },
};

/** All of them; the runner leaves out what is not asked for. A raw call is what every call is here. */
export const SOCKET_CHECKS: readonly Check<SocketPeer>[] = told([
  ...FIRST_CHECKS,
  ...HELLO_CHECKS,
  ...IDENTITY_CHECKS,
  ...EXEC_CHECKS,
  ...EXEC_FORM_CHECKS,
  ...PAYLOAD_CHECKS,
  ...CONNECTION_CHECKS,
  ...FRAME_CHECKS,
  ...NAME_CHECKS,
  ...PLACE_CHECKS,
  ...TOKEN_CHECKS,
  ...TOKEN_HELLO_CHECKS,
  ...ERROR_CHECKS,
  ...BAD_HELLO_CHECKS,
  ...BAD_FRAME_CHECKS,
  ...LIMIT_CHECKS,
  ...LARGE_FRAME_CHECKS,
  ...CANCEL_CHECKS,
  ...INFO_CHECKS,
  ...LAST_CHECKS,
  ...SHUTDOWN_CHECKS,
], { words: WORDS, section: 10 });
