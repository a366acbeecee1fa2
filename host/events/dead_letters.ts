/**
 * Events that plugins did not take, in memory: the newest, within a number and a size.
 * @module
 */
import { type DeadLetter, MOST_BYTES } from "./published.ts";

const MOST_DEAD = 1000;

/** The newest dead letters. */
export class DeadLetters {
  readonly #letters: DeadLetter[] = [];
  #bytes = 0;

  /** Keeps one; the oldest make room for it. */
  add(letter: DeadLetter): void {
    this.#letters.push(letter);
    this.#bytes += letter.data.length;
    while (this.#letters.length > MOST_DEAD || (this.#bytes > MOST_BYTES && this.#letters.length > 1)) {
      this.#bytes -= this.#letters.shift()?.data.length ?? 0;
    }
  }

  /** These and those of the database, each once, the oldest first. */
  with(kept: readonly DeadLetter[]): readonly DeadLetter[] {
    const known = new Set(kept.map(keyOf));
    return [...kept, ...this.#letters.filter((letter) => !known.has(keyOf(letter)))].sort((a, b) => a.at.getTime() - b.at.getTime());
  }
}

function keyOf({ id, plugin }: DeadLetter): string {
  return `${id} ${plugin}`;
}
