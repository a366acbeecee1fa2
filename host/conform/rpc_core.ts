/**
 * The checks of level `core` about the form of right answers on gRPC and Connect, and about the dialect that they are in.
 * @module
 */
import type { Check, CheckContext, Finding } from "./check.ts";
import { echoField, expecting, readable, response, responseText, success } from "./rpc_expect.ts";
import type { RpcMessage, RpcPeer } from "./rpc_peer.ts";

const CORE = { level: "core", section: 4 } as const;
/** Hex in both cases: who decodes it gives it back in one, who takes it for raw bytes as it is. */
const MIXED = "4a4B4c4D";

/** The form of the answer to ping. */
export const PING_CHECKS: readonly Check<RpcPeer>[] = [
  {
    ...CORE,
    id: "ping.status",
    title: 'ping has the Status "success"',
    needs: ["ping"],
    advice: 'Answer Ping with a PingResponse whose Status is "success"; hosts take every other one but an empty one for an error',
    run: ({ peer }) => expecting(peer, peer.pingMessage(), success),
  },
  {
    ...CORE,
    id: "ping.answer",
    title: 'ping has the right message, with "pong"',
    needs: ["ping"],
    advice: 'Answer Ping with PingResponse { Status: "success", Data: { Response: "pong" } }, by the field numbers of plugin.proto',
    run: ({ peer }) => expecting(peer, peer.pingMessage(), response("pong")),
  },
];

/** Whether it is the dialect that was asked for; before exec, which the wrong one would confuse. */
export const DIALECT_CHECKS: readonly Check<RpcPeer>[] = [
  {
    ...CORE,
    id: "dialect",
    title: "payloads are not in the other dialect",
    needs: ["ping"],
    advice: "Write payloads in the dialect that the plugin is configured with",
    run: speaksDialect,
  },
];

/** The form of the answer to exec. */
export const EXEC_FORM_CHECKS: readonly Check<RpcPeer>[] = [
  {
    ...CORE,
    id: "exec.status",
    title: 'exec has the Status "success"',
    needs: ["exec"],
    advice: 'Answer Exec with an ExecResponse whose Status is "success"; hosts take every other one but an empty one for an error',
    run: (context) => expecting(context.peer, hello(context), success),
  },
  {
    ...CORE,
    id: "exec.answer",
    title: "exec has the right message",
    needs: ["exec.status"],
    advice:
      'Answer Exec with ExecResponse { Status: "success", Data: { Response } }, by the field numbers of plugin.proto; in the dialect "seed" Response is hex, two digits for each byte',
    run: (context) => expecting(context.peer, hello(context), readable(context.peer.dialect === "seed")),
  },
];

function hello({ peer, echo }: CheckContext<RpcPeer>): RpcMessage {
  return peer.execMessage({ command: echo, payload: new TextEncoder().encode("Hello") });
}

/** Only an answer that shows the other dialect is a fault here; exec has its own check. */
async function speaksDialect(context: CheckContext<RpcPeer>): Promise<Finding | undefined> {
  const { peer } = context;
  const { sent, came, answer } = await peer.send(echoField(context, MIXED));
  const text = answer === undefined ? undefined : responseText(answer);
  const speaks = text === MIXED ? "goplugin-1" : text?.toLowerCase() === MIXED.toLowerCase() ? "seed" : peer.dialect;
  if (speaks === peer.dialect) return undefined;
  const [form, digits] = speaks === "seed" ? ["hex", "decoded"] : ["raw bytes", "given back as they are"];
  return {
    sent,
    expected: `a Response in the dialect "${peer.dialect}"`,
    came: `${came}: the digits were ${digits}`,
    advice:
      `The plugin takes payloads as ${form}, which is the dialect "${speaks}": check it with --dialect ${speaks} and write dialect = "${speaks}" in its configuration, or change the plugin`,
  };
}
