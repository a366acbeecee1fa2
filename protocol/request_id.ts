/**
 * Ids of calls: each is a UUID of its own, the same for every try of a call.
 * @module
 */

/** The random part is made once a process: one call of the system for each id would cost more than sending a small call. */
const RANDOM = crypto.randomUUID().slice(0, 24);
let count = 0;

/** A new id: the random part, and how many came before it. */
export function createRequestId(): string {
  return RANDOM + (count++).toString(16).padStart(12, "0");
}
