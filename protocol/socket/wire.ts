/**
 * The framed socket as both sides write it: frames of a length, a kind, an id and a body, many at once on one connection.
 *
 * A frame is `u32 length` of all that follows, `u8 kind`, `u32 id`, and the body; numbers are big-endian. The client chooses the ids of
 * its calls, odd ones; 0 belongs to the connection itself. protocol/README.md, section 10, has every body to the byte.
 * @module
 */

/** What a frame is. */
export const KIND = {
  /** JSON; id 0: who speaks, and the proof; then the token. */
  hello: 1,
  /** A command with its payload. */
  call: 2,
  /** The answer's bytes. */
  result: 3,
  /** A code and a message; with id 0 of the connection itself. */
  error: 4,
  /** The bytes of one part of a stream. */
  part: 5,
  /** All parts of a stream were sent. */
  end: 6,
  /** A number of four bytes: so many parts more may be sent. */
  credit: 7,
  /** Nobody waits for the call any more. */
  cancel: 8,
  ping: 9,
  pong: 10,
  /** As a call; its answer comes in parts. */
  stream: 11,
} as const;

/** The last kind that there is. */
export const LAST_KIND: number = KIND.stream;

/** The bytes before a frame's body. */
export const HEADER_BYTES = 9;
/** The length of a frame counts its kind and its id too. */
export const COUNTED_BYTES = 5;
/** What a call may have beside its payload, with room to grow. */
export const META_BYTES = 4096;
/** Until the other side has shown who it is, no frame is larger. */
export const HELLO_CAP = 8192;

/** How the folder of a socket begins; the path must be short, since that of a socket ends at 107 bytes. */
export const SOCKET_FOLDER = "polyplug-socket-";

/** A call as it stands in a frame; what is absent is 0 or "". */
export interface Call {
  readonly timeoutMs: number;
  readonly attempt: number;
  readonly hops: number;
  readonly requestId: string;
  readonly traceparent: string;
  /** In a call of a host the plugin that it makes it for, in a call to a host the plugin that is to be called. */
  readonly party: string;
  readonly command: string;
  readonly payload: Uint8Array;
}

/** A call that was received. Its id, trace and party are read when they are asked for, which few handlers do. */
export class ReceivedCall implements Call {
  readonly timeoutMs: number;
  readonly attempt: number;
  readonly hops: number;
  readonly command: string;
  /** A part of the body. */
  readonly payload: Uint8Array;
  readonly #body: Uint8Array;

  private constructor(body: Uint8Array, commandAt: number, payloadAt: number) {
    this.timeoutMs = readU32(body, 0);
    this.attempt = body[4] ?? 0;
    this.hops = body[5] ?? 0;
    this.command = decodeText(body, commandAt);
    this.payload = body.subarray(payloadAt);
    this.#body = body;
  }

  /** Reads the body of a call; `undefined` when its lengths do not fit. */
  static from(body: Uint8Array): ReceivedCall | undefined {
    const traceAt = textEnd(body, ID_AT);
    const commandAt = textEnd(body, textEnd(body, traceAt));
    const payloadAt = textEnd(body, commandAt);
    return payloadAt > body.length ? undefined : new ReceivedCall(body, commandAt, payloadAt);
  }

  get requestId(): string {
    return decodeText(this.#body, ID_AT);
  }

  get traceparent(): string {
    return decodeText(this.#body, textEnd(this.#body, ID_AT));
  }

  get party(): string {
    return decodeText(this.#body, textEnd(this.#body, textEnd(this.#body, ID_AT)));
  }
}

/** Where the id of a call begins: behind its milliseconds, its attempt and its hops. */
const ID_AT = 6;

/** Reads the body of an error; `undefined` when its length does not fit. */
export function decodeError(body: Uint8Array): { readonly code: string; readonly message: string } | undefined {
  const messageAt = textEnd(body, 0);
  return messageAt > body.length ? undefined : { code: decodeText(body, 0), message: decoder.decode(body.subarray(messageAt)) };
}

/** Reads the body of a hello; `undefined` when it is no JSON object. */
export function decodeHello(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(body));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined;
  } catch {
    return undefined; // What is not JSON says nothing.
  }
}

/** Where a text ends that stands behind its length; behind the body's own end when there is no such text. */
function textEnd(body: Uint8Array, at: number): number {
  return at + 1 + (body[at] ?? 0);
}

function decodeText(body: Uint8Array, at: number): string {
  const start = at + 1;
  const end = textEnd(body, at);
  if (end - start > SHORT_TEXT) return decoder.decode(body.subarray(start, end));
  // For a few ASCII characters a TextDecoder takes longer than all the rest of a call.
  let text = "";
  for (let i = start; i < end; i++) {
    const byte = body[i] ?? 0;
    if (byte > 127) return decoder.decode(body.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Up to here a text is read and written character by character. */
export const SHORT_TEXT = 48;
const decoder = new TextDecoder();

/** Writes a number of four bytes. */
export function writeU32(block: Uint8Array, at: number, value: number): void {
  block[at] = value >>> 24;
  block[at + 1] = value >>> 16;
  block[at + 2] = value >>> 8;
  block[at + 3] = value;
}

/** Reads a number of four bytes. */
export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) * 0x1000000) + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
}
