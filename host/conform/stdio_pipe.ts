/**
 * The pipes of the plugin that is being checked: takes lines to be sent, gives the objects that came, by the id that they answer.
 * @module
 */
import type { Channel } from "../../protocol/endpoint.ts";
import { LineReader } from "../../protocol/stdio/lines.ts";
import { lineCap } from "../../protocol/stdio/wire.ts";
import { NoAnswer } from "./byte_queue.ts";

/** An object that came, with its line. */
export interface Came {
  readonly line: string;
  readonly members: Readonly<Record<string, unknown>>;
}

/** Reads from now on. */
export class StdioPipe {
  /** Lines that are no objects, or that answer nothing that was asked, or answer it again. */
  readonly strays: string[] = [];
  readonly #channel: Channel;
  readonly #waiting = new Map<unknown, (came: Came | undefined) => void>();
  readonly #ended: Promise<void>;
  #hasEnded = false;

  constructor(channel: Channel, maxPayloadBytes: number) {
    this.#channel = channel;
    const stray = (line: string) => void (this.strays.length < MOST_STRAYS && this.strays.push(line));
    const reader = new LineReader(lineCap(maxPayloadBytes), { onLine: (line) => this.#take(line) || stray(line), onOversized: stray });
    this.#ended = this.#read(reader);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Sends text as it is; what cannot be written is not answered either. */
  async send(text: string): Promise<void> {
    await this.#channel.write(new TextEncoder().encode(text)).catch(() => {});
  }

  /** The answer of an id, from the moment of the call on. */
  async answerTo(id: unknown, signal: AbortSignal): Promise<Came> {
    const came = await new Promise<Came | undefined>((resolve) => {
      this.#waiting.set(id, resolve);
      if (this.#hasEnded) resolve(undefined);
      signal.addEventListener("abort", () => this.#waiting.delete(id), { once: true });
    });
    if (came === undefined) throw new NoAnswer("the plugin closed its stdout");
    return came;
  }

  /** Closes its stdin. */
  async closeStdin(): Promise<void> {
    await this.#channel.close();
  }

  /** Resolves when it has closed its stdout, as it does when it ends. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  async #read(reader: LineReader): Promise<void> {
    try {
      for await (const chunk of this.#channel.input) reader.push(chunk);
    } catch {
      // The end of the pipe is all that matters.
    }
    this.#hasEnded = true;
    for (const settle of this.#waiting.values()) settle(undefined);
  }

  #take(line: string): boolean {
    const members = objectFrom(line);
    const settle = members && this.#waiting.get(members["id"]);
    if (members === undefined || settle === undefined || "method" in members) return line.trim() === "" || isOfHost(members);
    this.#waiting.delete(members["id"]);
    settle({ line, members });
    return true;
  }
}

const MOST_STRAYS = 20;
/** Far from the numbers of the host, which has the pipes before and after, and whose last answers may still come. */
export const FIRST_ID = 1_000_000;

function isOfHost(members: Came["members"] | undefined): boolean {
  const id = members?.["id"];
  return typeof id === "number" && id < FIRST_ID && !("method" in (members ?? {}));
}

function objectFrom(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
