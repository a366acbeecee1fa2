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
import { allowsPlugin, allowsService, notGranted, RefusalLog } from "./grants.ts";
import { StartingPlugins } from "./starting.ts";

/** Through how many plugins a call may go. */
const MOST_HOPS = 16;

/** What the router knows of the host's plugins. */
export interface Plugins {
  /** What a plugin may call, as the configuration says now. */
  grantsOf(plugin: string): Grants;
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
        const { target } = request;
        const answer = target === undefined ? this.#serveGranted(plugin, request) : this.#forwardGranted(plugin, request, target);
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

  #serveGranted(from: string, request: DispatchRequest): Promise<Bytes> {
    const { command } = request;
    if (allowsService(this.#plugins.grantsOf(from), command)) return this.#serve(from, request);
    return Promise.reject(notGranted(from, `the service "${command}"`, "services"));
  }

  /** Not an async function, and no copy by spreading: each call would pay for that. */
  #serve(from: string, { command, payload, requestId, traceparent, hops, signal, timeoutMs }: DispatchRequest): Promise<Bytes> {
    const dot = command.indexOf(".");
    const service = this.#services.get(command.slice(0, dot));
    if (service === undefined) {
      const known = [...this.#services.keys()].sort().join(", ");
      return Promise.reject(refusal("exec.unknown_command", `The host has no service for "${command}"; it has: ${known}`));
    }
    const method = command.slice(dot + 1);
    return service.exec({ command: method, payload, requestId, traceparent, from, hops, target: undefined, signal, timeoutMs });
  }

  #forwardGranted(from: string, request: DispatchRequest, target: string): Promise<Bytes> {
    const { command, requestId } = request;
    if (!allowsPlugin(this.#plugins.grantsOf(from), target, command)) {
      return Promise.reject(notGranted(from, `the command "${command}" of plugin "${target}"`, `plugins.${target}`));
    }
    return this.#starting.pass({ from, target, requestId }, () => this.#forward(from, request, target));
  }

  async #forward(
    from: string,
    { command, payload, hops, requestId, traceparent, timeoutMs, signal }: DispatchRequest,
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
      signal,
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
        return target === undefined ? this.#serve(this.#host, given) : this.#forward(this.#host, given, target);
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
