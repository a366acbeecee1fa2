/**
 * What every wire's server takes and gives, and what it answers to ping beside "pong".
 * @module
 */
import type { Dialect } from "./caller.ts";
import type { Dispatcher } from "./dispatch.ts";
import { formatIdentity, HEADERS } from "./headers.ts";
import { proofFromToken } from "./proof.ts";
import { FEATURES } from "./reserved.ts";

/** A plugin as every wire's server sees it. */
export interface PluginService {
  /** Runs the calls. */
  readonly dispatcher: Dispatcher;
  /** The only hosts that may call; empty for every host. */
  readonly hosts: readonly string[];
  /** The launch's secret; without one every program of this machine may call. */
  readonly token: string | undefined;
  /** The largest payload, in bytes. */
  readonly maxPayloadBytes: number;
}

/** What a server of a wire that everybody speaks needs to know. */
export interface ServerOptions extends PluginService {
  /** How payloads are written on wires that have two ways, when the caller does not say. */
  readonly dialect: Dialect;
  /** What the plugin says that it knows; default: what every plugin of ours does. */
  readonly features?: readonly string[];
  /** The address to listen on, or `unix:/path`. */
  readonly listen: string;
  /** The port to listen on; 0 for any free one. Without meaning for a Unix socket. */
  readonly port: number;
}

/** A server that listens. */
export interface Server {
  /** Its address, for example `http://127.0.0.1:41234`. */
  readonly address: string;
  /** Stops listening and closes every connection; answers that are being written get a moment to leave. */
  close(): Promise<void>;
}

/** The headers of the answer to a ping: who answers, and the proof for a nonce. */
export async function identityHeaders(
  nonce: string | undefined,
  { token, features = FEATURES }: ServerOptions,
): Promise<Record<string, string>> {
  const headers: Record<string, string> = { [HEADERS.polyplug]: formatIdentity(features) };
  if (nonce !== undefined && token !== undefined) headers[HEADERS.proof] = await proofFromToken(token, nonce);
  return headers;
}

/** The path in `unix:/path`; `undefined` for an address of a network. */
export function pathFromListen(listen: string): string | undefined {
  return listen.startsWith("unix:") ? listen.slice("unix:".length) : undefined;
}
