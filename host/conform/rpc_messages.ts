/**
 * The checks of level `core` about what a message and its metadata may have on gRPC and Connect, and about messages that are wrong.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { formFromDialect } from "../../protocol/grpc/wire.ts";
import { NAME_CHECKS } from "./call_checks.ts";
import type { Check } from "./check.ts";
import { isEcho } from "./expect.ts";
import { execReply } from "./rpc_call.ts";
import { echoField, expecting, refusal, response } from "./rpc_expect.ts";
import type { RpcPeer } from "./rpc_peer.ts";

const CORE = { level: "core", section: 4 } as const;
/** "JKLMNO", whose hex has letters in it. */
const LETTERS = "4a4b4c4d4e4f";
const OK: Uint8Array = new TextEncoder().encode("OK");

/** How hex may be written; only for the dialect that has it. */
export const HEX_CHECKS: readonly Check<RpcPeer>[] = [
  {
    ...CORE,
    id: "exec.lower_case",
    title: "the response is in lower-case hex",
    needs: ["exec.echo"],
    advice: "Write the response's hex with the small letters a to f",
    run: (context) => expecting(context.peer, echoField(context, LETTERS), response(LETTERS)),
  },
  {
    ...CORE,
    id: "hex.upper_case",
    title: "a payload in upper-case hex is read",
    needs: ["exec.echo"],
    advice: "Read the payload's hex in either case, A to F as well as a to f",
    run: (context) => expecting(context.peer, echoField(context, LETTERS.toUpperCase()), response(LETTERS, "any case")),
  },
  {
    ...CORE,
    id: "bad.hex",
    title: "a payload that is not hex is refused",
    needs: ["exec"],
    advice: "Answer a payload that is not hex with an error, InvalidArgument for example, and go on serving: catch what decoding throws",
    run: (context) => expecting(context.peer, echoField(context, "zz"), refusal()),
  },
  {
    ...CORE,
    id: "bad.odd_hex",
    title: "hex of odd length is refused",
    needs: ["exec"],
    advice: "Answer a payload with an odd number of digits with an error and go on serving, and do not drop or add a digit",
    run: (context) => expecting(context.peer, echoField(context, "4a4"), refusal()),
  },
];

/** What else messages and metadata may have, and messages that are none. */
export const MESSAGE_CHECKS: readonly Check<RpcPeer>[] = [
  {
    ...CORE,
    id: "message.unknown_fields",
    title: "fields that it does not know are ignored",
    needs: ["exec.echo"],
    advice: "Ignore fields of the message that you do not know: later versions of the contract may add some",
    run: async ({ peer, echo }) => {
      const message = peer.execMessage({ command: echo, payload: OK });
      // Field 15, a number of one byte; field 16, a text of two.
      const more = Uint8Array.of(0x78, 0x01, 0x82, 0x01, 0x02, 0x4f, 0x4b);
      const body: Bytes = Uint8Array.from([...message.body, ...more]);
      const exchange = await peer.send({ ...message, body, says: `${message.says}, and fields 15 and 16` });
      return isEcho(execReply(exchange, formFromDialect(peer.dialect)), OK);
    },
  },
  {
    ...CORE,
    id: "request.headers",
    title: "metadata that it does not know does no harm",
    needs: ["exec.echo"],
    advice: "Ignore metadata that you do not use: a host sends an id, the try, a deadline and a trace with each call",
    run: async ({ peer, echo }) => {
      const headers = {
        "x-request-id": "6f2c1c5e-3c1e-4a52-9a0e-0d5f3f1f9a11",
        "x-attempt": "2",
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "x-later": "1",
      };
      return isEcho(await peer.exec(echo, OK, { headers }), OK);
    },
  },
  ...NAME_CHECKS,
  {
    ...CORE,
    id: "bad.message",
    title: "bytes that are no message are refused",
    needs: ["exec"],
    advice: "Answer bytes that are not an ExecRequest with an error and go on serving: catch what decoding throws",
    run: ({ peer }) => {
      const body: Bytes = Uint8Array.of(0x0a, 0xff, 0xff, 0xff);
      return expecting(peer, { method: "Exec", body, says: " with the four bytes 0a ff ff ff as its message" }, refusal());
    },
  },
];

/** That a call with a deadline is answered; `headers` are the ways in which the wire writes one. */
export function deadlineCheck(headers: readonly Readonly<Record<string, string>>[]): Check<RpcPeer> {
  return {
    ...CORE,
    id: "deadline",
    title: "a call with a deadline is answered",
    needs: ["exec.echo"],
    advice:
      "Read the deadline in each unit in which it may be written, or leave it unread: a call that ends in time is answered as without one",
    run: async ({ peer, echo }) => {
      for (const each of headers) {
        const finding = isEcho(await peer.exec(echo, OK, { headers: each }), OK);
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  };
}
