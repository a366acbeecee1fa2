/**
 * What every wire's server takes and gives, and what it answers to ping beside "pong".
 * @module
 */
import type { Bytes, Dialect } from "./caller.ts";
import type { DispatchRequest } from "./dispatch.ts";
import type { PluginError } from "./errors.ts";
import type { HeaderOf } from "./guard.ts";
import { formatIdentity, HEADERS } from "./headers.ts";

/** What runs the calls of somebody who may call. */
export interface Runner {
  /** Runs one command. */
  exec(request: DispatchRequest): Promise<Bytes>;
  /** Runs one command for its parts; who leaves them lets the request's signal fire first. */
  stream(request: DispatchRequest): AsyncIterable<Bytes>;
  /** Hears of a call that could not be read. */
  refused?(error: PluginError): void;
}

/** What a server answers for: one plugin, or the services of a host. */
export interface Service {
  /** What it says that it knows. */
  readonly features: readonly string[];
  /** Whether new calls are refused, so that each answer is the last on its connection. */
  readonly draining: boolean;
  /** The largest payload, in bytes. */
  readonly maxPayloadBytes: number;
  /**
   * Who may ask whether it is there.
   * @throws {PluginError} "exec.forbidden", "exec.unauthenticated".
   */
  greet(header: HeaderOf): void;
  /** Whether it is a host, which passes calls on to its plugins too. */
  readonly isHost?: boolean;
  /**
   * What runs the calls of who sends these headers.
   * @throws {PluginError} "exec.unauthenticated", "exec.forbidden".
   */
  admit(header: HeaderOf): Runner;
  /** The proof for a nonce; `undefined` where there is no token. */
  prove(nonce: string): Promise<string | undefined>;
}

/** What a server of a wire that everybody speaks needs to know. */
export interface ServerOptions extends Service {
  /** How payloads are written on wires that have two ways, when the caller does not say. */
  readonly dialect: Dialect;
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
export async function identityHeaders(nonce: string | undefined, service: Service): Promise<Record<string, string>> {
  const proof = nonce === undefined ? undefined : await service.prove(nonce);
  return { [HEADERS.polyplug]: formatIdentity(service.features), ...(proof === undefined ? {} : { [HEADERS.proof]: proof }) };
}

/** The path in `unix:/path`; `undefined` for an address of a network. */
export function pathFromListen(listen: string): string | undefined {
  return listen.startsWith("unix:") ? listen.slice("unix:".length) : undefined;
}
