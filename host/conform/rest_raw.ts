/**
 * The checks of level `full` about section 3's raw bytes.
 * @module
 */
import { HEADERS } from "../../protocol/headers.ts";
import { EXEC_STATUS, isRaw, RAW_TYPE } from "../../protocol/rest/wire.ts";
import type { Check, Finding } from "./check.ts";
import { errorAnswer, expecting, expectingEach } from "./rest_expect.ts";
import type { RestPeer } from "./rest_peer.ts";

const RAW = { level: "full", section: 3, feature: "raw", needs: ["exec.status", "bytes.all"] } as const;
const OK: Uint8Array = new TextEncoder().encode("OK");

/** Only for a plugin that lists `raw`. */
export const RAW_CHECKS: readonly Check<RestPeer>[] = [
  {
    ...RAW,
    id: "raw",
    title: "a raw call is answered in raw bytes",
    advice:
      "Take the body of an application/octet-stream call as the payload, the command from x-command, and answer 202 with the bytes themselves as application/octet-stream",
    run: ({ peer, echo }) => rawEcho(peer, echo, Uint8Array.from({ length: 256 }, (_, value) => value)),
  },
  {
    ...RAW,
    id: "raw.empty",
    title: "an empty raw payload comes back empty",
    needs: ["raw", "bytes.empty"],
    advice: "Take an empty body for a payload of no bytes when the content type is application/octet-stream",
    run: ({ peer, echo }) => rawEcho(peer, echo, new Uint8Array(0)),
  },
  {
    ...RAW,
    id: "raw.error",
    title: "errors of raw calls are in JSON",
    needs: ["raw", "error.unknown_command", "error.bad_request"],
    advice: "Answer a raw call that fails like any other, in JSON: 400 for an unknown command, and for one without x-command",
    run: ({ peer }) => {
      const unnamed = peer.rawRequest("", OK, { [HEADERS.command]: undefined });
      return expectingEach(peer, [peer.rawRequest("conform.no_such_command", OK), unnamed], errorAnswer(400));
    },
  },
];

async function rawEcho(peer: RestPeer, command: string, payload: Uint8Array): Promise<Finding | undefined> {
  const same = (body: Uint8Array) => body.length === payload.length && body.every((byte, index) => byte === payload[index]);
  return await expecting(peer, peer.rawRequest(command, payload), {
    text: `status ${EXEC_STATUS}, ${RAW_TYPE} and the same ${payload.length} bytes`,
    holds: ({ status, headers, body }) => status === EXEC_STATUS && isRaw(headers.get("content-type") ?? null) && same(body),
  });
}
