/**
 * `Caller`: the one interface through which anything is called, whatever wire or process is behind it,
 * and `Driver`: what a wire gives to the host.
 * @module
 */
import type { Endpoint } from "./endpoint.ts";
import type { Runner } from "./server.ts";

/** Raw bytes as they cross the wire. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The longest a call may take unless it says otherwise: long enough for real work, short enough that a hung plugin is noticed. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/** The largest payload and answer unless configured, in bytes (16 MiB); both sides hold one in memory. */
export const DEFAULT_MAX_PAYLOAD_BYTES: number = 16 * 1024 * 1024;

/** How goplugin's two generations write payloads on gRPC and Connect; nothing on the wire tells one from the other. */
export type Dialect = "seed" | "goplugin-1";

/** Options of one call. */
export interface CallOptions {
  /**
   * Milliseconds for the whole call: waiting for a start and every try. Default: the plugin's `timeout`, else 30 000. `Infinity` for none.
   * Of a stream it is the time until its first part, and then the longest that each further part may take once it is asked for.
   */
  readonly timeoutMs?: number;
  /** Ends the call at once with `caller.aborted`; the plugin's handler sees its own signal fire. */
  readonly signal?: AbortSignal;
  /** When a failed call is sent again: `"safe"` (default) only when it is known that it was not run, `"idempotent"` also when it may have run. */
  readonly retry?: "never" | "safe" | "idempotent";
  /** The same for each try of a call, so that a plugin can recognise one it has seen. Default: a new UUID. */
  readonly requestId?: string;
  /** W3C trace context, passed on as it is. */
  readonly traceparent?: string;
}

/** What a driver gets for each try: the milliseconds that are left, and which try it is (from 1). */
export interface AttemptOptions extends CallOptions {
  /** Which try of the call this is, from 1. */
  readonly attempt?: number;
  /** The plugin for which the host makes the call; absent for the application's own. */
  readonly from?: string;
  /** The plugin that a host is asked to call; absent for its services. */
  readonly target?: string;
  /** Through how many plugins the call has come; absent for none. */
  readonly hops?: number;
  /** In place of `signal`, for a driver that `takesGiveUp`: takes what is to be done when nobody waits any more, with the reason. */
  readonly onGiveUp?: (callback: (reason: unknown) => void) => void;
}

/** Something that can be called: a plugin, a built-in, a service. */
export interface Caller {
  /** Asks whether the other side answers. */
  ping(options?: CallOptions): Promise<"pong">;
  /**
   * Runs one command with raw bytes.
   * @throws {PluginError} `caller.…` when the call did not get through, `exec.…` or the plugin's own code when the plugin refused it.
   */
  exec(command: string, payload?: Uint8Array, options?: CallOptions): Promise<Bytes>;
  /**
   * Runs one command whose answer comes in parts. Each loop over it is a call of its own, which is sent when the first part is asked for;
   * who does not ask for more holds the other side up. Leaving the loop ends the call, and the handler is told.
   * What fails is thrown by the loop, after the parts that came before; a stream that is cut is `caller.lost`, never a short answer. It is
   * sent again only before its first part.
   * @throws {PluginError} as `exec`, and `caller.unsupported` where the other side has no streams.
   */
  stream(command: string, payload?: Uint8Array, options?: CallOptions): AsyncIterable<Bytes>;
}

/** What a driver needs to know about the connection it opens. */
export interface DriverOptions {
  /** The host's name, sent as `X-Host`. */
  readonly host: string;
  /** The plugin's name in the config, for messages. */
  readonly plugin: string;
  /** How payloads are written on wires that have two ways; `undefined`: as the plugin's features say, else as the seed does. */
  readonly dialect: Dialect | undefined;
  /** The largest payload and answer, in bytes. */
  readonly maxPayloadBytes: number;
  /** Features that the config adds to those that the plugin lists itself. */
  readonly features?: readonly string[];
  /** Whether the other side is a host, whose own codes are believed. Default: false, a plugin. */
  readonly isHost?: boolean;
  /** Runs what the other side calls, on a wire that goes both ways; absent where nothing may be called. */
  readonly incoming?: Runner;
  /** Takes what looks wrong and is no error, for the log; each driver says the same thing once. */
  readonly onNotice?: (message: string) => void;
}

/** What a plugin says of itself in the answer to a ping. */
export interface Identity {
  /** Optional parts of the contract that the plugin knows. */
  readonly features: readonly string[];
  /** Hex HMAC-SHA256 of the nonce under the launch's token. */
  readonly proof?: string;
  /** The version of the contract that the plugin speaks; absent for a plugin that knows nothing of polyplug. */
  readonly protocol?: number;
}

/**
 * A `Caller` over one connection to one process. A custom driver may leave out `identify` and `trust`: then the plugin is a plain one; and
 * `stream`, which is then refused.
 */
export interface DriverCaller extends Omit<Caller, "stream"> {
  /** Whether it wants `onGiveUp` instead of a signal, which costs more than all else of a call on a quick wire. */
  readonly takesGiveUp?: boolean;
  /** As `Caller.ping`, told which try it is. */
  ping(options?: AttemptOptions): Promise<"pong">;
  /** As `Caller.exec`, told which try it is and how much time is left. Never sends a call twice. */
  exec(command: string, payload?: Uint8Array, options?: AttemptOptions): Promise<Bytes>;
  /**
   * As `Caller.stream`, told which try it is. Always given a signal, never `onGiveUp`: when it fires, the part that is waited for ends with
   * its reason, and the other side is told.
   */
  stream?(command: string, payload?: Uint8Array, options?: AttemptOptions): AsyncIterable<Bytes>;
  /** One ping that also reads who answers; proves knowledge of the token when a nonce is given. */
  identify?(nonce: string | undefined, options?: CallOptions): Promise<Identity>;
  /** Called once after a right proof: later calls carry the token. */
  trust?(token: string): void;
  /** Closes every connection; calls still open end with `caller.lost`. */
  close(): Promise<void>;
}

/** Opens a connection to an endpoint. Nothing needs to be sent before the first call. */
export type Driver = (endpoint: Endpoint, options: DriverOptions) => DriverCaller | Promise<DriverCaller>;
