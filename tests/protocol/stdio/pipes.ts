/**
 * Pipes within a test: two sessions that are connected, or one with the other end in the test's hand.
 * @module
 */
import process from "node:process";
import type { Channel } from "../../../protocol/endpoint.ts";
import { refusal } from "../../../protocol/errors.ts";
import type { Commands } from "../../../protocol/plugin.ts";
import { Session } from "../../../protocol/stdio/session.ts";
import { unitService, type UnitServiceOptions } from "../unit.ts";

/** One direction. */
export class Pipe implements AsyncIterable<Uint8Array> {
  /** What was written, chunk by chunk. */
  readonly written: string[] = [];
  /** While it is set, writes wait. */
  room: Promise<void> | undefined;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #wake = () => {};

  async write(chunk: Uint8Array): Promise<void> {
    this.written.push(new TextDecoder().decode(chunk));
    this.#chunks.push(chunk);
    this.#wake();
    await this.room;
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Resolves when so many chunks were written. */
  async hasWritten(count: number): Promise<void> {
    while (this.written.length < count) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/** A session with its two pipes: what it reads and what it writes. */
export interface Held {
  readonly session: Session;
  readonly input: Pipe;
  readonly output: Pipe;
  readonly notices: string[];
  /** Lets it read text. */
  say(text: string): Promise<void>;
  /** Lets it read an object as a line. */
  tell(message: Readonly<Record<string, unknown>>): Promise<void>;
  /** The objects that it has written so far. */
  said(): readonly Readonly<Record<string, unknown>>[];
}

export interface HeldOptions extends UnitServiceOptions {
  readonly commands?: Commands;
  readonly isHost?: boolean;
}

/** Makes a session for payloads of up to 1 KiB; `isHost` says that a host is at the other end. */
export function hold(options: HeldOptions = {}, [input, output]: readonly [Pipe, Pipe] = [new Pipe(), new Pipe()]): Held {
  const { commands = {}, isHost = false, ...service } = options;
  const notices: string[] = [];
  const channel: Channel = { input, write: (chunk) => output.write(chunk), close: () => Promise.resolve(output.end()) };
  const session = new Session(channel, {
    host: "unit",
    plugin: isHost ? "host" : "other",
    isHost,
    maxPayloadBytes: service.maxPayloadBytes ?? 1024,
    service: unitService(commands, service).service,
    defer: process.nextTick,
    onNotice: (message) => void notices.push(message),
  });
  return {
    session,
    input,
    output,
    notices,
    say: (text) => input.write(new TextEncoder().encode(text)),
    tell: (message) => input.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)),
    said: () => output.written.join("").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)),
  };
}

/** Two sessions, each at the other's end. */
export function connected(host: HeldOptions, plugin: HeldOptions): readonly [host: Held, plugin: Held] {
  const [down, up] = [new Pipe(), new Pipe()];
  return [hold(host, [up, down]), hold({ ...plugin, isHost: true }, [down, up])];
}

/** Ends with this refusal. */
export function refuse(): never {
  throw refusal("unit.refused", "No");
}
