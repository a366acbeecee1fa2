/**
 * `Peer`: one wire's way to the plugin that is being checked, as the checks of every wire use it.
 *
 * It reads leniently and says what came, so that one fault shows in the check that looks for it and in no other. What only one wire
 * has, REST's raw HTTP for example, is an addition of that wire's own peer.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";

/** How a ping or call came out, as far as it can be read. */
export type Outcome =
  /** A right answer; for ping the bytes are the text that came. */
  | { readonly kind: "answered"; readonly bytes: Bytes }
  /** An error answer, in whatever form. */
  | { readonly kind: "refused"; readonly code: string | undefined }
  /** An answer that says neither. */
  | { readonly kind: "unreadable" }
  /** No answer, or nothing that belongs to the wire. */
  | { readonly kind: "lost" };

/** One exchange with its evidence, fit to be shown. */
export interface Reply {
  /** What was sent, in one line. */
  readonly sent: string;
  /** What came, in one line. */
  readonly came: string;
  readonly outcome: Outcome;
}

/** What a plugin says of itself. */
export interface PeerIdentity {
  /** Whether it says that it knows polyplug; only such a plugin is sent the token. */
  readonly knowsPolyplug: boolean;
  readonly features: readonly string[];
}

/** A way to one plugin. Each ping and each call has a connection of its own unless the wire has one alone; none rejects but for an abort. */
export interface Peer {
  /** Asks who answers; from then on calls carry the token, if there is one and the plugin says that it knows polyplug. */
  identify(): Promise<PeerIdentity>;
  /** What was sent last, for the check after which the plugin no longer answers. */
  readonly lastSent: string;
  ping(): Promise<Reply>;
  exec(command: string, payload: Uint8Array): Promise<Reply>;
  /** Closes what is still open. */
  close(): Promise<void>;
}

/** What every wire's peer needs to know. */
export interface PeerOptions {
  /** The host's name, sent as `X-Host`. */
  readonly host: string;
  /** The secret that the plugin was started with, when it is known. */
  readonly token: string | undefined;
  /** How long one exchange may take. */
  readonly timeoutMs: number;
  /** The most bytes that a payload may have; twice that and a little more is read of an answer. */
  readonly maxPayloadBytes: number;
  /** Gives the run up; what it was waiting for rejects. */
  readonly signal: AbortSignal | undefined;
}
