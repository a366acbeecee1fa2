/**
 * `Peer`: one wire's way to the plugin that is being checked, as the checks of every wire use it.
 *
 * It reads leniently and says what came, so that one fault shows in the check that looks for it and in no other. What only one wire
 * has, REST's raw HTTP for example, is an addition of that wire's own peer.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import type { Endpoint } from "../../protocol/endpoint.ts";

/** How a ping or call came out, as far as it can be read. */
export type Outcome =
  /** A right answer; for ping the bytes are the text that came. */
  | { readonly kind: "answered"; readonly bytes: Bytes }
  /** An error answer, in whatever form, with our code if it has one and the wire's own status. */
  | { readonly kind: "refused"; readonly code: string | undefined; readonly status: string }
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
  /** The answer's headers, or metadata, by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Whether the plugin said that the connection ends with this answer. */
  readonly last: boolean;
}

/** Headers, or metadata, to add to the usual ones; `undefined` takes one away. */
export type HeaderChanges = Readonly<Record<string, string | undefined>>;

/** What is different from an ordinary call. */
export interface CallChanges {
  readonly headers?: HeaderChanges;
  /** Whether the payload goes as raw bytes, which needs the feature `raw`. */
  readonly raw?: boolean;
}

/** What a plugin says of itself. */
export interface PeerIdentity {
  /** Whether it says that it knows polyplug; only such a plugin is sent the token. */
  readonly knowsPolyplug: boolean;
  readonly features: readonly string[];
}

/** A way to one plugin. Each ping and each call has a connection of its own; none rejects but for an abort. */
export interface Peer {
  /** Where the plugin listens. */
  readonly endpoint: Endpoint;
  /** What was sent last, for the check after which the plugin no longer answers. */
  readonly lastSent: string;
  /** The status of an error with this code, as outcomes have it. */
  statusOf(code: string): string;
  /** Asks who answers; from then on calls carry the token, if there is one and the plugin says that it knows polyplug. */
  identify(): Promise<PeerIdentity>;
  ping(headers?: HeaderChanges): Promise<Reply>;
  exec(command: string, payload: Uint8Array, changes?: CallChanges): Promise<Reply>;
  /** A connection to keep, made at its first use; `close()` of the peer closes it. */
  line(): Line;
  /** Waits until the plugin takes no connection any more; false when it still does after the time of one exchange. */
  ended(): Promise<boolean>;
  /** Closes what is still open. */
  close(): Promise<void>;
}

/** A call on a connection that is kept. */
export interface Call {
  readonly command: string;
  readonly payload: Uint8Array;
}

/** One connection. None of its methods rejects but for an abort. */
export interface Line {
  /** Whether it carries several calls at once. */
  readonly isShared: boolean;
  /** Connects and sends nothing. */
  open(): Promise<void>;
  ping(): Promise<Reply>;
  exec(call: Call): Promise<Reply>;
  /** Sends all of a call but the end of its payload, and says what that was. */
  begin(call: Call): Promise<string>;
  /** Sends the rest of the call that was begun, and reads its answer. */
  finish(call: Call): Promise<Reply>;
  /** Sends a call and takes it back before its answer: resets its stream, or closes the connection where that is the same. */
  giveUp(call: Call): Promise<void>;
  close(): void;
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
