/**
 * Where calls of plugins go: takes one that came in over the back-channel, gives it to a service of the host or to another plugin.
 * @module
 */
import type { AttemptOptions, Bytes } from "../../protocol/caller.ts";
import { createServiceDispatcher, type Dispatcher, type DispatchRequest } from "../../protocol/dispatch.ts";
import { isPluginError, PluginError, refusal } from "../../protocol/errors.ts";
import { isName } from "../../protocol/names.ts";
import type { Outside } from "../../protocol/outward.ts";
import type { Commands } from "../../protocol/plugin.ts";
import type { Runner } from "../../protocol/server.ts";
import type { ForwardOptions } from "../call.ts";
import type { PluginCaller } from "../plugin_caller.ts";
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
    const fail = (error: unknown): never => {
      if (isPluginError(error) && REFUSALS.has(error.code)) refused(error);
      throw error;
    };
    return {
      exec: (request) => {
        const { target } = request;
        return (target === undefined ? this.#serveGranted(plugin, request) : this.#forwardGranted(plugin, request, target)).catch(fail);
      },
      stream: (request) => this.#streamGranted({ ...plainRequest(request), from: plugin }, fail),
      refused,
    };
  }

  /** What is granted is asked when the first part is. */
  async *#streamGranted(request: DispatchRequest, fail: (error: unknown) => never): AsyncGenerator<Bytes, void, void> {
    try {
      const { from, target, requestId } = request;
      const grants = this.#plugins.grantsOf(from);
      if (target === undefined) {
        if (!allowsService(grants, request.command)) throw notGranted(from, `the service "${request.command}"`, "services");
        yield* this.#streamOf(request);
        return;
      }
      if (!allowsPlugin(grants, target, request.command)) throw notGrantedThere(from, request.command, target);
      const plugin = this.#plugins.servedBy(target);
      const pass = (first: () => Promise<IteratorResult<Bytes, unknown>>) =>
        this.#starting.pass({ from, target: plugin, requestId }, first);
      yield* passed(this.#forwardStream(request, plugin), pass);
    } catch (error) {
      fail(error);
    }
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
    if (service === undefined) return Promise.reject(this.#noService(command));
    const method = command.slice(dot + 1);
    return service.exec({ command: method, payload, requestId, traceparent, from, hops, target: undefined, signal, timeoutMs });
  }

  #noService(command: string): PluginError {
    const known = [...this.#services.keys()].sort().join(", ");
    return refusal("exec.unknown_command", `The host has no service for "${command}"; it has: ${known}`);
  }

  #forwardGranted(from: string, request: DispatchRequest, target: string): Promise<Bytes> {
    const { command, requestId } = request;
    if (!allowsPlugin(this.#plugins.grantsOf(from), target, command)) return Promise.reject(notGrantedThere(from, command, target));
    const plugin = this.#plugins.servedBy(target);
    return this.#starting.pass({ from, target: plugin, requestId }, () => this.#forward(from, request, plugin));
  }

  async #forward(from: string, request: DispatchRequest, target: string): Promise<Bytes> {
    const options = this.#optionsOf(from, request, target);
    return await this.#plugins.callerOf(target).exec(request.command, request.payload, options);
  }

  #streamOf(request: DispatchRequest): AsyncIterable<Bytes> {
    const { command } = request;
    const dot = command.indexOf(".");
    const service = this.#services.get(command.slice(0, dot));
    if (service === undefined) throw this.#noService(command);
    return service.stream({ ...request, command: command.slice(dot + 1), target: undefined });
  }

  #forwardStream(request: DispatchRequest, target: string): AsyncIterable<Bytes> {
    const options = { ...this.#optionsOf(request.from, request, target), signal: abortSignalOf(request.signal) };
    return this.#plugins.callerOf(target).stream(request.command, request.payload, options);
  }

  /** How a call goes on to another plugin. */
  #optionsOf(from: string, { command, hops, requestId, traceparent, timeoutMs, signal }: DispatchRequest, target: string): ForwardOptions {
    if (hops >= MOST_HOPS) {
      const message = `The call "${command}" of plugin "${target}" has gone through ${hops} plugins already`;
      throw new PluginError("host.cycle", message, { plugin: target, hint: "Look for plugins that call one another in a circle" });
    }
    return {
      ...(from === this.#host ? {} : { from }),
      hops: hops + 1,
      requestId,
      signal,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
  }

  /** What the application's own services call: everything, since it is the application that wrote them. */
  get #outside(): Outside {
    return {
      ping: () => Promise.resolve("pong"),
      exec: (command, payload, options = {}) => {
        const given = this.#ownRequest(command, payload, options);
        return given.target === undefined
          ? this.#serve(this.#host, given)
          : this.#forward(this.#host, given, this.#plugins.servedBy(given.target));
      },
      stream: (command, payload, options = {}) => {
        const given = this.#ownRequest(command, payload, options);
        return given.target === undefined ? this.#streamOf(given) : this.#forwardStream(given, this.#plugins.servedBy(given.target));
      },
    };
  }

  #ownRequest(command: string, payload: Uint8Array = new Uint8Array(0), options: AttemptOptions): DispatchRequest {
    const { target, requestId = "", traceparent, hops = 0, timeoutMs, signal = new AbortController().signal } = options;
    const from = this.#host;
    return { command, payload: new Uint8Array(payload), requestId, traceparent, hops, timeoutMs, signal, from, target };
  }
}

function notGrantedThere(from: string, command: string, target: string): PluginError {
  return notGranted(from, `the command "${command}" of plugin "${target}"`, `plugins.${target}`);
}

/** A stream whose first part is asked for by `pass`. */
async function* passed(
  stream: AsyncIterable<Bytes>,
  pass: (first: () => Promise<IteratorResult<Bytes, unknown>>) => Promise<IteratorResult<Bytes, unknown>>,
): AsyncGenerator<Bytes, void, void> {
  const parts = stream[Symbol.asyncIterator]();
  try {
    for (let next = await pass(() => parts.next()); next.done !== true; next = await parts.next()) yield next.value;
  } finally {
    await parts.return?.();
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
