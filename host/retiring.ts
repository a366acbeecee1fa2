/**
 * The launches of a slot that no call goes to any more, until they have ended.
 * @module
 */
import type { Launch } from "./launch.ts";

/** For an end that fails where nobody waits for it; whoever stops the plugin waits for the same end, and is told. */
export function ignore(): void {}

/** Ends launches, and knows which have not ended yet. */
export class Retiring {
  readonly #ends = new Map<Launch, Promise<void>>();

  /** Ends a launch; without a grace its open calls are answered first. */
  async letGo(launch: Launch, graceMs: number | undefined): Promise<void> {
    const gone = (graceMs === undefined ? launch.retire() : launch.stop(graceMs)).finally(() => this.#ends.delete(launch));
    this.#ends.set(launch, gone);
    await gone;
  }

  /** Those that have not ended get no more than this grace. */
  stop(graceMs: number): void {
    for (const launch of this.#ends.keys()) launch.stop(graceMs).catch(ignore);
  }

  /** Resolves when all have ended that were let go of before. */
  async allGone(): Promise<void> {
    await Promise.all(this.#ends.values());
  }
}
