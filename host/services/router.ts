/**
 * Where calls of plugins go: takes one that came in over the back-channel, gives it to a service of the host or to another plugin.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { createServiceDispatcher, type Dispatcher, type DispatchRequest } from "../../protocol/dispatch.ts";
import { isPluginError, PluginError, refusal } from "../../protocol/errors.ts";
import { isName } from "../../protocol/names.ts";
import type { Outside } from "../../protocol/outward.ts";
import type { Commands } from "../../protocol/plugin.ts";
import type { Runner } from "../../protocol/server.ts";
import type { PluginCaller } from "../call.ts";
import type { Grants } from "../discover.ts";
import type { LogSink } from "../logs/record.ts";
import { abortSignalOf } from "./abort_signal.ts";
import { allowsPlugin, allowsService, notGranted, RefusalLog } from "./grants.ts";
import { StartingPlugins } from "./starting.ts";

/** Through how many plugins a call may go. */
const MOST_HOPS = 16;

/** What the router knows of the host's plugins. */
export interface Plugins {
  /** What a plugin may call, as the configuration says now. */
  grantsOf(plugin: string): Grants;
  /** The plugin that a name stands for: itself, or that which plays the role of this name. */
  servedBy(name: string): string;
  /** @throws {PluginError} "host.unknown_plugin", or why it was rejected. */
  callerOf(plugin: string): PluginCaller;
  /** Whether it can be called without waiting for a start. */
  isReady(plugin: string): boolean;
}

/** The services of one host, and the way from plugin to plugin. */
export class Router {
  readonly #host: string;
  readonly #plugins: Plugins;
  readonly #log: LogSink;
  readonly #services = new Map<string, Dispatcher>();
  readonly #starting: StartingPlugins;
  readonly #refusals: RefusalLog;

  constructor(host: string, plugins: Plugins, log: LogSink) {
    this.#host = host;
    this.#plugins = plugins;
    this.#log = log;
    this.#starting = new StartingPlugins((plugin) => plugins.isReady(plugin));
    this.#refusals = new RefusalLog(log);
  }

  /**
   * Offers a service until it is taken back.
   * @throws {TypeError} when the name is none, or is taken.
   */
  provide(name: string, commands: Commands): Disposable {
    if (!isName(name) || name === "polyplug") {
      throw new TypeError(`A service cannot be called "${name}": 1 to 64 letters, digits, "_" or "-"`);
    }
    if (this.#services.has(name)) throw new TypeError(`The host has a service "${name}" already`);
    const dispatcher = createServiceDispatcher(name, commands, {
      config: new Uint8Array(0),
      isHost: true,
      outside: this.#outside,
      log: (level, message, values = {}) =>
        this.#log({ time: new Date(), plugin: "", level, message, values: { ...values, service: name } }),
    });
    this.#services.set(name, dispatcher);
    return { [Symbol.dispose]: () => void (this.#services.get(name) === dispatcher && this.#services.delete(name)) };
  }

  /** What runs the calls of one plugin. */
  runnerOf(plugin: string): Runner {
    const refused = (error: PluginError) => this.#refusals.add(plugin, error);
    return {
      exec: (request) => {
        const from = { ...plainRequest(request), from: plugin };
        const answer = request.target === undefined ? this.#serveGranted(from) : this.#forwardGranted(from, request.target);
        return answer.catch((error) => {
          if (isPluginError(error) && REFUSALS.has(error.code)) refused(error);
          throw error;
        });
      },
      refused,
    };
  }

  /** A call without a right token. */
  onStranger(error: PluginError): void {
    this.#refusals.add("", error);
  }

  async #serveGranted(request: DispatchRequest): Promise<Bytes> {
    const { from, command } = request;
    if (!allowsService(this.#plugins.grantsOf(from), command)) throw notGranted(from, `the service "${command}"`, "services");
    return await this.#serve(request);
  }

  async #serve(request: DispatchRequest): Promise<Bytes> {
    const dot = request.command.indexOf(".");
    const service = this.#services.get(request.command.slice(0, dot));
    if (service !== undefined) return await service.exec({ ...request, command: request.command.slice(dot + 1), target: undefined });
    const known = [...this.#services.keys()].sort().join(", ");
    throw refusal("exec.unknown_command", `The host has no service for "${request.command}"; it has: ${known}`);
  }

  async #forwardGranted(request: DispatchRequest, target: string): Promise<Bytes> {
    const { from, command, requestId } = request;
    if (!allowsPlugin(this.#plugins.grantsOf(from), target, command)) {
      throw notGranted(from, `the command "${command}" of plugin "${target}"`, `plugins.${target}`);
    }
    const plugin = this.#plugins.servedBy(target);
    return await this.#starting.pass({ from, target: plugin, requestId }, () => this.#forward(request, plugin));
  }

  async #forward(
    { from, command, payload, hops, requestId, traceparent, timeoutMs, signal }: DispatchRequest,
    target: string,
  ): Promise<Bytes> {
    if (hops >= MOST_HOPS) {
      const message = `The call "${command}" of plugin "${target}" has gone through ${hops} plugins already`;
      throw new PluginError("host.cycle", message, { plugin: target, hint: "Look for plugins that call one another in a circle" });
    }
    return await this.#plugins.callerOf(target).exec(command, payload, {
      ...(from === this.#host ? {} : { from }),
      hops: hops + 1,
      requestId,
      signal: abortSignalOf(signal),
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }

  /** What the application's own services call: everything, since it is the application that wrote them. */
  get #outside(): Outside {
    return {
      ping: () => Promise.resolve("pong"),
      exec: (command, payload = new Uint8Array(0), options = {}) => {
        const { target, requestId = "", traceparent, hops = 0, timeoutMs, signal = new AbortController().signal } = options;
        const given = {
          command,
          payload: new Uint8Array(payload),
          requestId,
          traceparent,
          hops,
          timeoutMs,
          signal,
          from: this.#host,
          target,
        };
        return target === undefined ? this.#serve(given) : this.#forward(given, this.#plugins.servedBy(target));
      },
    };
  }
}

/** What is to be said to the operator when a plugin meets it. */
const REFUSALS: ReadonlySet<string> = new Set([
  "exec.not_granted",
  "exec.unknown_command",
  "exec.invalid_input",
  "exec.bad_request",
  "exec.too_large",
  "host.cycle",
  "host.unknown_plugin",
]);

/** Its members, of which a wire may compute some. */
function plainRequest(
  { command, payload, requestId, traceparent, hops, target, signal, timeoutMs }: DispatchRequest,
): Omit<DispatchRequest, "from"> {
  return { command, payload, requestId, traceparent, hops, target, signal, timeoutMs };
}
