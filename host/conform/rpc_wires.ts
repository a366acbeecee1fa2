/**
 * gRPC and Connect as wires to check a plugin on: takes an endpoint, gives the peer and its checks. Loaded when it is asked for.
 * @module
 */
import type { Dialect } from "../../protocol/caller.ts";
import type { Check } from "./check.ts";
import { ConnectLine } from "./connect_line.ts";
import { GrpcLine } from "./grpc_line.ts";
import type { HttpEndpoint } from "./http_line.ts";
import type { PeerOptions } from "./peer.ts";
import { connectChecks, grpcChecks } from "./rpc_checks.ts";
import { RpcPeer } from "./rpc_peer.ts";

/** A way to the plugin, and what is asked on it. */
export interface RpcWire {
  readonly peer: RpcPeer;
  readonly checks: readonly Check<RpcPeer>[];
}

/** What a wire with two dialects needs to know. */
export interface RpcWireOptions extends PeerOptions {
  readonly dialect: Dialect;
}

/** gRPC. */
export function openGrpcWire(endpoint: HttpEndpoint, options: RpcWireOptions): RpcWire {
  return { peer: new RpcPeer(endpoint, { ...options, Line: GrpcLine }), checks: grpcChecks(options.dialect) };
}

/** Connect. */
export function openConnectWire(endpoint: HttpEndpoint, options: RpcWireOptions): RpcWire {
  return { peer: new RpcPeer(endpoint, { ...options, Line: ConnectLine }), checks: connectChecks(options.dialect) };
}
