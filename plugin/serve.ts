/**
 * `serve()`: takes a plugin, gives a server that a host, or a person with curl, can call.
 * @module
 */
import process from "node:process";
import { createDispatcher } from "../protocol/dispatch.ts";
import { messageOf } from "../protocol/errors.ts";
import type { Plugin } from "../protocol/plugin.ts";
import { formatVersionLine } from "../protocol/ready_line.ts";
import { createPluginService } from "../protocol/plugin_service.ts";
import { PROTOCOL_VERSION, SOCKET_FEATURE } from "../protocol/reserved.ts";
import type { Server, ServerOptions, Service } from "../protocol/server.ts";
import { announce, announceSocket } from "./announce.ts";
import { writeLog } from "./log.ts";
import { type CommType, type ServeOptions, type SettledOptions, settleOptions, UsageError } from "./options.ts";
import { createOutside } from "./outside.ts";
import { endProcess, watchUntil } from "./stop.ts";

/** A plugin that listens. */
export interface Served {
  /** Where it listens, for example `http://127.0.0.1:41234`; `stdio` when it is called over its own pipes. */
  readonly address: string;
  /** Resolves when it has stopped, for whatever reason: the place for the author's own clean-up, which may take a second. */
  readonly finished: Promise<void>;
  /** Answers the open calls, refuses new ones and stops. */
  close(): Promise<void>;
}

/**
 * Serves a plugin until its host ends it, its stdin ends, or a signal comes. Resolves when it listens.
 * Started by a host it prints the ready line on stdout; started by hand it says on stderr how to call it. Over stdio it listens nowhere:
 * stdout is the protocol then, and what the author's code writes there goes to stderr.
 *
 * @throws the runtime's error when the given port is taken. A fault in the command line ends the process with one line on stderr.
 */
export async function serve(plugin: Plugin, options: ServeOptions = {}): Promise<Served> {
  const settled = settleOrExit(options);
  // On stdin and stdout there is no ready line: the answer to ping says which version of the contract it is.
  if (settled.commType === "stdio") return await (await import("./serve_stdio.ts")).serveStdio(plugin, settled, options);
  if (settled.hostProtocols !== undefined && !settled.hostProtocols.includes(PROTOCOL_VERSION)) {
    process.stdout.write(`${formatVersionLine()}\n`, () => process.exit(1));
    await new Promise<never>(() => {});
  }
  const end = () => void (options.signal === undefined ? close().then(endProcess) : close());
  const outside = createOutside(settled.pluginName, settled.wayBack, settled.maxPayloadBytes);
  const dispatcher = createDispatcher(plugin, {
    onShutdown: end,
    outside,
    log: (level, message, values = {}) => writeLog(level, message, values),
  });
  const shared = { dispatcher, hosts: plugin.hosts ?? [], token: settled.token, maxPayloadBytes: settled.maxPayloadBytes };
  const socket = await openSocket(settled, createPluginService(shared));
  // A host that takes the socket need not wait until everything else is loaded.
  if (socket !== undefined) announceSocket(settled, socket.address);
  const features = socket === undefined ? dispatcher.features : [...dispatcher.features, SOCKET_FEATURE];
  const { commType, dialect, listen: place, port } = settled;
  const service = Object.assign(createPluginService({ ...shared, features }), { dialect, listen: place, port });
  const opening = listen(settled, options, () => SERVERS[commType](service), socket);
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    await dispatcher.drain();
    const server = opening.catch(() => undefined); // The author sees its failure.
    await Promise.all([server.then((opened) => opened?.close()), socket?.close()]);
    await outside.close();
    unwatch();
    finish();
  };
  const close = (): Promise<void> => closing ??= closeAll();
  const unwatch = watchUntil(options.signal, end);
  const { address } = await opening;
  announce(plugin, settled, address);
  return { address, finished, close };
}

/** What opens each wire's server; its code is loaded when it is asked for. */
const SERVERS: Readonly<Record<Exclude<CommType, "stdio">, (options: ServerOptions) => Promise<Server>>> = {
  rest: async (options) => await (await import("../protocol/rest/server.ts")).openRestServer(options),
  grpc: async (options) => await (await import("../protocol/grpc/server.ts")).openGrpcServer(options),
  connect: async (options) => {
    await import("../protocol/connect/server.ts"); // REST's server would load it at the first call.
    return await (await import("../protocol/rest/server.ts")).openRestServer(options);
  },
};

/** The quick way for a host that knows it. Without a temporary folder to put it into, the plugin is called over its own wire. */
async function openSocket({ hostProtocols }: SettledOptions, service: Service): Promise<Server | undefined> {
  if (hostProtocols === undefined) return undefined;
  const { openSocketServer } = await import("../protocol/socket/server.ts");
  return await openSocketServer(service).catch(() => undefined);
}

function settleOrExit(options: ServeOptions): SettledOptions {
  try {
    return settleOptions(options);
  } catch (error) {
    if (error instanceof UsageError) exitWith(error.message, 2);
    throw error;
  }
}

/** A port that the command line named is the starter's fault, to be told in one line; one that the author passed is the author's to handle. */
async function listen(
  settled: SettledOptions,
  options: ServeOptions,
  open: () => Promise<Server>,
  socket: Server | undefined,
): Promise<Server> {
  try {
    return await open();
  } catch (error) {
    await socket?.close();
    if (options.port === undefined) exitWith(`Cannot listen on ${settled.listen}, port ${settled.port}: ${messageOf(error)}`, 1);
    throw error;
  }
}

function exitWith(message: string, code: number): void {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
