/**
 * Stage 7, dispatch: takes a `Plugin` and a request, gives bytes or a `PluginError`. The only place that runs a handler.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { expireAfter, type Expiring } from "./deadlines.ts";
import { messageOf, type PluginError, refusal } from "./errors.ts";
import { createOpenCalls } from "./open_calls.ts";
import { infoFromPlugin, type Plugin, type PluginContext, type RawHandler } from "./plugin.ts";
import { FEATURES, HEALTH, INFO, INIT, SHUTDOWN } from "./reserved.ts";

/** One call as a wire's server has decoded it. */
export interface DispatchRequest {
  /** The command's name, not yet looked up. */
  readonly command: string;
  /** The decoded payload. */
  readonly payload: Bytes;
  /** The caller's id for this call. */
  readonly requestId: string;
  /** Who calls, `""` when unknown. */
  readonly from: string;
  /** Fires when nobody waits for the answer any more; an `AbortSignal`, or what a wire has in its place. */
  readonly signal: Cancellation;
  /** Milliseconds the caller will still wait; `undefined` when it did not say. */
  readonly timeoutMs: number | undefined;
}

/** What is used of an `AbortSignal`. */
export interface Cancellation {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options: { readonly once: true }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Runs a plugin's handlers and knows which calls are open. */
export interface Dispatcher {
  /**
   * Runs one command.
   * @throws {PluginError} `exec.unknown_command`, `exec.unavailable` while stopping, `exec.timeout`, `exec.cancelled`,
   * `exec.failed`, or the handler's own code.
   */
  exec(request: DispatchRequest): Promise<Bytes>;
  /** What the plugin knows of the framework's commands, sorted. */
  readonly features: readonly string[];
  /** Whether new calls are refused. */
  readonly draining: boolean;
  /** Refuses new calls from now on and resolves when the open ones have been answered or given up. */
  drain(): Promise<void>;
}

const HOST_STAGES = ["config", "discover", "verify", "spawn", "ready", "caller", "host", "package", "registry", "install"];
const OWN_CODE = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
const NOTHING: Bytes = new Uint8Array(0);

/**
 * A plugin's own error code as it may reach the caller: `exec.failed` when it has another form or claims to be one of the host's stages.
 * Both sides apply it, since a plugin in any language may forge a code.
 */
export function codeFromPlugin(code: unknown): string {
  if (typeof code !== "string" || !OWN_CODE.test(code)) return "exec.failed";
  return HOST_STAGES.some((stage) => code.startsWith(`${stage}.`)) ? "exec.failed" : code;
}

/** Makes the dispatcher of a plugin; `onShutdown` is called when the host asks the plugin to end. */
export function createDispatcher(plugin: Plugin, onShutdown: () => void): Dispatcher {
  const config = { bytes: NOTHING };
  const handlers = new Map<string, RawHandler>([...Object.entries(plugin.commands), ...reservedHandlers(plugin, config, onShutdown)]);
  const open = createOpenCalls();
  let draining = false;
  return {
    features: plugin.health === undefined ? FEATURES : [...FEATURES, "health"].sort(),
    exec(request) {
      const handler = handlers.get(request.command);
      if (handler === undefined) return Promise.reject(unknownCommand(plugin, request.command));
      if (draining) return Promise.reject(refusal("exec.unavailable", `Plugin "${plugin.name}" is stopping; the call was not run`));
      if (request.signal.aborted) return Promise.reject(cancelled(request));
      const run = new Run(request, config);
      const answer = run.start(handler);
      // What is there already needs neither a deadline nor anybody to wait.
      if (!(answer instanceof Promise)) return Promise.resolve(answer);
      open.begin();
      const call = run.follow(answer);
      const end = () => open.end();
      call.then(end, end); // And not finally(), after which the answer would be handed on later than a stop that waited for it.
      return call;
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

/** The plugin's configuration, once the host has given it. */
interface Config {
  bytes: Bytes;
}

/** What answers the framework's own commands. */
function reservedHandlers(plugin: Plugin, config: Config, onShutdown: () => void): readonly (readonly [string, RawHandler])[] {
  const { health } = plugin;
  const answer = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const init: RawHandler = async (payload, ctx) => {
    config.bytes = payload;
    await plugin.init?.(payload, ctx);
    return NOTHING;
  };
  const shutdown: RawHandler = () => {
    onShutdown();
    return NOTHING;
  };
  const tellHealth: RawHandler = async (_payload, ctx) => answer(await health?.call(plugin, ctx) ?? {}); // JavaScript may give nothing.
  return [
    [INFO, () => answer(infoFromPlugin(plugin))],
    [INIT, init],
    [SHUTDOWN, shutdown],
    ...(health === undefined ? [] : [[HEALTH, tellHealth] as const]),
  ];
}

/** One call of a handler until it answers, its deadline passes, or nobody waits any more; it cannot be forced to end, only told. */
class Run implements Expiring {
  readonly request: DispatchRequest;
  readonly config: Config;
  #controller: AbortController | undefined;
  #gaveUp: PluginError | undefined;
  #reject!: (error: PluginError) => void;

  constructor(request: DispatchRequest, config: Config) {
    this.request = request;
    this.config = config;
  }

  /** Made when a handler asks for it, which few do. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#gaveUp !== undefined) this.#controller.abort(this.#gaveUp);
    }
    return this.#controller.signal;
  }

  /**
   * Runs the handler; its answer, or the promise of it.
   * @throws {PluginError} what the handler throws before it has returned.
   */
  start(handler: RawHandler): Bytes | Promise<Bytes> {
    const { command, payload } = this.request;
    try {
      const result: unknown = handler(payload, new Context(this));
      if (result instanceof Uint8Array) return result as Bytes;
      return Promise.resolve(result).then((bytes) => requireBytes(command, bytes), (error) => Promise.reject(handlerError(error)));
    } catch (error) {
      return Promise.reject(handlerError(error));
    }
  }

  /** Waits for an answer that is not there yet, as long as somebody else does. */
  follow(answer: Promise<Bytes>): Promise<Bytes> {
    const { signal, timeoutMs } = this.request;
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      const deadline = timeoutMs === undefined ? undefined : expireAfter(timeoutMs, this);
      const cancel = () => this.#giveUp(cancelled(this.request));
      signal.addEventListener("abort", cancel, { once: true });
      const finish = () => {
        deadline?.cancel();
        signal.removeEventListener("abort", cancel);
      };
      answer.then(resolve, reject).finally(finish);
    });
  }

  /** The deadline has passed. */
  expire(): void {
    const { command, timeoutMs } = this.request;
    this.#giveUp(refusal("exec.timeout", `"${command}" did not answer within ${timeoutMs} ms`));
  }

  #giveUp(error: PluginError): void {
    this.#gaveUp = error;
    this.#reject(error);
    this.#controller?.abort(error);
  }
}

/** What the handler sees of its run. */
class Context implements PluginContext {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  get requestId(): string {
    return this.#run.request.requestId;
  }

