/**
 * Chance that can be had again: takes a seed, gives numbers, picks and bytes that are the same for the same seed.
 * @module
 */
import { randomInt } from "node:crypto";
import process from "node:process";

/** The seed of `POLYPLUG_SEED`, else a new one. */
export function seedOfRun(): number {
  const given = process.env["POLYPLUG_SEED"];
  if (given === undefined) return randomInt(2 ** 32);
  const seed = Number(given);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`POLYPLUG_SEED must be a whole number below 2^32: ${given}`);
  }
  return seed;
}

/** A generator of its own for whoever needs one, so that none depends on how often another was asked. */
export class Random {
  #state: number;

  constructor(seed: number, purpose: string) {
    this.#state = [...purpose].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16777619), seed ^ 2166136261) >>> 0;
  }

  /** From 0 to 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)] as T;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.between(0, 255));
  }
}
