/**
 * Reads lines: takes chunks of any size, gives whole lines as text, and never keeps what is over the limit.
 * @module
 */

/** What becomes of what was read. */
export interface LineEvents {
  /** Gets each line, perhaps with a line ending. */
  readonly onLine: (line: string) => void;
  /** Hears of a line that was over the limit, and of which only the beginning and the end are left. */
  readonly onOversized: (head: string, tail: string, bytes: number) => void;
}

/** How much of a line that is dropped is kept, to tell whose it was. */
const EDGE_BYTES = 512;
const FIRST_BYTES = 4096;
/** What a line may take without its memory being let go of afterwards. */
const KEPT_BYTES = 64 * 1024;
const NEWLINE = 10;

/** Takes chunks and gives lines. */
export class LineReader {
  readonly #capBytes: number;
  readonly #events: LineEvents;
  readonly #decoder = new TextDecoder();
  #buffer = new Uint8Array(FIRST_BYTES);
  #filled = 0;
  #dropped: { readonly head: string; tail: Uint8Array; bytes: number } | undefined;

  /** `capBytes` is the most that a line may have. */
  constructor(capBytes: number, events: LineEvents) {
    this.#capBytes = capBytes;
    this.#events = events;
  }

  /** Reads on. */
  push(chunk: Uint8Array): void {
    // Most chunks are whole lines, and need not be copied.
    const isWhole = this.#filled === 0 && this.#dropped === undefined && chunk.length <= this.#capBytes;
    if (isWhole && chunk[chunk.length - 1] === NEWLINE) return this.#giveAll(this.#decoder.decode(chunk));
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, at));
      this.#finish();
      from = at + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  /** Nothing follows: gives what is left, if anything is, as it is when the other side ends in the middle of a line. */
  end(): string {
    const rest = this.#decoder.decode(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
    return this.#dropped?.head ?? rest;
  }

  #giveAll(text: string): void {
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      this.#events.onLine(from === 0 && at === text.length - 1 ? text : text.slice(from, at));
      from = at + 1;
    }
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    if (this.#dropped !== undefined) return this.#drop(this.#dropped, piece);
    const filled = this.#filled + piece.length;
    if (filled > this.#capBytes) return this.#beginDrop(piece);
    if (filled > this.#buffer.length) this.#grow(filled);
    this.#buffer.set(piece, this.#filled);
    this.#filled = filled;
  }

  #grow(bytes: number): void {
    const larger = new Uint8Array(Math.min(Math.max(2 * this.#buffer.length, bytes), this.#capBytes));
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }

  #beginDrop(piece: Uint8Array): void {
    const kept = this.#buffer.subarray(0, this.#filled);
    const head = this.#decoder.decode(joined(kept.subarray(0, EDGE_BYTES), piece.subarray(0, EDGE_BYTES)).subarray(0, EDGE_BYTES));
    this.#dropped = { head, tail: kept.slice(-EDGE_BYTES), bytes: this.#filled };
    this.#empty();
    this.#drop(this.#dropped, piece);
  }

  #drop(dropped: { tail: Uint8Array; bytes: number }, piece: Uint8Array): void {
    dropped.bytes += piece.length;
    const last = piece.subarray(Math.max(0, piece.length - EDGE_BYTES));
    dropped.tail = joined(dropped.tail, last).slice(-EDGE_BYTES);
  }

  #finish(): void {
    const dropped = this.#dropped;
    if (dropped !== undefined) {
      this.#dropped = undefined;
      return this.#events.onOversized(dropped.head, this.#decoder.decode(dropped.tail), dropped.bytes);
    }
    const line = this.#decoder.decode(this.#buffer.subarray(0, this.#filled));
    this.#empty();
    this.#events.onLine(line);
  }

  #empty(): void {
    this.#filled = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = new Uint8Array(FIRST_BYTES);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