  get from(): string {
    return this.#run.request.from;
  }

  get config(): Bytes {
    return this.#run.config.bytes;
  }
}

function requireBytes(command: string, result: unknown): Bytes {
  if (result instanceof Uint8Array) return result as Bytes;
  throw refusal("exec.failed", `The handler of "${command}" returned ${result === null ? "null" : typeof result}, not a Uint8Array`);
}

function cancelled({ command }: DispatchRequest): PluginError {
  return refusal("exec.cancelled", `The caller of "${command}" is gone`);
}

/** What a handler threw, as it may cross the wire: code and message, never a stack. */
function handlerError(error: unknown): PluginError {
  try {
    return readError(error);
  } catch {
    // Reading runs the thrown value's own code, a getter for example; what that throws must not end the plugin.
    return refusal("exec.failed", "The handler threw a value that cannot be read");
  }
}

function readError(error: unknown): PluginError {
  const own = typeof error === "object" && error !== null && "code" in error ? codeFromPlugin(error.code) : "exec.failed";
  // "exec.unavailable" promises that the call was not run, which is no longer true once a handler has thrown.
  return refusal(own === "exec.unavailable" ? "exec.failed" : own, messageOf(error));
}

function unknownCommand(plugin: Plugin, command: string): PluginError {
  const known = Object.keys(plugin.commands).sort().join(", ");
  return refusal("exec.unknown_command", `Plugin "${plugin.name}" has no command "${command}"; it has: ${known || "none"}`);
}
