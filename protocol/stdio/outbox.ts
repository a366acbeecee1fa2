/**
 * Writes lines: takes what is to be said in one tick, gives it to a channel in one piece. What does not fit waits here unwritten, so that a
 * program which does not read makes nobody keep copies.
 * @module
 */
import type { Channel } from "../endpoint.ts";

/** Something to be said. */
export interface Item {
  /** Makes the line, when it is about to be written. */
  line(): string;
  /** How many bytes it keeps until then. */
  readonly bytes: number;
}

/** How much is written at once; a single line may be longer. */
const BATCH_CHARACTERS = 64 * 1024;

/** What waits to be written. */
export class Outbox {
  readonly #channel: Pick<Channel, "write">;
  readonly #defer: (run: () => void) => void;
  readonly #waiting = new Set<Item>();
  readonly #run = () => this.#flush();
  readonly #encoder = new TextEncoder();
  readonly #onEmpty: (() => void)[] = [];
  #bytes = 0;
  #isScheduled = false;
  #isClosed = false;

  /** `defer` runs a function at the end of this tick. */
  constructor(channel: Pick<Channel, "write">, defer: (run: () => void) => void) {
    this.#channel = channel;
    this.#defer = defer;
  }

  /** How many lines wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** How many bytes they keep. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Has it written, after all that came before. */
  add(item: Item): void {
    if (this.#isClosed) return;
    this.#waiting.add(item);
    this.#bytes += item.bytes;
    this.#schedule();
  }

  /** Takes back what was not written yet; whether it was. */
  remove(item: Item): boolean {
    if (!this.#waiting.delete(item)) return false;
    this.#bytes -= item.bytes;
    return true;
  }

  /** Resolves when nothing waits and the channel has taken all. */
  async empty(): Promise<void> {
    while (this.#isScheduled) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Nothing is written any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    this.#bytes = 0;
    this.#rest();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#defer(this.#run);
  }

  #flush(): void {
    let text = "";
    for (const item of this.#waiting) {
      this.remove(item);
      text += item.line();
      if (text.length >= BATCH_CHARACTERS) break;
    }
    if (text === "") this.#rest();
    else this.#channel.write(this.#encoder.encode(text)).then(() => this.#onRoom(), () => this.close());
  }

  #onRoom(): void {
    this.#rest();
    if (this.#waiting.size > 0) this.#schedule();
  }

  #rest(): void {
    this.#isScheduled = false;
    if (this.#waiting.size > 0 || this.#onEmpty.length === 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
