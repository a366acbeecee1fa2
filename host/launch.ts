/**
 * Stages 4 to 6, launch: takes a `VerifiedPlugin`, gives a `Launch`, one running process with all that changes together at a restart.
 * @module
 */
import type { Driver, DriverCaller } from "../protocol/caller.ts";
import { type Endpoint, isLoopbackName } from "../protocol/endpoint.ts";
import { isPluginError, messageOf, PluginError } from "../protocol/errors.ts";
import { createToken } from "../protocol/proof.ts";
import { parseReadyLine, type ReadyLine } from "../protocol/ready_line.ts";
import { SHUTDOWN } from "../protocol/reserved.ts";
import { attachLaunch } from "./attach.ts";
import type { PluginSpec } from "./discover.ts";
import { SOCKET } from "./drivers.ts";
import type { LogSink } from "./logs/record.ts";
import { createOpenCalls } from "../protocol/open_calls.ts";
import { commandLine, portFromArgs } from "./process/command_line.ts";
import { makeDataDir, pluginEnvironment } from "./process/environment.ts";
import { claimPort, isBindable, isListening, LOOPBACK, placeFromUrl, reservePort } from "./process/ports.ts";
import { type Connection, waitUntilReady } from "./process/ready.ts";
import { type PluginExit, type RunningProcess, spawnProcess } from "./process/spawn.ts";
import { removeSocket } from "./process/socket_file.ts";
import { killGroup, stopProcess } from "./process/stop.ts";
import { type VerifiedPlugin, verifyFiles } from "./verify.ts";

/** One running process. It never comes back to life: a restart makes another launch. */
export interface Launch {
  /** `undefined` when it was not started by this host. */
  readonly pid: number | undefined;
  readonly startedAt: Date;
  readonly endpoint: Endpoint;
  /** What carries its calls: its `comm_type`, or `socket`. */
  readonly wire: string;
  /** What the plugin lists, and what the configuration adds. */
  readonly features: readonly string[];
  /** Resolves when the process has ended, asked or not; its connections are closed then. */
  readonly exited: Promise<PluginExit>;
  /** What sends a call on this process's connection; it counts as open until `end()`. */
  begin(): DriverCaller;
  /** A call that was begun has settled. */
  end(): void;
  /** Lets open calls finish, ends the whole process group and closes the connections. */
  stop(graceMs: number): Promise<void>;
}

/** What a launch takes from its host. */
export interface LaunchContext {
  /** Drivers by `comm_type`; `socket` stands for the framed socket. */
  readonly drivers: ReadonlyMap<string, Driver>;
  /** Gets the plugin's output and what the host has to say. */
  readonly log: LogSink;
}

/** How often a plugin gets another free port when somebody else took the one chosen for it. */
const MOST_PORTS = 3;

/**
 * Starts a plugin and waits until it is ready. When it fails, no process is left.
 * @throws {PluginError} "caller.unknown_comm_type" before anything is started, "verify.…", "spawn.…", "ready.…", or the signal's reason.
 */
export async function startLaunch(plugin: VerifiedPlugin, context: LaunchContext, signal: AbortSignal): Promise<Launch> {
  const openDriver = findDriver(plugin.spec, context.drivers);
  if (plugin.spec.attach !== undefined) {
    return await attachLaunch(plugin.spec, openDriver, { onNotice: noticesOf(plugin.spec, context.log), signal });
  }
  for (let tries = 1;; tries++) {
    const place = await choosePort(plugin.spec);
    try {
      signal.throwIfAborted();
      await verifyFiles(plugin.spec);
      return await launchOn(plugin, place.port, openDriver, context, signal);
    } catch (error) {
      if (!place.chosen || tries === MOST_PORTS || !(await wasTaken(place, error))) throw error;
    } finally {
      place.release();
    }
  }
}

/** Whether another program has the port: the plugin could not bind it and exited, or the other one answered in its place. */
async function wasTaken({ port }: ChosenPort, error: unknown): Promise<boolean> {
  if (!isPluginError(error) || port === undefined) return false;
  return error.code === "ready.impostor" || (error.code === "ready.exited" && !(await isBindable(port)));
}

function findDriver(spec: PluginSpec, drivers: ReadonlyMap<string, Driver>): Driver {
  const driver = spec.commType === SOCKET ? undefined : drivers.get(spec.commType); // It is offered beside another, never alone.
  if (driver !== undefined) return driver;
  const message = `Plugin "${spec.name}" speaks "${spec.commType}", for which there is no driver; there are: ${
    [...drivers.keys()].filter((name) => name !== SOCKET).join(", ")
  }`;
  const hint = spec.commType === SOCKET
    ? "Write what everyone else speaks with it; a plugin that offers the framed socket is called over that by itself"
    : `Correct comm_type, or pass drivers: { ${JSON.stringify(spec.commType)}: … } to openHost()`;
  throw new PluginError("caller.unknown_comm_type", message, { plugin: spec.name, hint });
}

