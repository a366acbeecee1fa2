/**
 * The framed socket as a wire to check a plugin on: takes an endpoint, gives the peer and its checks. Loaded when it is asked for.
 * @module
 */
import type { Check } from "./check.ts";
import type { HttpEndpoint } from "./http_line.ts";
import type { PeerOptions } from "./peer.ts";
import { SOCKET_CHECKS } from "./socket_checks.ts";
import { SocketPeer } from "./socket_peer.ts";

/** A way to the plugin, and what is asked on it. */
export interface SocketWire {
  readonly peer: SocketPeer;
  readonly checks: readonly Check<SocketPeer>[];
}

/** The framed socket. */
export function openSocketWire(endpoint: HttpEndpoint, options: PeerOptions): SocketWire {
  return { peer: new SocketPeer(endpoint, options), checks: SOCKET_CHECKS };
}
