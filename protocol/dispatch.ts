/**
 * Stage 7, dispatch: takes handlers by name and a request, gives bytes or a `PluginError`. The only place that runs a handler.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { handlerFrom } from "./command.ts";
import { type PluginError, refusal } from "./errors.ts";
import { createOpenCalls } from "./open_calls.ts";
import type { Outside } from "./outward.ts";
import type { Commands, Plugin, PluginContext, RawHandler } from "./plugin.ts";
import { FEATURES } from "./reserved.ts";
import { reservedHandlers, takesEvents } from "./reserved_handlers.ts";
import { cancelled, Run, type Surroundings } from "./run.ts";
import { StreamRun } from "./stream_run.ts";

/** One call as a wire's server has decoded it. */
export interface DispatchRequest {
  /** The command's name, not yet looked up. */
  readonly command: string;
  /** The decoded payload. */
  readonly payload: Bytes;
  /** The caller's id for this call. */
  readonly requestId: string;
  /** W3C trace context, as it came. */
  readonly traceparent: string | undefined;
  /** Who calls, a host or one of its plugins; `""` when unknown. */
  readonly from: string;
  /** Through how many plugins the call has come. */
  readonly hops: number;
  /** The plugin that a host is asked to call; `undefined` for its services, and in a plugin. */
  readonly target: string | undefined;
  /** Fires when nobody waits for the answer any more; an `AbortSignal`, or what a wire has in its place. */
  readonly signal: Cancellation;
  /** Milliseconds the caller will still wait; `undefined` when it did not say. */
  readonly timeoutMs: number | undefined;
}

/** What is used of an `AbortSignal`. */
export interface Cancellation {
  /** Whether it has fired. */
  readonly aborted: boolean;
  /** Has this called when it fires. */
  addEventListener(type: "abort", listener: () => void, options: { readonly once: true }): void;
  /** Has it called no more. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Runs handlers and knows which calls are open. */
export interface Dispatcher {
  /**
   * Runs one command.
   * @throws {PluginError} `exec.unknown_command`, `exec.unavailable` while stopping, `exec.timeout`, `exec.cancelled`,
   * `exec.failed`, or the handler's own code.
   */
  exec(request: DispatchRequest): Promise<Bytes>;
  /**
   * Runs one command for its parts, from when the first one is asked for until it ends, or is left. A handler that answers with bytes gives
   * one part. While a part is waited for, the request's signal ends it, as it ends a call.
   * @throws {PluginError} from its parts, as `exec`.
   */
  stream(request: DispatchRequest): AsyncIterable<Bytes>;
  /** What the plugin knows of the framework's commands, sorted. */
  readonly features: readonly string[];
  /** Whether new calls are refused. */
  readonly draining: boolean;
  /** Refuses new calls from now on and resolves when the open ones, streams included, have been answered or given up. */
  drain(): Promise<void>;
}

/** What a plugin's dispatcher needs of the process that it runs in. */
export interface DispatcherOptions {
  /** Called when the host asks the plugin to end. */
  readonly onShutdown: () => void;
  /** Where its handlers can call. */
  readonly outside: Outside;
  /** Where its handlers' records go. */
  readonly log: PluginContext["log"];
}

/** Makes the dispatcher of a plugin. */
export function createDispatcher(plugin: Plugin, { onShutdown, outside, log }: DispatcherOptions): Dispatcher {
  const surroundings = { config: NOTHING, outside, log };
  const own = reservedHandlers(plugin, surroundings, onShutdown);
  const features = [...FEATURES, ...(plugin.health === undefined ? [] : ["health"]), ...(takesEvents(plugin) ? ["event"] : [])].sort();
  return dispatcherOf({ name: `Plugin "${plugin.name}"`, commands: plugin.commands, own, features, surroundings });
}

/** Makes the dispatcher of a service of a host. */
export function createServiceDispatcher(name: string, commands: Commands, surroundings: Surroundings): Dispatcher {
  return dispatcherOf({ name: `Service "${name}"`, commands, own: new Map(), features: [], surroundings });
}

interface Dispatched {
  readonly name: string;
  readonly commands: Commands;
  /** The framework's own. */
  readonly own: ReadonlyMap<string, RawHandler>;
  readonly features: readonly string[];
  readonly surroundings: Surroundings;
}

function dispatcherOf({ name, commands, own, features, surroundings }: Dispatched): Dispatcher {
  const written = Object.entries(commands).map(([command, given]) => [command, handlerFrom(given)] as const);
  const handlers = new Map<string, RawHandler>([...written, ...own]);
  const open = createOpenCalls();
  let draining = false;
  /** The handler of a call, or why it is not run. */
  const find = (request: DispatchRequest): RawHandler | PluginError => {
    const handler = handlers.get(request.command);
    if (handler === undefined) return unknownCommand(name, commands, request.command);
    if (draining) return refusal("exec.unavailable", `${name} is stopping; the call was not run`);
    return request.signal.aborted ? cancelled(request) : handler;
  };
  return {
    features,
    exec(request) {
      const handler = find(request);
      if (typeof handler !== "function") return Promise.reject(handler);
      const run = new Run(request, surroundings);
      const answer = run.start(handler);
      // What is there already needs neither a deadline nor anybody to wait.
      if (!(answer instanceof Promise)) return Promise.resolve(answer);
      open.begin();
      const call = run.follow(answer);
      const end = () => open.end();
      call.then(end, end); // And not finally(), after which the answer would be handed on later than a stop that waited for it.
      return call;
    },
    async *stream(request) {
      const handler = find(request);
      if (typeof handler !== "function") throw handler;
      open.begin();
      try {
        yield* new StreamRun(request, surroundings, handler);
      } finally {
        open.end();
      }
    },
    get draining() {
      return draining;
    },
    async drain() {
      draining = true;
      await open.allAnswered();
    },
  };
}

const NOTHING: Bytes = new Uint8Array(0);

function unknownCommand(name: string, commands: Commands, command: string): PluginError {
  const known = Object.keys(commands).sort().join(", ");
  return refusal("exec.unknown_command", `${name} has no command "${command}"; it has: ${known || "none"}`);
}