/** Logs what a driver has to say. */
function noticesOf(spec: PluginSpec, log: LogSink): (message: string) => void {
  return (message) => log({ time: new Date(), plugin: spec.name, level: "warn", message, values: {} });
}

interface ChosenPort {
  /** `undefined` when the plugin listens at a Unix socket that the configuration names. */
  readonly port: number | undefined;
  /** Whether the host chose it, so that another will do as well. */
  readonly chosen: boolean;
  release(): void;
}

/** The port of `comm_port`, `address` or `exec_args`, else a free one; it must refuse connections before the start. */
async function choosePort(spec: PluginSpec): Promise<ChosenPort> {
  if (spec.address !== undefined && spec.address.kind !== "tcp") return { port: undefined, chosen: false, release: () => {} };
  const place = spec.address && placeFromUrl(spec.address.url);
  const port = spec.commPort || place?.port || portFromArgs(spec.execArgs);
  if (port === 0) return { chosen: true, ...await reservePort() };
  const claimed = claimPort(port);
  if (claimed === undefined) throw portTaken(spec, `another plugin is being started on port ${port}`);
  const addresses = place !== undefined && isLoopbackName(place.address) ? [...LOOPBACK, place.address] : LOOPBACK;
  for (const address of addresses) {
    if (!(await isListening(address, port))) continue;
    claimed.release();
    throw portTaken(spec, `something already listens on port ${port} of ${address}`);
  }
  return { chosen: false, ...claimed };
}

function portTaken(spec: PluginSpec, what: string): PluginError {
  const hint = "End that program, or leave comm_port out so that the host chooses a free port";
  return new PluginError("ready.port_taken", `Cannot start plugin "${spec.name}": ${what}`, { plugin: spec.name, hint });
}

async function launchOn(
  plugin: VerifiedPlugin,
  port: number | undefined,
  openDriver: Driver,
  context: LaunchContext,
  signal: AbortSignal,
): Promise<Launch> {
  const { spec, program } = plugin;
  const token = createToken();
  const readyLine = Promise.withResolvers<ReadyLine>();
  const socketLine = Promise.withResolvers<ReadyLine>();
  let socket: string | undefined; // For what the plugin leaves behind when it is killed.
  const running = await spawnProcess({
    plugin: spec.name,
    program,
    args: port === undefined ? spec.execArgs : commandLine(spec.execArgs, port, spec.dialect),
    cwd: spec.cwd,
    env: pluginEnvironment(spec, token, await makeDataDir(spec)),
    onLine: (stream, line) => {
      const ready = stream === "stdout" ? parseReadyLine(line) : undefined;
      if (ready !== undefined) {
        if (ready.socket !== undefined) socketLine.resolve(ready);
        if (ready.socket === undefined || ready.address !== undefined) readyLine.resolve(ready);
        socket ??= ready.socket;
      } else context.log({ time: new Date(), plugin: spec.name, level: "info", message: line, values: { stream } });
    },
  });
  try {
    const connection = await waitUntilReady({
      spec,
      running,
      port,
      openDriver,
      openSocket: context.drivers.get(SOCKET),
      onNotice: noticesOf(spec, context.log),
      token,
      readyLine: readyLine.promise,
      socketLine: socketLine.promise,
      signal,
    });
    return createLaunch(spec, running, connection, { log: context.log, onExit: () => removeSocket(socket) });
  } catch (error) {
    await killGroup(running);
    await removeSocket(socket);
    throw error;
  }
}

interface LaunchEnd {
  readonly log: LogSink;
  /** Takes away what the process left. */
  readonly onExit: () => Promise<void>;
}

function createLaunch(spec: PluginSpec, running: RunningProcess, connection: Connection, { log, onExit }: LaunchEnd): Launch {
  const { endpoint, wire, driver, features } = connection;
  const closeDriver = () =>
    driver.close().catch((error) => {
      const message = `The driver did not close: ${messageOf(error)}`;
      log({ time: new Date(), plugin: spec.name, level: "warn", message, values: {} });
    });
  const calls = createOpenCalls();
  const ask = async (signal: AbortSignal): Promise<boolean> => {
    if (!features.includes("shutdown")) {
      await Promise.race([calls.allAnswered(), fired(signal)]);
      return false;
    }
    await driver.exec(SHUTDOWN, undefined, { signal });
    return true;
  };
  let stopping: Promise<void> | undefined;
  const exited = running.exited.then(async (exit) => {
    // What a crashed leader leaves of its group would hold its port; while stopping, the ladder sees to it.
    if (stopping === undefined) await killGroup(running);
    await Promise.all([closeDriver(), onExit()]);
    return exit;
  });
  return {
    pid: running.pid,
    startedAt: new Date(),
    endpoint,
    wire,
    features,
    exited,
    begin: () => (calls.begin(), driver),
    end: () => calls.end(),
    stop: (graceMs) => {
      if (graceMs === 0 && stopping !== undefined) running.signalGroup("SIGKILL"); // Whoever waited gently waits no longer.
      return stopping ??= stopProcess(running, { times: spec.stop, graceMs, ask }).then(async () => void await exited);
    },
  };
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
