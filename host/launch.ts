/**
 * Stages 4 to 6, launch: takes a `VerifiedPlugin`, gives a `Launch`, one running process with all that changes together at a restart.
 * @module
 */
import { tmpdir } from "node:os";
import type { Bytes, CallOptions, Driver } from "../protocol/caller.ts";
import type { Endpoint } from "../protocol/endpoint.ts";
import { messageOf, PluginError } from "../protocol/errors.ts";
import { createToken } from "../protocol/proof.ts";
import { parseReadyLine, type ReadyLine } from "../protocol/ready_line.ts";
import { SHUTDOWN } from "../protocol/reserved.ts";
import type { Runner } from "../protocol/server.ts";
import { attachLaunch } from "./attach.ts";
import { missingBuiltin } from "./builtins/builtin.ts";
import { BUILTIN } from "./config/schema.ts";
import type { PluginSpec } from "./discover.ts";
import type { Pass } from "./services/back_channel.ts";
import { SOCKET, STDIO } from "./drivers.ts";
import { parseLogLine } from "./logs/parse.ts";
import type { LogSink } from "./logs/record.ts";
import { LaunchCalls } from "./launch_calls.ts";
import { choosePort, wasTaken } from "./process/choose_port.ts";
import { commandLine } from "./process/command_line.ts";
import { makeDataDir, pluginEnvironment } from "./process/environment.ts";
import { initPlugin } from "./process/init.ts";
import { type Connection, waitUntilReady } from "./process/ready.ts";
import type { Guardian } from "./process/guardian.ts";
import { type PluginExit, type RunningProcess, spawnProcess } from "./process/spawn.ts";
import { guardSocket, removeSocket, removeUnsaidSockets } from "./process/socket_file.ts";
import { killGroup, letFinish, stopProcess } from "./process/stop.ts";
import { type VerifiedPlugin, verifyFiles } from "./verify.ts";

/** One running process. It never comes back to life: a restart makes another launch. */
export interface Launch {
  /** `undefined` when it was not started by this host. */
  readonly pid: number | undefined;
  readonly startedAt: Date;
  /** `undefined` for a built-in, which listens nowhere. */
  readonly endpoint: Endpoint | undefined;
  /** What carries its calls: its `comm_type`, or `socket`. */
  readonly wire: string;
  /** What the plugin lists, and what the configuration adds. */
  readonly features: readonly string[];
  /** Resolves when the process has ended, asked or not; its connections are closed then. */
  readonly exited: Promise<PluginExit>;
  /** Begins calls on this process's connection and counts them. */
  readonly calls: LaunchCalls;
  /** One ping, which counts as no call. */
  ping(options: CallOptions): Promise<void>;
  /** Sends one of the framework's own commands, which counts as no call. */
  ask(command: string, options: CallOptions): Promise<Bytes>;
  /** Waits until open calls have been answered, as long as a call may take, and stops then. */
  retire(): Promise<void>;
  /** Lets open calls finish, ends the whole process group and closes the connections. */
  stop(graceMs: number): Promise<void>;
}

/** What a launch takes from its host. */
export interface LaunchContext {
  /** Drivers by `comm_type`; `socket` stands for the framed socket. */
  readonly drivers: ReadonlyMap<string, Driver>;
  /** Gets the plugin's output and what the host has to say. */
  readonly log: LogSink;
  /** Ends what is started when the host cannot. */
  readonly guardian: Guardian;
  /** Lets a launch call the host, where the plugin is granted something. */
  readonly issue: (spec: PluginSpec) => Promise<Pass | undefined>;
  /** What runs the calls that a plugin makes of its host. */
  readonly runnerOf: (plugin: string) => Runner;
}

/** How often a plugin gets another free port when somebody else took the one chosen for it. */
const MOST_PORTS = 3;

/**
 * Starts a plugin and waits until it is ready. When it fails, no process is left.
 * @throws {PluginError} "caller.unknown_comm_type" before anything is started, "verify.…", "spawn.…", "ready.…", or the signal's reason.
 */
