/**
 * The checks of level `full` that only gRPC and Connect have: statuses and our codes of errors, metadata that says the form of a payload,
 * and Connect's JSON.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { ERROR_CODE, PAYLOAD } from "../../protocol/grpc/wire.ts";
import type { Check, Finding } from "./check.ts";
import { isRefused } from "./expect.ts";
import { execReply, type RpcAnswer, type RpcExchange } from "./rpc_call.ts";
import { echoField, expecting, refusal, response } from "./rpc_expect.ts";
import type { RpcMessage, RpcPeer } from "./rpc_peer.ts";

const FULL = { level: "full", section: 4 } as const;
const UNKNOWN = "conform.no_such_command";
const OK: Uint8Array = new TextEncoder().encode("OK");
/** "JKLMNO", whose hex has letters in it. */
const LETTERS = "4a4b4c4d4e4f";

/** Statuses and codes of errors. */
export const ERROR_CHECKS: readonly Check<RpcPeer>[] = [
  {
    level: "core",
    section: 4,
    id: "error.answer",
    title: "an error answer has a status and a message",
    needs: ["unknown_command"],
    advice: "Answer errors with a status of gRPC that is not OK, as the wire writes it, and with a message that helps who called",
    run: ({ peer }) => {
      const holds = ({ status, message = "" }: RpcAnswer) => status !== "OK" && message !== "";
      return expecting(peer, peer.execMessage({ command: UNKNOWN, payload: OK }), { text: "an error's status and a message", holds });
    },
  },
  {
    ...FULL,
    id: "error.unknown_command",
    title: "an unknown command is exec.unknown_command",
    needs: ["error.answer"],
    advice: `Answer a command that you do not have with the status Unimplemented, and the metadata ${ERROR_CODE}: exec.unknown_command`,
    run: async ({ peer }) => {
      const holds = ({ status, headers }: RpcAnswer) => status === "Unimplemented" && headers.get(ERROR_CODE) === "exec.unknown_command";
      return await expecting(peer, peer.execMessage({ command: UNKNOWN, payload: OK }), {
        text: `status Unimplemented and ${ERROR_CODE} exec.unknown_command`,
        holds,
      });
    },
  },
  {
    ...FULL,
    id: "error.path",
    title: "other methods of the service are refused",
    needs: ["error.answer"],
    advice: "Answer a method that the service does not have with the status Unimplemented, as every library of gRPC does",
    run: ({ peer }) => expecting(peer, { method: "Other", body: new Uint8Array(0), says: "" }, refusal("Unimplemented")),
  },
];

/** For the dialect in which a payload can be wrong. */
export const BAD_PAYLOAD_CHECKS: readonly Check<RpcPeer>[] = [
  {
    ...FULL,
    id: "error.bad_request",
    title: "bad payloads are exec.bad_request",
    needs: ["bad.hex", "bad.odd_hex", "error.answer"],
    advice: `Answer a payload that is not hex with the status InvalidArgument, and the metadata ${ERROR_CODE}: exec.bad_request`,
    run: async (context) => {
      for (const field of ["zz", "4a4"]) {
        const { peer } = context;
        const finding = isRefused(peer, execReply(await peer.send(echoField(context, field)), "hex"), "exec.bad_request");
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
];

/** For a plugin that lists `raw`: either form by the metadata that names it, whatever the dialect. */
export const FORM_CHECKS: readonly Check<RpcPeer>[] = [
  {
    ...FULL,
    id: "raw.hex",
    title: `a call with ${PAYLOAD}: hex is answered in hex`,
    feature: "raw",
    needs: ["raw", "bytes.all"],
    advice: `Take the payload for hex when the metadata says ${PAYLOAD}: hex, whatever the dialect, and answer in hex as well`,
    // Who takes them for raw bytes gives these capital letters back.
    run: (context) => expecting(context.peer, echoField(context, LETTERS.toUpperCase(), { [PAYLOAD]: "hex" }), response(LETTERS)),
  },
];

/** Connect's second form. */
export const JSON_CHECKS: readonly Check<RpcPeer>[] = [
  {
    ...FULL,
    id: "json.ping",
    title: "ping in JSON is answered in JSON",
    needs: ["ping.answer"],
    advice: 'Answer Ping with content-type application/json and the body {} by {"Status":"success","Data":{"Response":"pong"}}',
    run: async ({ peer }) => {
      const exchange = await peer.send(inJson("Ping", "{}"));
      return unmetJson(exchange, 'JSON with the Response "pong"', (response) => response === "pong");
    },
  },
  {
    ...FULL,
    id: "json.exec",
    title: "exec in JSON is answered in JSON, in hex",
    needs: ["exec.answer", "json.ping"],
    advice:
      'Answer Exec with content-type application/json and {"Command":"…","Payload":"<hex>"} by {"Status":"success","Data":{"Response":"<hex>"}}, hex in either dialect',
    run: async ({ peer, echo }) => {
      const exchange = await peer.send(inJson("Exec", JSON.stringify({ Command: echo, Payload: "4f4b" })));
      return unmetJson(exchange, 'JSON with the Response "4f4b"', (response) => response === "4f4b");
    },
  },
  {
    ...FULL,
    id: "json.bad",
    title: "bad JSON is exec.bad_request",
    needs: ["json.exec", "error.bad_request"],
    advice: "Answer a body that is not JSON, or whose Payload is not hex, with the status InvalidArgument and go on serving",
    run: async ({ peer, echo }) => {
      for (const body of ['{"Command":', JSON.stringify({ Command: echo, Payload: "zz" })]) {
        const finding = await expecting(peer, inJson("Exec", body), refusal("InvalidArgument"));
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
];

function inJson(method: string, body: string): RpcMessage {
  return { method, body: new TextEncoder().encode(body) as Bytes, says: ` ${body}`, json: true };
}

function unmetJson({ sent, came, answer }: RpcExchange, expected: string, holds: (response: unknown) => boolean): Finding | undefined {
  return answer?.status === "OK" && holds(jsonResponse(answer)) ? undefined : { sent, expected, came };
}

/** The Response of an answer in JSON whose Status lets it count. */
function jsonResponse({ body }: RpcAnswer): unknown {
  try {
    const value: { Status?: unknown; Data?: { Response?: unknown } } | null = JSON.parse(new TextDecoder().decode(body));
    return value?.Status === "success" ? value.Data?.Response : undefined;
  } catch {
    return undefined; // What is not JSON has no response.
  }
}
