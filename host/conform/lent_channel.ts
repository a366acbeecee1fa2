/**
 * A program's pipes for two: takes the channel that a host has, gives the host one like it, and lends the pipes themselves to who checks the
 * program meanwhile.
 * @module
 */
import type { Channel } from "../../protocol/endpoint.ts";

/** Pipes that can be lent. */
export interface LentChannel {
  /** For the host; while the pipes are lent it reads nothing. */
  readonly own: Channel;
  /** Lends them until the function is called that comes with them. */
  lend(): { readonly channel: Channel; readonly giveBack: () => void };
}

/** Reads the channel from now on. */
export function lendable(channel: Channel): LentChannel {
  const own = new Inbox();
  let reader = own;
  let hasEnded = false;
  const read = async () => {
    try {
      for await (const chunk of channel.input) reader.push(chunk);
    } catch {
      // Its end is what is told.
    }
    hasEnded = true;
    reader.end();
    own.end();
  };
  void read();
  const through = (input: Inbox): Channel => ({ input, write: (chunk) => channel.write(chunk), close: () => channel.close() });
  return {
    own: through(own),
    lend: () => {
      const lent = reader = new Inbox();
      if (hasEnded) lent.end();
      return { channel: through(lent), giveBack: () => void (reader = own) };
    },
  };
}

/** Chunks that have come and were not read yet. */
class Inbox implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  #hasEnded = false;
  #wake = () => {};

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#hasEnded) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
