/**
 * The host's half of gRPC: takes an endpoint, gives a `DriverCaller` that sends each call exactly once.
 * @module
 */
import { connect } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientRequest } from "@connectrpc/connect/protocol";
import type { DriverCaller, DriverOptions } from "../caller.ts";
import type { Endpoint } from "../endpoint.ts";
import { PluginError } from "../errors.ts";
import { RpcCaller, transportOptions } from "./rpc_caller.ts";
import { formatGrpcTimeout, GRPC_TIMEOUT, messageCap } from "./wire.ts";

/**
 * Opens the gRPC driver: one HTTP/2 connection, made at the first call and again when it was lost.
 * @throws {PluginError} "caller.unsupported" for an endpoint of pipes.
 */
export async function openGrpcCaller(endpoint: Endpoint, options: DriverOptions): Promise<DriverCaller> {
  if (endpoint.kind === "pipes") throw new PluginError("caller.unsupported", "gRPC needs a TCP or Unix-socket endpoint");
  const [{ Http2SessionManager }, { createTransport }, { sendOverHttp2 }] = await Promise.all([
    import("@connectrpc/connect-node"),
    import("@connectrpc/connect/protocol-grpc"),
    import("./clients.ts"),
  ]);
  const baseUrl = endpoint.kind === "tcp" ? endpoint.url.origin : "http://localhost";
  const place = endpoint.kind === "unix" ? { createConnection: () => connect({ path: endpoint.path }) } : {};
  const sessions = new Http2SessionManager(baseUrl, { idleConnectionTimeoutMs: MAX_IDLE_MS }, { ...SESSION, ...place });
  const cap = messageCap(options.maxPayloadBytes);
  const httpClient = (request: UniversalClientRequest) => sendOverHttp2(sessions, request, cap);
  return new RpcCaller(options, {
    transport: createTransport({ ...transportOptions(cap), baseUrl, httpClient }),
    timeoutHeader: (ms) => [GRPC_TIMEOUT, formatGrpcTimeout(ms)],
    isFromPlugin: ({ metadata }) => metadata.has("grpc-status"),
    close: () => sessions.abort(new ConnectError("the connection was closed", Code.Canceled)),
  });
}

/** The host decides how long it keeps a connection. */
const MAX_IDLE_MS = 2 ** 31 - 1;
/** Windows in which a payload of the usual size fits, and memory for many calls at once (in MB; Node refuses streams over 10). */
const SESSION = { settings: { initialWindowSize: 1024 * 1024 }, maxSessionMemory: 1024 };
