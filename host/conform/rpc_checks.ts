/**
 * Every check of gRPC and of Connect, in the order in which they are made: those of every wire, told in these wires' words, and their own.
 * @module
 */
import { TIMEOUT } from "../../protocol/connect/wire.ts";
import { EXEC_CHECKS, FIRST_CHECKS, LAST_CHECKS, PAYLOAD_CHECKS } from "./call_checks.ts";
import type { Check } from "./check.ts";
import { CONNECTION_CHECKS } from "./connection_checks.ts";
import { CANCEL_CHECKS, INFO_CHECKS, RAW_CHECKS, SHUTDOWN_CHECKS } from "./feature_checks.ts";
import { IDENTITY_CHECKS, RAW_TOKEN_CHECKS, TOKEN_CHECKS } from "./identity_checks.ts";
import { LIMIT_CHECKS, WEB_PAGE_CHECKS } from "./refusal_checks.ts";
import { DIALECT_CHECKS, EXEC_FORM_CHECKS, PING_CHECKS } from "./rpc_core.ts";
import { BAD_PAYLOAD_CHECKS, ERROR_CHECKS, FORM_CHECKS, JSON_CHECKS } from "./rpc_full.ts";
import { deadlineCheck, HEX_CHECKS, MESSAGE_CHECKS } from "./rpc_messages.ts";
import type { RpcPeer } from "./rpc_peer.ts";
import { told, type Words } from "./words.ts";

const RPC_WORDS: Words = {
  exec: { advice: "Answer Exec by running the command that the message names" },
  "exec.echo": {
    advice:
      "Hand the payload's bytes to the command and its answer's bytes to the response, in the dialect \"seed\" decoded from hex once and encoded once; if the command does not give back its payload, name one that does with --echo COMMAND",
  },
  "bytes.empty": { advice: "Take a message without Payload for a call with one of no bytes: proto3 does not write what is empty" },
  "bytes.large": {
    advice: "Take messages of any size up to the limit: raise the largest size of a message, which is 4 MiB in many libraries",
  },
  identity: { advice: "Answer Ping with the metadata `x-polyplug: 1; features=…`, its features joined by commas" },
  "token.missing": {
    advice:
      "While POLYPLUG_TOKEN is set, answer each call without `authorization: Bearer <token>` with the status Unauthenticated and do not run it",
  },
  "token.wrong": {
    advice: "Compare the whole metadata with `Bearer <token>`, in constant time: one that is only present, or begins alike, is not enough",
  },
  "token.raw": { advice: "Ask for the token before you look at x-payload: a raw call without it is refused as well" },
  "limit.over": {
    title: "a larger payload is exec.too_large",
    advice:
      "Answer a payload over the limit (POLYPLUG_MAX_PAYLOAD, else 16 MiB) with the status ResourceExhausted, after all of it was read, so that the answer arrives",
  },
  raw: {
    advice: "Take the payload as it is when the metadata says x-payload: raw, whatever the dialect, and answer with the bytes as they are",
  },
  "raw.empty": { advice: "Take a message without Payload for a payload of no bytes when the metadata says x-payload: raw" },
  "forbidden.origin": {
    advice: "Answer every request that has an Origin header, whatever its value, with the status PermissionDenied: only browsers send it",
  },
  "forbidden.host": {
    advice:
      "Answer a request whose Host header is not localhost, 127.0.0.0/8 or [::1], with or without a port, with the status PermissionDenied: a web page may give its own name this machine's address",
  },
  "forbidden.x_host": {
    advice: "Answer a call or ping whose X-Host is not on the list that polyplug.info gives as hosts with the status PermissionDenied",
  },
  info: {
    advice:
      'Answer polyplug.info with JSON as its response: {"name":"…","version":"…","commands":[{"name":"…"}],"subscribes":[],"hosts":[]}',
  },
};

const GRPC_WORDS: Words = {
  ...RPC_WORDS,
  ping: {
    advice:
      "Listen on 127.0.0.1 at the port that you are given, speak gRPC without TLS, and answer plugin.Plugin/Ping as often as it is asked; a plugin that serves certain hosts alone is checked with --host NAME, one that speaks REST or Connect with that --type",
  },
  "connections.held": {
    title: "streams held open do not block others",
    advice: "Serve each connection and each stream in its own thread or task: one that is silent must not block the others",
  },
  "connections.reused": {
    advice: "Keep the connection open after an answer: a host makes all its calls on one, or say GOAWAY before you close it",
  },
  "calls.at_once": { needs: ["exec.echo", "connections.reused"] },
  cancel: { advice: "When a stream is reset, cancel the call that came on it and no other: give each call a signal of its own" },
};

const CONNECT_WORDS: Words = {
  ...RPC_WORDS,
  ping: {
    advice:
      "Listen on 127.0.0.1 at the port that you are given and answer POST /plugin.Plugin/Ping with content-type application/proto as often as it is asked; a plugin that serves certain hosts alone is checked with --host NAME, one that speaks REST or gRPC with that --type",
  },
};

/** The checks of gRPC; the runner leaves out what is not asked for. */
export function grpcChecks(dialect: RpcPeer["dialect"]): readonly Check<RpcPeer>[] {
  const deadline = deadlineCheck(["30S", "30000m", "30000000u", "1M", "1H"].map((time) => ({ "grpc-timeout": time })));
  return told(inOrder(dialect, { deadline, ofThisWire: [] }), { words: GRPC_WORDS, section: 4 });
}

/** The checks of Connect. */
export function connectChecks(dialect: RpcPeer["dialect"]): readonly Check<RpcPeer>[] {
  const deadline = deadlineCheck([{ [TIMEOUT]: "30000" }, { [TIMEOUT]: "1" + "0".repeat(8) }]);
  return told(inOrder(dialect, { deadline, ofThisWire: [...WEB_PAGE_CHECKS, ...JSON_CHECKS] }), { words: CONNECT_WORDS, section: 4 });
}

interface OfTheWire {
  readonly deadline: Check<RpcPeer>;
  readonly ofThisWire: readonly Check<RpcPeer>[];
}

function inOrder(dialect: RpcPeer["dialect"], { deadline, ofThisWire }: OfTheWire): readonly Check<RpcPeer>[] {
  const hasHex = dialect === "seed";
  return [
    ...FIRST_CHECKS,
    ...PING_CHECKS,
    ...IDENTITY_CHECKS,
    ...DIALECT_CHECKS,
    ...EXEC_CHECKS,
    ...EXEC_FORM_CHECKS,
    ...PAYLOAD_CHECKS,
    ...(hasHex ? HEX_CHECKS : []),
    ...MESSAGE_CHECKS,
    deadline,
    ...TOKEN_CHECKS,
    ...RAW_TOKEN_CHECKS,
    ...ERROR_CHECKS,
    ...(hasHex ? BAD_PAYLOAD_CHECKS : []),
    ...ofThisWire,
    ...LIMIT_CHECKS,
    ...RAW_CHECKS,
    ...FORM_CHECKS,
    ...CONNECTION_CHECKS,
    ...CANCEL_CHECKS,
    ...INFO_CHECKS,
    ...LAST_CHECKS,
    ...SHUTDOWN_CHECKS,
  ];
}
