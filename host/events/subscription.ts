/**
 * A subscription of the application: takes events, gives an iterator over them, with a bounded queue between.
 * @module
 */
import type { PluginEvent } from "../../protocol/event.ts";
import { matchesTopic } from "../../protocol/topics.ts";
import { MOST_BYTES, type PublishedEvent, sizeOf, type SubscriberStatus } from "./published.ts";
import { Room } from "./room.ts";

/** Options of a subscription. */
export interface SubscribeOptions {
  /** The most events that wait for the loop; default 1000. */
  readonly queue?: number;
  /** What happens to the next one: the oldest that waits goes (default), it goes itself, or who publishes waits. */
  readonly overflow?: "drop-oldest" | "drop-newest" | "block";
  /** Ends the loop at once. */
  readonly signal?: AbortSignal;
}

const DEFAULT_QUEUE = 1000;
const POLICIES: ReadonlySet<string> = new Set(["drop-oldest", "drop-newest", "block"]);

/** What `host.events.subscribe` gives; it takes events from when it is made until its loop ends. */
export class Subscription implements AsyncIterable<PluginEvent> {
  readonly #pattern: string;
  readonly #queue: number;
  readonly #overflow: "drop-oldest" | "drop-newest" | "block";
  readonly #signal: AbortSignal | undefined;
  readonly #onEnd: (subscription: Subscription) => void;
  readonly #room = new Room();
  readonly #loop: AsyncGenerator<PluginEvent, void, void> = this.#run();
  #events: PublishedEvent[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;
  #ended = false;
  #delivered = 0;
  #dropped = 0;

  constructor(
    pattern: string,
    { queue = DEFAULT_QUEUE, overflow = "drop-oldest", signal }: SubscribeOptions,
    onEnd: (ended: Subscription) => void,
  ) {
    if (!Number.isInteger(queue) || queue < 1) throw new RangeError(`queue must be a whole number, 1 or more, not ${queue}`);
    if (!POLICIES.has(overflow)) throw new TypeError(`overflow must be one of ${[...POLICIES].join(", ")}, not "${overflow}"`);
    this.#pattern = pattern;
    this.#queue = queue;
    this.#overflow = overflow;
    this.#signal = signal;
    this.#onEnd = onEnd;
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted === true) this.#abort();
  }

  get status(): SubscriberStatus {
    const [waiting, queue, overflow] = [this.#events.length, this.#queue, this.#overflow];
    return { plugin: "", waiting, queue, overflow, kept: 0, delivered: this.#delivered, dropped: this.#dropped, dead: 0 };
  }

  get ended(): boolean {
    return this.#ended;
  }

  wants(topic: string): boolean {
    return !this.#ended && matchesTopic(this.#pattern, topic);
  }

  /** What to wait for, where its policy is to block; `undefined` when there is room. */
  room(): Promise<void> | undefined {
    return this.#overflow === "block" && !this.#ended && this.#isFull ? this.#room.wait() : undefined;
  }

  push(event: PublishedEvent): void {
    if (this.#ended) return;
    while (this.#isFull) {
      this.#dropped += 1;
      if (this.#overflow !== "drop-oldest") return;
      this.#shift();
    }
    this.#events.push(event);
    this.#bytes += sizeOf(event);
    this.#wake?.();
  }

  /** Ends the loop when it has had what waits, and lets who waits for room go on. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#onEnd(this);
    this.#wake?.();
    this.#room.end();
  }

  [Symbol.asyncIterator](): AsyncIterator<PluginEvent, void, void> {
    return {
      next: () => this.#loop.next(),
      return: async () => {
        this.#abort(); // One that has not begun would not, and one that waits would wait on.
        return await this.#loop.return();
      },
    };
  }

  get #isFull(): boolean {
    return this.#events.length >= this.#queue || this.#bytes >= MOST_BYTES;
  }

  readonly #abort = (): void => {
    this.#events = [];
    this.#bytes = 0;
    this.end();
  };

  #shift(): PublishedEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined) this.#bytes -= sizeOf(event);
    return event;
  }

  async *#run(): AsyncGenerator<PluginEvent, void, void> {
    while (true) {
      const event = this.#shift();
      if (event !== undefined) {
        this.#room.open();
        this.#delivered += 1;
        const { id, topic, from, data } = event;
        yield { id, topic, from, attempt: 1, data: new Uint8Array(data) };
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    }
  }
}
