/**
 * The checks of level `core` that only REST has: the status and body of right answers, and how requests may be written.
 *
 * They ask for what a host needs to call a plugin that knows nothing else of polyplug. They do not ask for `code` in error answers,
 * for 401, 403, 404, 405 or 413, for headers, or for anything that the contract marks ◇: that is level `full`.
 * @module
 */
import { EXEC_STATUS, PING_STATUS } from "../../protocol/rest/wire.ts";
import type { Check } from "./check.ts";
import { callBody, expecting, hexAnswer, response, status } from "./rest_expect.ts";
import type { RestPeer } from "./rest_peer.ts";

const SECTION = 3;
const CORE = { level: "core", section: SECTION } as const;
/** "JKLMNO", whose hex has letters in it. */
const LETTERS = "4a4b4c4d4e4f";

/** The form of the answer to ping. */
export const PING_CHECKS: readonly Check<RestPeer>[] = [
  {
    ...CORE,
    id: "ping.status",
    title: "ping has the status 200",
    needs: ["ping"],
    advice: `Answer GET /ping with the status ${PING_STATUS} exactly`,
    run: ({ peer }) => expecting(peer, peer.pingRequest(), status(PING_STATUS)),
  },
  {
    ...CORE,
    id: "ping.answer",
    title: 'ping has the right JSON, with "pong"',
    needs: ["ping"],
    advice: 'Answer GET /ping with the body {"status":"success","data":{"response":"pong"}}',
    run: ({ peer }) => expecting(peer, peer.pingRequest(), response("pong")),
  },
];

/** The form of the answer to exec. */
export const EXEC_FORM_CHECKS: readonly Check<RestPeer>[] = [
  {
    ...CORE,
    id: "exec.status",
    title: "exec has the status 202",
    needs: ["exec"],
    advice: `Answer POST /exec with the status ${EXEC_STATUS} (Accepted) when the command went well: hosts take no other, not even 200`,
    run: ({ peer, echo }) => expecting(peer, peer.execRequest(callBody(echo, "48656c6c6f")), status(EXEC_STATUS)),
  },
  {
    ...CORE,
    id: "exec.answer",
    title: "exec has the right JSON, its response in hex",
    needs: ["exec"],
    advice: 'Answer with the body {"status":"success","data":{"response":"<hex>"}}, where <hex> is two hexadecimal digits for each byte',
    run: ({ peer, echo }) => expecting(peer, peer.execRequest(callBody(echo, "48656c6c6f")), hexAnswer),
  },
];

/** How hex and JSON may be written. */
export const REQUEST_CHECKS: readonly Check<RestPeer>[] = [
  {
    ...CORE,
    id: "exec.lower_case",
    title: "the response is in lower-case hex",
    needs: ["exec.echo"],
    advice: "Write the response's hex with the small letters a to f",
    run: ({ peer, echo }) => expecting(peer, peer.execRequest(callBody(echo, LETTERS)), response(LETTERS)),
  },
  {
    ...CORE,
    id: "hex.upper_case",
    title: "a payload in upper-case hex is read",
    needs: ["exec.echo"],
    advice: "Read the payload's hex in either case, A to F as well as a to f",
    run: async ({ peer, echo }) => {
      const upper = await expecting(peer, peer.execRequest(callBody(echo, LETTERS.toUpperCase())), response(LETTERS, "any case"));
      return upper ?? await expecting(peer, peer.execRequest(callBody(echo, "4A4b4C4d4E4f")), response(LETTERS, "any case"));
    },
  },
  {
    ...CORE,
    id: "json.unknown_keys",
    title: "keys that it does not know are ignored",
    needs: ["exec.echo"],
    advice: "Ignore keys of the body that you do not know: later versions of the contract may add some",
    run: ({ peer, echo }) => {
      const body = JSON.stringify({ later: { deep: [1, null] }, command: echo, payload: LETTERS });
      return expecting(peer, peer.execRequest(body), response(LETTERS, "any case"));
    },
  },
  {
    ...CORE,
    id: "json.form",
    title: "JSON is read in any order and spacing",
    needs: ["exec.echo"],
    advice: "Read the body with a JSON parser: order of keys, white space and escapes such as \\u0061 may differ from call to call",
    run: ({ peer, echo }) => {
      const escaped = `\\u${echo.charCodeAt(0).toString(16).padStart(4, "0")}${JSON.stringify(echo.slice(1)).slice(1, -1)}`;
      const body = `\r\n{\n  "payload" : "${LETTERS}" ,\n\t"command" : "${escaped}"\n}\n`;
      return expecting(peer, peer.execRequest(body), response(LETTERS, "any case"));
    },
  },
  {
    ...CORE,
    id: "request.content_type",
    title: "the request's content type does not matter",
    needs: ["exec.echo"],
    advice: "Read the body as JSON whatever its content type is (but for application/octet-stream): hosts, curl and others send several",
    run: async ({ peer, echo }) => {
      for (const type of ["application/json; charset=utf-8", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", undefined]) {
        const request = peer.execRequest(callBody(echo, LETTERS), { "content-type": type });
        const finding = await expecting(peer, request, response(LETTERS, "any case"));
        const sent = type === undefined ? "without a content-type" : "";
        if (finding !== undefined) return { ...finding, sent: `${finding.sent} ${sent}`.trim() };
      }
      return undefined;
    },
  },
  {
    ...CORE,
    id: "request.headers",
    title: "headers that it does not know do no harm",
    needs: ["exec.echo"],
    advice: "Ignore request headers that you do not use: a host sends an id, the try, a deadline and a trace with each call",
    run: ({ peer, echo }) => {
      const headers = {
        "x-request-id": "6f2c1c5e-3c1e-4a52-9a0e-0d5f3f1f9a11",
        "x-attempt": "2",
        "x-timeout-ms": "30000",
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "accept-encoding": "identity",
        "x-later": "1",
      };
      return expecting(peer, peer.execRequest(callBody(echo, LETTERS), headers), response(LETTERS, "any case"));
    },
  },
];
