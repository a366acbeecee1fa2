/**
 * A pair of pipes between a host and a plugin, from either end: takes a channel, gives calls on it and runs those that come over it.
 * What cannot be understood is said once and dropped; it never disturbs anything else.
 * @module
 */
import { lostError } from "../call_error.ts";
import type { Channel } from "../endpoint.ts";
import { isPluginError, type PluginError } from "../errors.ts";
import type { Service } from "../server.ts";
import { Answering } from "./answering.ts";
import { Asking, type AskingOptions } from "./asking.ts";
import { Complaints } from "./complaints.ts";
import { LineReader } from "./lines.ts";
import { Outbox } from "./outbox.ts";
import { lineCap, METHODS, readEdges, readMessage } from "./wire.ts";

/** What a session needs. */
export interface SessionOptions extends AskingOptions {
  /** What answers the other side's calls. */
  readonly service: Service;
  /** Runs a function at the end of this tick. */
  readonly defer: (run: () => void) => void;
  /** Takes what looks wrong, for the log. */
  readonly onNotice: (message: string) => void;
}

/** Both directions of one pair of pipes. */
export class Session {
  /** Calls to the other side. */
  readonly asking: Asking;
  /** Resolves when the other side says nothing more; calls to it have ended then. */
  readonly ended: Promise<void>;
  readonly #answering: Answering;
  readonly #outbox: Outbox;
  readonly #reader: LineReader;
  readonly #complaints: Complaints;
  #isClosed = false;

  constructor(channel: Channel, options: SessionOptions) {
    this.#outbox = new Outbox(channel, options.defer);
    this.asking = new Asking(this.#outbox, options);
    this.#answering = new Answering(this.#outbox, options.service);
    this.#complaints = new Complaints(options.onNotice);
    this.#reader = new LineReader(lineCap(options.maxPayloadBytes), { onLine: this.#onLine, onOversized: this.#onOversized });
    this.ended = this.#read(channel);
  }

  /** Resolves when all that was said is with the channel. */
  async written(): Promise<void> {
    await this.#outbox.empty();
  }

  /** Ends what is open, the other side's calls among it; nothing is read or written any more. */
  close(error: PluginError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.asking.end(error);
    this.#answering.end();
    this.#outbox.close();
  }

  async #read({ input }: Channel): Promise<void> {
    try {
      for await (const chunk of input) {
        if (this.#isClosed) return;
        this.#reader.push(chunk);
      }
      const rest = this.#reader.end();
      if (rest.trim() !== "") this.#complaints.add("The pipe ended in the middle of a line", rest);
      this.asking.end(lostError("the other side closed its pipe"));
      this.#answering.starve();
    } catch (error) {
      if (isPluginError(error)) this.#complaints.add(error.message, "");
      this.close(lostError("the pipe could not be read", error));
    }
  }

  readonly #onLine = (line: string): void => {
    if (this.#isClosed) return;
    const message = readMessage(line);
    if (message === undefined) {
      if (line.trim() !== "") this.#complaints.add("Dropped a line that is not JSON-RPC", line);
    } else if (message.method === METHODS.part && message.id === undefined) {
      const problem = this.asking.takePart(message.params);
      if (problem !== undefined) this.#complaints.add(`Dropped ${problem}`, line);
    } else if (message.method !== undefined) {
      const problem = this.#answering.take(message);
      if (problem !== undefined) this.#complaints.add(`Dropped a request. ${problem}`, line);
    } else if (!this.asking.take(message)) this.#complaints.add("Dropped an answer to nobody", line);
  };

  readonly #onOversized = (head: string, tail: string, bytes: number): void => {
    if (this.#isClosed) return;
    const edges = readEdges(head, tail);
    if (edges?.kind === "call") this.#answering.takeOversized(edges.id);
    const isKnown = edges !== undefined && (edges.kind === "call" || this.asking.takeOversized(edges, bytes));
    if (!isKnown) this.#complaints.add(`Dropped a line of ${bytes} bytes, which is too long`, head);
  };
}