export async function startLaunch(plugin: VerifiedPlugin, context: LaunchContext, signal: AbortSignal): Promise<Launch> {
  const { builtin } = plugin.spec;
  if (builtin !== undefined) {
    return await (await import("./builtins/launch.ts")).launchBuiltin({ ...plugin.spec, builtin }, context, signal);
  }
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

function findDriver(spec: PluginSpec, drivers: ReadonlyMap<string, Driver>): Driver {
  if (spec.commType === BUILTIN) throw missingBuiltin(spec);
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

async function launchOn(
  plugin: VerifiedPlugin,
  port: number | undefined,
  openDriver: Driver,
  context: LaunchContext,
  signal: AbortSignal,
): Promise<Launch> {
  const { spec, program } = plugin;
  const isStdio = spec.commType === STDIO;
  // Nobody else can reach its pipes, so there is nothing to prove.
  const token = isStdio ? undefined : createToken();
  const readyLine = Promise.withResolvers<ReadyLine>();
  const socketLine = Promise.withResolvers<ReadyLine>();
  const started = performance.now();
  let socket: string | undefined; // For what the plugin leaves behind when it is killed.
  const pass = await context.issue(spec);
  const env = { ...pluginEnvironment(spec, token, await makeDataDir(spec)), ...pass?.environment };
  const running = await spawnProcess({
    plugin: spec.name,
    program,
    args: port === undefined ? spec.execArgs : commandLine(spec.execArgs, port, spec.dialect),
    cwd: spec.cwd,
    env,
    guardian: context.guardian,
    isChannel: isStdio,
    onLine: (stream, line) => {
      const ready = stream === "stdout" ? parseReadyLine(line) : undefined;
      if (ready !== undefined) {
        if (ready.socket !== undefined) socketLine.resolve(ready);
        if (ready.socket === undefined || ready.address !== undefined) readyLine.resolve(ready);
        if (ready.socket !== undefined && socket === undefined) guardSocket(socket = ready.socket, context.guardian);
      } else context.log(parseLogLine(line, { plugin: spec.name, stream }));
    },
  }).catch((error) => {
    pass?.revoke();
    throw error;
  });
  const cleanUp = async () => {
    pass?.revoke();
    if (spec.socket && !isStdio && socket === undefined) await removeUnsaidSockets(running.pid, env["TMPDIR"] ?? tmpdir());
    await removeSocket(socket, context.guardian);
  };
  try {
    const connection = await waitUntilReady({
      spec,
      running,
      port,
      openDriver,
      openSocket: context.drivers.get(SOCKET),
      onNotice: (message) => {
        noticesOf(spec, context.log)(message);
        if (isStdio) running.tail.add("stdout", message); // What it said in place of an answer explains a start that fails.
      },
      incoming: pass?.runner,
      token,
      readyLine: readyLine.promise,
      socketLine: socketLine.promise,
      signal,
    });
    try {
      await initPlugin(connection, { spec, running, timeoutMs: spec.startTimeoutMs - (performance.now() - started), signal });
    } catch (error) {
      await connection.driver.close();
      throw error;
    }
    if (spec.config !== undefined && !connection.features.includes("init")) {
      noticesOf(spec, context.log)('It does not take the config that its configuration has for it: it lacks the feature "init"');
    }
    return createLaunch(spec, running, connection, { log: context.log, onExit: cleanUp });
  } catch (error) {
    await killGroup(running);
    await cleanUp();
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
  const calls = new LaunchCalls(driver);
  const askToEnd = async (signal: AbortSignal): Promise<boolean> => {
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
  const stop = (graceMs: number): Promise<void> => {
    if (graceMs === 0 && stopping !== undefined) running.signalGroup("SIGKILL"); // Whoever waited gently waits no longer.
    // A stream that has no end would hold up the plugin's own.
    if (stopping === undefined) {
      void letFinish(Promise.race([calls.allAnswered(), exited]), spec.stop.shutdownMs).then(() => calls.cutStreams());
    }
    return stopping ??= stopProcess(running, { times: spec.stop, graceMs, ask: askToEnd }).then(async () => void await exited);
  };
  return {
    pid: running.pid,
    startedAt: new Date(),
    endpoint,
    wire,
    features,
    exited,
    calls,
    ping: async (options) => void await driver.ping(options),
    ask: (command, options) => driver.exec(command, undefined, options),
    retire: async () => {
      await letFinish(Promise.race([calls.allAnswered(), exited]), spec.timeoutMs);
      calls.cutStreams();
      await stop(Infinity);
    },
    stop,
  };
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
