/**
 * What is said of lines that cannot be understood: takes all of it, gives a few of them a second, with how many were left out.
 * @module
 */

/** How many are said in one second. */
const MOST_A_SECOND = 10;
const SECOND_MS = 1000;
/** How much of a line is shown. */
const SHOWN_CHARACTERS = 200;

/** Bounds what a program that writes anything at all can put into a log. */
export class Complaints {
  readonly #say: (message: string) => void;
  #since = -Infinity;
  #said = 0;
  #left = 0;

  constructor(say: (message: string) => void) {
    this.#say = say;
  }

  /** Says what was wrong with a line. */
  add(what: string, line: string): void {
    const now = performance.now();
    if (now - this.#since >= SECOND_MS) [this.#since, this.#said] = [now, 0];
    if (this.#said >= MOST_A_SECOND) {
      this.#left += 1;
      return;
    }
    this.#said += 1;
    const before = this.#left === 0 ? "" : ` (after ${this.#left} more)`;
    this.#left = 0;
    this.#say(`${what}${line === "" ? "" : `: ${shown(line)}`}${before}`);
  }
}

function shown(line: string): string {
  const text = line.trim();
  return JSON.stringify(text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS).toWellFormed()}…`);
}
