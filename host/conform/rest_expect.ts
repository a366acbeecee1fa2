/**
 * What REST checks expect of one answer: takes a request and an expectation, gives what was wrong.
 * @module
 */
import { decodeHex } from "../../protocol/hex.ts";
import type { Finding } from "./check.ts";
import { visible } from "./evidence.ts";
import type { HttpAnswer, HttpRequest } from "./http_line.ts";
import { errorBody, responseOf, type RestPeer } from "./rest_peer.ts";

/** Something that is true of a right answer, and how to say it. */
export interface Expectation {
  readonly text: string;
  readonly holds: (answer: HttpAnswer) => boolean;
}

/** Sends a request on a connection of its own; gives what was wrong with the answer. */
export async function expecting(peer: RestPeer, request: HttpRequest, expectation: Expectation): Promise<Finding | undefined> {
  const { sent, came, answer } = await peer.send(request);
  const { text, holds } = expectation;
  return answer !== undefined && holds(answer) ? undefined : { sent, expected: text, came };
}

/** Sends requests one after the other until an answer is not as expected. */
export async function expectingEach(
  peer: RestPeer,
  requests: readonly HttpRequest[],
  expectation: Expectation,
): Promise<Finding | undefined> {
  for (const request of requests) {
    const finding = await expecting(peer, request, expectation);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

/** The body of a call with its payload as written here, right or wrong. */
export function callBody(command: string, payload: string): string {
  return `{"command":${JSON.stringify(command)},"payload":"${payload}"}`;
}

/** That the status is this one. */
export function status(code: number): Expectation {
  return { text: `status ${code}`, holds: (answer) => answer.status === code };
}

/** That it is refused, with whatever body. */
export const refusal: Expectation = {
  text: "a status from 400 to 499",
  holds: (answer) => answer.status >= 400 && answer.status < 500,
};

/** That the body is right and has this response, whatever the status. */
export function response(text: string, letters: "exactly" | "any case" = "exactly"): Expectation {
  return {
    text: `a body with the response "${visible(text)}"`,
    holds: (answer) => {
      const came = responseOf(answer);
      return (letters === "exactly" ? came : came?.toLowerCase()) === text;
    },
  };
}

/** That the body is right and its response is hex, whatever the status. */
export const hexAnswer: Expectation = {
  text: 'the body {"status":"success","data":{"response":"<hex>"}}',
  holds: (answer) => decodeHex(responseOf(answer) ?? "?") !== undefined,
};

/** That it has this status, and this code if it has one, in whatever body: the form of error answers has a check of its own. */
export function refusedWith(code: number, name: string): Expectation {
  return {
    text: `status ${code} (${name})`,
    holds: (answer) => answer.status === code && (errorBody(answer)?.get("code") ?? name) === name,
  };
}

/** That it is an error answer of the contract's form; with a status when it is given, and with a code. */
export function errorAnswer(statusCode?: number, code?: string): Expectation {
  const where = statusCode === undefined ? "" : `status ${statusCode} and `;
  const named = code === undefined ? "" : `,"code":"${code}"`;
  return {
    text: `${where}the body {"status":"error","data":null,"message":"…"${named}}`,
    holds: (answer) => {
      if (statusCode !== undefined && answer.status !== statusCode) return false;
      const body = errorBody(answer);
      const message = body?.get("message");
      if (body?.get("status") !== "error" || typeof message !== "string" || message === "") return false;
      return (body.get("data") ?? null) === null && (code === undefined || body.get("code") === code);
    },
  };
}
