/**
 * `Check`: one thing that the contract asks of a plugin, as data: what it is about, where it is written, and what its author should change.
 * @module
 */
import type { Peer } from "./peer.ts";

/** `core` is what every host needs to make a call; `full` is the whole contract, as far as the plugin says that it knows it. */
export type Level = "core" | "full";

/** What a check knows about the run. */
export interface CheckContext<P extends Peer> {
  readonly peer: P;
  /** The command that gives back its payload. */
  readonly echo: string;
  /** The plugin's token, known and in force. */
  readonly token: string | undefined;
  /** The largest payload that the plugin takes. */
  readonly maxPayloadBytes: number;
}

/** What was wrong, with the evidence; each is one line, fit to be shown. */
export interface Finding {
  readonly sent: string;
  readonly expected: string;
  readonly came: string;
  /** What to change, when it is something else than the check says. */
  readonly advice?: string;
}

/** Why a check could not be made. */
export interface NotApplicable {
  readonly skip: string;
}

/** One check. `run` gives nothing when all is well; it does not reject but for an abort. */
export interface Check<P extends Peer = Peer> {
  /** Its name, for example `exec.status`. */
  readonly id: string;
  /** What a right plugin does, in one line. */
  readonly title: string;
  readonly level: Level;
  /** Where it is written: the number of the section in protocol/README.md. */
  readonly section: number;
  /** The feature without which the plugin need not do it. */
  readonly feature?: string;
  /** Whether it can be made only when the plugin's token is known. */
  readonly needsToken?: boolean;
  /** Checks that must have passed before; one that the wire does not have counts as passed. */
  readonly needs?: readonly string[];
  /** Whether the plugin ends by it: it is made only on request, and nothing can follow it. */
  readonly ends?: boolean;
  /** What its author should change, in one sentence and without words of one language. */
  readonly advice: string;
  readonly run: (context: CheckContext<P>) => Promise<Finding | NotApplicable | undefined>;
}
