/**
 * What checks of gRPC and Connect expect of one answer's form: takes a message and an expectation, gives what was wrong.
 * @module
 */
import { decodeHex } from "../../protocol/hex.ts";
import type { Bytes } from "../../protocol/caller.ts";
import type { CheckContext, Finding } from "./check.ts";
import { visible } from "./evidence.ts";
import { isSuccess, readMessage, type RpcAnswer } from "./rpc_call.ts";
import type { RpcMessage, RpcPeer } from "./rpc_peer.ts";

/** Something that is true of a right answer, and how to say it. */
export interface RpcExpectation {
  readonly text: string;
  readonly holds: (answer: RpcAnswer) => boolean;
}

/** Sends a message on a connection of its own; gives what was wrong with the answer. */
export async function expecting(peer: RpcPeer, message: RpcMessage, { text, holds }: RpcExpectation): Promise<Finding | undefined> {
  const { sent, came, answer } = await peer.send(message);
  return answer !== undefined && holds(answer) ? undefined : { sent, expected: text, came };
}

/** A call of the echo command whose payload stands in the message like this. */
export function echoField(
  { peer, echo }: CheckContext<RpcPeer>,
  field: string,
  headers: Readonly<Record<string, string>> = {},
): RpcMessage {
  return peer.fieldMessage(echo, new TextEncoder().encode(field), headers);
}

/** That its Status lets the data count, or there is no message to look at. */
export const success: RpcExpectation = {
  text: 'Status "success"',
  holds: (answer) => answer.status === "OK" && isSuccess(readMessage(answer)?.status ?? ""),
};

/** That the message has this response, whatever its Status. */
export function response(text: string, letters: "exactly" | "any case" = "exactly"): RpcExpectation {
  return {
    text: `the Response "${visible(text)}"`,
    holds: (answer) => {
      const came = responseText(answer);
      return (letters === "exactly" ? came : came?.toLowerCase()) === text;
    },
  };
}

/** That the message can be read, and its response is what a payload may be, whatever its Status. */
export function readable(isHex: boolean): RpcExpectation {
  return {
    text: isHex ? "a message of plugin.proto whose Response is hex" : "a message of plugin.proto",
    holds: (answer) => {
      const text = responseText(answer);
      return text !== undefined && (!isHex || decodeHex(text) !== undefined);
    },
  };
}

/** That it is an error, with this status if one is given, in whatever form. */
export function refusal(status?: string): RpcExpectation {
  const text = status === undefined ? "an error answer" : `status ${status}`;
  return { text, holds: (answer) => answer.status !== "OK" && (status === undefined || answer.status === status) };
}

/** The response as text; a message without one has an empty one. */
export function responseText(answer: RpcAnswer): string | undefined {
  if (answer.status !== "OK") return undefined;
  const message = readMessage(answer);
  return message === undefined ? undefined : textFrom(message.response);
}

function textFrom(bytes: Bytes): string {
  return new TextDecoder().decode(bytes);
}
