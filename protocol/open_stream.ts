/**
 * A stream that was asked for on a wire with credit: takes parts as they come, gives them as they are asked for, and credit for more.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { PartQueue } from "./part_queue.ts";

/** How many parts of a stream may be sent before there is credit for more. */
export const FIRST_CREDIT = 16;
/** So many are given anew when so many were taken. */
export const MORE_CREDIT: number = FIRST_CREDIT / 2;

/** What is told to the wire. */
export interface StreamEvents {
  /** So many parts more may be sent. */
  readonly onCredit: (parts: number) => void;
  /** Nobody wants them any more. */
  readonly onLeft: () => void;
}

/** The parts that have come and were not asked for yet, and how many more may come. */
export class OpenStream extends PartQueue {
  #credit = FIRST_CREDIT;

  constructor({ onCredit, onLeft }: StreamEvents) {
    super({
      onAsked: (waiting) => {
        if (this.hasEnded || this.#credit + waiting > FIRST_CREDIT - MORE_CREDIT) return;
        this.#credit += MORE_CREDIT;
        onCredit(MORE_CREDIT);
      },
      onLeft,
    });
  }

  /** Takes a part; `false` when there was no credit for it. */
  take(part: Bytes): boolean {
    if (this.#credit === 0) return false;
    this.#credit -= 1;
    this.push(part);
    return true;
  }
}
