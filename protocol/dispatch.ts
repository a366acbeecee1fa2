/**
 * Stage 7, dispatch: takes a `Plugin` and a request, gives bytes or a `PluginError`. The only place that runs a handler.
 * @module
 */
import type { Bytes } from "./caller.ts";
import { messageOf, PluginError } from "./errors.ts";
import { infoFromPlugin, type Plugin, type PluginContext, type RawHandler } from "./plugin.ts";
import { INFO, SHUTDOWN } from "./reserved.ts";

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
  /** Fires when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Milliseconds the caller will still wait; `undefined` when it did not say. */
  readonly timeoutMs: number | undefined;
}

/** Runs a plugin's handlers and knows which calls are open. */
export interface Dispatcher {
  /**
   * Runs one command.
   * @throws {PluginError} `exec.unknown_command`, `exec.unavailable` while stopping, `exec.timeout`, `exec.cancelled`,
   * `exec.failed`, or the handler's own code.
   */
  exec(request: DispatchRequest): Promise<Bytes>;
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
  const handlers = new Map<string, RawHandler>(Object.entries(plugin.commands));
  handlers.set(INFO, () => new TextEncoder().encode(JSON.stringify(infoFromPlugin(plugin))));
  handlers.set(SHUTDOWN, () => {
    onShutdown();
    return NOTHING;
  });
  const open = new Set<Promise<Bytes>>();
  let draining = false;
  return {
    exec(request) {
      const handler = handlers.get(request.command);
      if (handler === undefined) return Promise.reject(unknownCommand(plugin, request.command));
      if (draining) return Promise.reject(refusal("exec.unavailable", `Plugin "${plugin.name}" is stopping; the call was not run`));
      const call = runHandler(handler, request);
      open.add(call);
      const done = () => open.delete(call);
      call.then(done, done);
      return call;
    },
    get draining() {
      return draining;
    },
    async drain() {
      draining = true;
      while (open.size > 0) await Promise.allSettled(open);
    },
  };
}

/** Runs one handler until it answers, its deadline passes, or nobody waits any more; it cannot be forced to end, only told. */
function runHandler(handler: RawHandler, request: DispatchRequest): Promise<Bytes> {
  const controller = new AbortController();
  const ctx: PluginContext = { signal: controller.signal, requestId: request.requestId, from: request.from };
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", cancel);
      settle();
    };
    const giveUp = (error: PluginError) => {
      finish(() => reject(error));
      controller.abort(error);
    };
    const cancel = () => giveUp(refusal("exec.cancelled", `The caller of "${request.command}" is gone`));
    if (request.signal.aborted) return cancel();
    request.signal.addEventListener("abort", cancel, { once: true });
    if (request.timeoutMs !== undefined) {
      const late = () => giveUp(refusal("exec.timeout", `"${request.command}" did not answer within ${request.timeoutMs} ms`));
      timer = setTimeout(late, request.timeoutMs);
    }
    answer(handler, request, ctx).then((bytes) => finish(() => resolve(bytes)), (error) => finish(() => reject(error)));
  });
}

async function answer(handler: RawHandler, request: DispatchRequest, ctx: PluginContext): Promise<Bytes> {
  const result: unknown = await run(handler, request.payload, ctx);
  if (result instanceof Uint8Array) return result as Bytes;
  const kind = result === null ? "null" : typeof result;
  throw refusal("exec.failed", `The handler of "${request.command}" returned ${kind}, not a Uint8Array`);
}

async function run(handler: RawHandler, payload: Bytes, ctx: PluginContext): Promise<unknown> {
  try {
    return await handler(payload, ctx);
  } catch (error) {
    throw handlerError(error);
  }
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

function refusal(code: string, message: string): PluginError {
  return new PluginError(code, message, { origin: "plugin" });
}
