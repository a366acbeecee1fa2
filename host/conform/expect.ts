/**
 * What checks of every wire expect of one reply: takes a reply and an expectation, gives what was wrong.
 * @module
 */
import type { CheckContext, Finding } from "./check.ts";
import { visible, visibleBytes } from "./evidence.ts";
import type { Outcome, Peer, Reply } from "./peer.ts";

/** What was wrong with a reply. */
export function found({ sent, came, outcome }: Reply, expected: string, holds: (outcome: Outcome) => boolean): Finding | undefined {
  if (holds(outcome)) return undefined;
  const bytes = outcome.kind === "answered" ? ` (${outcome.bytes.length} bytes: ${visibleBytes(outcome.bytes, 60)})` : "";
  return { sent, expected, came: `${came}${bytes}` };
}

/** That something came which is no error, whatever it carries. */
export function responds({ kind }: Outcome): boolean {
  return kind === "answered" || kind === "unreadable";
}

/** That it is a right answer, whatever it carries. */
export function answered(reply: Reply): Finding | undefined {
  return found(reply, "a right answer", ({ kind }) => kind === "answered");
}

/** That the payload came back. */
export function isEcho(reply: Reply, payload: Uint8Array): Finding | undefined {
  return found(reply, `the same ${payload.length} bytes back`, (outcome) => {
    if (outcome.kind !== "answered" || outcome.bytes.length !== payload.length) return false;
    return outcome.bytes.every((byte, index) => byte === payload[index]);
  });
}

/** Calls the echo command; gives what was wrong with the answer. */
export async function echoes<P extends Peer>({ peer, echo }: CheckContext<P>, payload: Uint8Array): Promise<Finding | undefined> {
  return isEcho(await peer.exec(echo, payload), payload);
}

/** That it is an error with the status of this code, and this code if it has one: the form of error answers has a check of its own. */
export function isRefused(peer: Peer, reply: Reply, code: string): Finding | undefined {
  const status = peer.statusOf(code);
  return found(reply, status === code ? `an error with the code ${code}` : `status ${status} (${code})`, (outcome) => {
    return outcome.kind === "refused" && outcome.status === status && (outcome.code ?? code) === code;
  });
}

/** Makes exchanges one after the other until one is not refused with this code. */
export async function eachRefused(
  { peer }: CheckContext<Peer>,
  exchanges: readonly (() => Promise<Reply>)[],
  code: string,
): Promise<Finding | undefined> {
  for (const exchange of exchanges) {
    const finding = isRefused(peer, await exchange(), code);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

/** Something that is true of a header, and how to say it. */
export interface HeaderExpectation {
  readonly text: string;
  readonly holds: (value: string) => boolean;
}

/** Looks at one header of the answer, whatever else came. */
export function hasHeader({ sent, came, outcome, headers }: Reply, name: string, { text, holds }: HeaderExpectation): Finding | undefined {
  const value = headers.get(name);
  if (value !== undefined && holds(value)) return undefined;
  const said = value === undefined ? `no header ${name}; ${came}` : `${name}: ${visible(value)}`;
  return { sent, expected: `the header ${name}: ${text}`, came: outcome.kind === "lost" ? came : said };
}
