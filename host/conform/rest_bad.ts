/**
 * The checks of level `core` about requests with something wrong in them: each is refused, and the plugin goes on serving.
 * @module
 */
import type { Check } from "./check.ts";
import { callBody, errorAnswer, expecting, expectingEach, refusal, status } from "./rest_expect.ts";
import type { RestPeer } from "./rest_peer.ts";

const CORE = { level: "core", section: 3 } as const;
const UNKNOWN = callBody("conform.no_such_command", "");
/** What objects have by themselves in JavaScript, Python and Java. */
const INHERITED: readonly string[] = ["constructor", "__proto__", "toString", "__class__", "__init__", "hashCode"];
const ALIVE = "and go on serving: catch what decoding throws";

/** Requests with something wrong in them. */
export const BAD_REQUEST_CHECKS: readonly Check<RestPeer>[] = [
  {
    ...CORE,
    id: "unknown_command.status",
    title: "an unknown command has the status 400",
    needs: ["unknown_command"],
    advice: "Answer a command that you do not have with the status 400",
    run: ({ peer }) => expecting(peer, peer.execRequest(UNKNOWN), status(400)),
  },
  {
    ...CORE,
    id: "error.answer",
    title: "an error answer has the right JSON",
    needs: ["unknown_command"],
    advice: 'Write an error as {"status":"error","data":null,"message":"<what happened>"}, with a message that helps who called',
    run: ({ peer }) => expecting(peer, peer.execRequest(UNKNOWN), errorAnswer()),
  },
  {
    ...CORE,
    id: "names.inherited",
    section: 9,
    title: "names of the language itself are no commands",
    needs: ["unknown_command"],
    advice: "Look a command up in a map of your own commands alone, never among the attributes, methods or inherited members of an object",
    run: ({ peer }) => expectingEach(peer, INHERITED.map((name) => peer.execRequest(callBody(name, ""))), refusal),
  },
  bad(
    "bad.hex",
    "a payload that is not hex is refused",
    `Answer a payload that is not hex with the status 400 ${ALIVE}`,
    (echo) => callBody(echo, "zz"),
  ),
  bad(
    "bad.odd_hex",
    "hex of odd length is refused",
    `Answer a payload with an odd number of digits with the status 400 ${ALIVE}, and do not drop or add a digit`,
    (echo) => callBody(echo, "4a4"),
  ),
  bad(
    "bad.json",
    "a body that is not JSON is refused",
    `Answer a body that is not JSON with the status 400 ${ALIVE}`,
    (echo) => `{"command":${JSON.stringify(echo)},"payload":`,
  ),
  bad(
    "bad.not_object",
    "JSON that is no object is refused",
    `Answer a body that is JSON but no object with the status 400 ${ALIVE}, and reading keys of what has none`,
    () => "[]",
  ),
  bad(
    "bad.no_command",
    "a body without command is refused",
    `Answer a body without "command" with the status 400 ${ALIVE}`,
    () => `{"payload":"4a"}`,
  ),
  bad(
    "bad.no_payload",
    "a body without payload is refused",
    `Answer a body without "payload" with the status 400 ${ALIVE}`,
    (echo) => `{"command":${JSON.stringify(echo)}}`,
  ),
  {
    ...CORE,
    id: "bad.answer",
    title: "a refused body gets an error in JSON",
    needs: ["bad.json", "error.answer"],
    advice: "Answer bad requests in JSON like every other error, not with the error page of your web framework",
    run: ({ peer }) => expecting(peer, peer.execRequest("command=hello"), errorAnswer()),
  },
];

function bad(id: string, title: string, advice: string, body: (echo: string) => string): Check<RestPeer> {
  return { ...CORE, id, title, advice, needs: ["exec"], run: ({ peer, echo }) => expecting(peer, peer.execRequest(body(echo)), refusal) };
}
