/**
 * The check of level `full` about raw calls that only REST has: their errors are in JSON.
 * @module
 */
import { HEADERS } from "../../protocol/headers.ts";
import type { Check } from "./check.ts";
import { errorAnswer, expectingEach } from "./rest_expect.ts";
import type { RestPeer } from "./rest_peer.ts";

const OK: Uint8Array = new TextEncoder().encode("OK");

/** Only for a plugin that lists `raw`. */
export const RAW_ERROR_CHECKS: readonly Check<RestPeer>[] = [
  {
    level: "full",
    section: 3,
    feature: "raw",
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
