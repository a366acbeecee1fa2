/**
 * The checks of level `full` about section 3's error answers: statuses and codes of all that can be brought about from outside.
 * @module
 */
import { isLoopbackName } from "../../protocol/endpoint.ts";
import { encodeExecRequest } from "../../protocol/rest/wire.ts";
import type { Check, CheckContext } from "./check.ts";
import type { HttpRequest } from "./http_line.ts";
import { accepted, callBody, echoCall, errorAnswer, expecting, expectingEach, refusedWith } from "./rest_expect.ts";
import type { RestPeer } from "./rest_peer.ts";

const FULL = { level: "full", section: 3 } as const;
const FORBIDDEN = refusedWith(403, "exec.forbidden");

/** In the order of the table in the contract. */
export const ERROR_CHECKS: readonly Check<RestPeer>[] = [
  {
    ...FULL,
    id: "error.unknown_command",
    title: "an unknown command is exec.unknown_command",
    needs: ["unknown_command.status", "error.answer"],
    advice: 'Add "code":"exec.unknown_command" to the error answer for a command that you do not have',
    run: ({ peer }) =>
      expecting(
        peer,
        peer.execRequest(encodeExecRequest("conform.no_such_command", new Uint8Array(0))),
        errorAnswer(400, "exec.unknown_command"),
      ),
  },
  {
    ...FULL,
    id: "error.bad_request",
    title: "bad requests are 400 exec.bad_request",
    needs: ["bad.hex", "bad.odd_hex", "bad.json", "bad.not_object", "bad.no_command", "bad.no_payload", "bad.answer"],
    advice: 'Answer every body that cannot be read with the status 400 and "code":"exec.bad_request"',
    run: ({ peer, echo }) => {
      const name = JSON.stringify(echo);
      const bodies = ["command=hello", "[]", `{"command":${name}}`, '{"payload":""}', `{"command":${name},"payload":"zz"}`];
      return expectingEach(peer, bodies.map((body) => peer.execRequest(body)), refusedWith(400, "exec.bad_request"));
    },
  },
  {
    ...FULL,
    id: "error.path",
    title: "other paths are 404 exec.not_found",
    needs: ["error.unknown_command"],
    advice: 'Answer a path that you do not have with the status 404 and "code":"exec.not_found", in JSON',
    run: ({ peer }) =>
      expectingEach(
        peer,
        [peer.otherRequest("GET", "/"), peer.otherRequest("POST", "/exec/other", "{}")],
        errorAnswer(404, "exec.not_found"),
      ),
  },
  {
    ...FULL,
    id: "error.method",
    title: "other methods are 405 exec.not_found",
    needs: ["error.unknown_command"],
    advice: 'Answer GET /exec and POST /ping with the status 405 and "code":"exec.not_found", in JSON',
    run: ({ peer }) =>
      expectingEach(
        peer,
        [peer.otherRequest("GET", "/exec"), peer.otherRequest("POST", "/ping", "{}")],
        errorAnswer(405, "exec.not_found"),
      ),
  },
  {
    ...FULL,
    id: "forbidden.origin",
    title: "requests of web pages are refused",
    needs: ["exec"],
    advice: "Answer every request that has an Origin header, whatever its value, with the status 403: only browsers send it",
    run: (context) => {
      const { peer } = context;
      const requests = ["http://example.com", "null"].flatMap((origin) => [echoCall(context, { origin }), peer.pingRequest({ origin })]);
      return expectingEach(peer, requests, FORBIDDEN);
    },
  },
  {
    ...FULL,
    id: "forbidden.host",
    title: "a foreign Host header is refused",
    needs: ["exec"],
    advice:
      "Answer a request whose Host header is not localhost, 127.0.0.0/8 or [::1], with or without a port, with the status 403: a web page may give its own name this machine's address",
    run: (context) => {
      const { peer } = context;
      const loopback = peer.endpoint.kind === "tcp" && isLoopbackName(peer.endpoint.url.hostname);
      if (!loopback) return Promise.resolve({ skip: "the Host header matters on a loopback TCP address alone" });
      const requests = ["example.com", "localhost.example.com:80"].flatMap((
        host,
      ) => [echoCall(context, { host }), peer.pingRequest({ host })]);
      return expectingEach(peer, requests, FORBIDDEN);
    },
  },
  {
    ...FULL,
    id: "limit.exact",
    title: "a payload of exactly the limit passes",
    needs: ["bytes.large"],
    advice: "Take payloads up to the limit (POLYPLUG_MAX_PAYLOAD, else 16 MiB), counted in bytes after decoding, the limit itself included",
    run: (context) => expecting(context.peer, sized(context, context.maxPayloadBytes), accepted),
  },
  {
    ...FULL,
    id: "limit.over",
    title: "a larger payload is 413 exec.too_large",
    needs: ["limit.exact"],
    advice:
      "Answer a payload over the limit (POLYPLUG_MAX_PAYLOAD, else 16 MiB) with the status 413, and read the rest of the body before you close, so that the answer arrives",
    run: (context) => expecting(context.peer, sized(context, context.maxPayloadBytes + 1), refusedWith(413, "exec.too_large")),
  },
];

function sized({ peer, echo }: CheckContext<RestPeer>, size: number): HttpRequest {
  return peer.execRequest(callBody(echo, "2e".repeat(size)));
}
