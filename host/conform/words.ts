/**
 * The words of a wire: takes the checks of every wire, gives them as its authors are told of them.
 * @module
 */
import type { Check } from "./check.ts";
import type { Peer } from "./peer.ts";

/** What is different in a check, by its id, where what REST has does not fit. */
export type Words = Readonly<Record<string, Partial<Pick<Check, "title" | "advice" | "needs">>>>;

/** What section 3 says of calls over REST is said of another wire in its own section. */
export function told<P extends Peer>(
  checks: readonly Check<P>[],
  options: { readonly words: Words; readonly section: number },
): readonly Check<P>[] {
  const { words, section } = options;
  return checks.map((check) => ({ ...check, section: check.section === 3 ? section : check.section, ...words[check.id] }));
}
