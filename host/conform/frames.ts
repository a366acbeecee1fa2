/**
 * Frames of the framed socket as the checks write them, byte by byte and right or wrong: takes what is to stand in one, gives its bytes;
 * and what came, in words. It shares no code with the library's own reader and writer, which would hide what both have wrong.
 * @module
 */
import { Buffer } from "node:buffer";
import type { Bytes } from "../../protocol/caller.ts";
import { visible, visibleBytes } from "./evidence.ts";

/** The kinds that a host and a plugin send. */
export const KINDS = { hello: 1, call: 2, result: 3, error: 4, cancel: 8, ping: 9, pong: 10 } as const;

/** The bytes before a body: `u32` length, `u8` kind, `u32` id. */
export const HEAD_BYTES = 9;
/** Those of them that the length counts. */
export const COUNTED = 5;

/** A frame as it came. */
export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly body: Bytes;
}

/** What stands in a call; texts are absent, and there is no deadline, unless they are given. */
export interface CallFields {
  readonly command: string;
  readonly payload: Uint8Array;
  readonly timeoutMs?: number;
  readonly attempt?: number;
  readonly requestId?: string;
  readonly traceparent?: string;
}

const text = new TextEncoder();

/** A frame; `length` is what it says of itself, right unless it is given. */
export function frame(kind: number, id: number, body: Uint8Array = new Uint8Array(0), length: number = body.length + COUNTED): Bytes {
  const bytes = new Uint8Array(HEAD_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint8(4, kind);
  view.setUint32(5, id);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

/** A hello of any content. */
export function helloFrame(content: unknown): Bytes {
  return frame(KINDS.hello, 0, text.encode(JSON.stringify(content)));
}

/** Milliseconds, attempt and hops. */
const CALL_HEAD = 6;

/** The body of a call. */
export function callBody({ command, payload, timeoutMs = 0, attempt = 1, requestId = "", traceparent = "" }: CallFields): Bytes {
  const head = new Uint8Array(CALL_HEAD);
  new DataView(head.buffer).setUint32(0, timeoutMs);
  head[4] = attempt;
  const texts = [requestId, traceparent, "", command].map((each) => text.encode(each));
  return joined(head, ...texts.flatMap((each) => [Uint8Array.of(each.length), each]), payload);
}

/** A call. */
export function callFrame(id: number, fields: CallFields): Bytes {
  return frame(KINDS.call, id, callBody(fields));
}

/** These bytes, one behind the other. */
export function joined(...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(Buffer.concat(parts));
}

/** What an error says; `undefined` when the length of its code does not fit. */
export function readError({ body }: Frame): { readonly code: string; readonly message: string } | undefined {
  const at = 1 + (body[0] ?? 0);
  if (at > body.length) return undefined;
  const decoder = new TextDecoder();
  return { code: decoder.decode(body.subarray(1, at)), message: decoder.decode(body.subarray(at)) };
}

/** What a hello says; `undefined` when it is no JSON object. */
export function readHello({ body }: Frame): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : undefined;
  } catch {
    return undefined; // What is not JSON says nothing.
  }
}

/** The most bytes of a body that evidence shows. */
const SHOWN_BYTES = 60;

/** A frame in words, but for its body. */
export function describeHead({ kind, id }: Frame): string {
  return `${Object.entries(KINDS).find(([, number]) => number === kind)?.[0] ?? `a frame of kind ${kind},`} ${id}`;
}

/** A frame in words. */
export function describeFrame(came: Frame): string {
  const { kind, id, body } = came;
  const error = kind === KINDS.error ? readError(came) : undefined;
  if (error !== undefined) return `error ${id}, ${visible(error.code, SHOWN_BYTES)}: "${visible(error.message)}"`;
  const content = body.length === 0 ? "no body" : `body ${visibleBytes(body, kind === KINDS.hello ? undefined : SHOWN_BYTES)}`;
  return `${describeHead(came)}, ${content}`;
}

/** Frames in words, as many as a line takes. */
export function describeFrames(frames: readonly Frame[]): string {
  const more = frames.length - MOST_FRAMES;
  return [...frames.slice(0, MOST_FRAMES).map(describeFrame), ...(more > 0 ? [`${more} frames more`] : [])].join("; ");
}

const MOST_FRAMES = 4;
