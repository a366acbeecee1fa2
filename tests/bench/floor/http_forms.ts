/**
 * The bodies of the wires over HTTP/1.1: one object of four functions for each, used by the floor's client and server.
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import type { Bytes } from "../../../protocol/caller.ts";
import { encodeAnswer, encodeRequest, payloadFrom, responseFrom } from "./message.ts";

type Headers = Record<string, string>;

/** How a wire writes a call and its answer. */
export interface HttpForm {
  readonly path: string;
  readonly status: number;
  /** The client's headers. */
  headers(command: string): Headers;
  /** The server's headers. */
  readonly answerHeaders: Headers;
  request(command: string, payload: Uint8Array): Bytes | string;
  payload(request: Bytes): Uint8Array;
  answer(response: Uint8Array): Bytes | string;
  response(answer: Bytes): Uint8Array;
}

const json = { "content-type": "application/json" };
const raw = { "content-type": "application/octet-stream" };
const proto = { "content-type": "application/proto" };

/** The forms by the name of the wire. */
export const HTTP_FORMS: ReadonlyMap<string, HttpForm> = new Map<string, HttpForm>([
  ["rest", {
    path: "/exec",
    status: 202,
    headers: (command) => ({ ...raw, "x-command": command }),
    answerHeaders: raw,
    request: (_, payload) => payload as Bytes,
    payload: (request) => request,
    answer: (response) => response as Bytes,
    response: (answer) => answer,
  }],
  ["rest-hex", {
    path: "/exec",
    status: 202,
    headers: () => json,
    answerHeaders: json,
    request: (command, payload) => `{"command":${JSON.stringify(command)},"payload":"${hexFrom(payload)}"}`,
    payload: (request) => bytesFrom(JSON.parse(textFrom(request)).payload),
    answer: (response) => `{"status":"success","data":{"response":"${hexFrom(response)}"}}`,
    response: (answer) => bytesFrom(JSON.parse(textFrom(answer)).data.response),
  }],
  ["connect", {
    path: "/plugin.Plugin/Exec",
    status: 200,
    headers: () => proto,
    answerHeaders: proto,
    request: (command, payload) => encodeRequest(command, payload),
    payload: (request) => payloadFrom(request),
    answer: (response) => encodeAnswer(response),
    response: (answer) => responseFrom(answer),
  }],
]);

/** Deno's own hex of the web is quicker than its Buffer; on Bun it is the other way round, and Node has but the Buffer. */
const webHex = "deno" in process.versions;

function hexFrom(bytes: Uint8Array): string {
  return webHex ? (bytes as Uint8Array & { toHex(): string }).toHex() : bufferOf(bytes).toString("hex");
}

function bytesFrom(hex: string): Uint8Array {
  return webHex ? (Uint8Array as unknown as { fromHex(hex: string): Uint8Array }).fromHex(hex) : Buffer.from(hex, "hex");
}

function textFrom(bytes: Uint8Array): string {
  return bufferOf(bytes).toString("latin1");
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
