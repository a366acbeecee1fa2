/**
 * The connections of a peer that are open: makes them, remembers what was sent last on any, and closes what is left.
 * @module
 */

/** A connection of one wire. */
export interface OpenLine {
  /** Waits until the plugin closes it, for at most the time of one exchange. */
  closed(): Promise<void>;
  close(): void;
}

/** The open connections of a peer. */
export class OpenLines<L extends OpenLine> {
  readonly #make: (onSend: (sent: string) => void) => L;
  readonly #open = new Set<L>();
  /** What was sent last. */
  lastSent = "";

  constructor(make: (onSend: (sent: string) => void) => L) {
    this.#make = make;
  }

  /** A connection to keep. */
  open(): L {
    const line = this.#make((sent) => this.lastSent = sent);
    this.#open.add(line);
    return line;
  }

  /** Uses a connection for one exchange. */
  async once<T>(use: (line: L) => Promise<T>): Promise<T> {
    const line = this.open();
    try {
      return await use(line);
    } finally {
      line.close();
      this.#open.delete(line);
    }
  }

  /** Asks on new connections until one is not answered; false when that takes longer than `timeoutMs`. */
  async ended(timeoutMs: number, isAnswered: (line: L) => Promise<boolean>): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      const gone = await this.once(async (line) => {
        // A connection that was used: one without a byte on it may not have been accepted, and then its end is not told.
        if (!(await isAnswered(line))) return true;
        await line.closed();
        return false;
      });
      if (gone) return true;
    }
    return false;
  }

  close(): void {
    for (const line of this.#open) line.close();
    this.#open.clear();
  }
}
