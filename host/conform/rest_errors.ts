/**
 * The checks of level `full` about section 3's error answers that only REST has: their statuses, codes and JSON.
 * @module
 */
import { encodeExecRequest } from "../../protocol/rest/wire.ts";
import type { Check } from "./check.ts";
import { errorAnswer, expecting, expectingEach, refusedWith } from "./rest_expect.ts";
import type { RestPeer } from "./rest_peer.ts";

const FULL = { level: "full", section: 3 } as const;

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
];
