/**
 * One call: takes a `Slot`, gives a `Caller` with a deadline on every call, and sends again only what is known not to have run.
 * @module
 */
import {
  type AttemptOptions,
  type Bytes,
  type Caller,
  type CallOptions,
  DEFAULT_TIMEOUT_MS,
  type DriverCaller,
} from "../protocol/caller.ts";
import { isPluginError, PluginError } from "../protocol/errors.ts";
import { isHeaderValue } from "../protocol/names.ts";
import type { Launch } from "./launch.ts";
import type { Slot } from "./slot.ts";

/** The largest delay of a timer on every runtime; a longer deadline is none. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** How long the exit of a process may take to show after its socket has closed. */
const EXIT_LAG_MS = 250;
/** Both sides keep the same deadline, each by its own timer; which of them fires first must not change the error. */
const TIMEOUT_SPREAD_MS = 50;

/** Makes the caller of one plugin. */
export function createCaller(plugin: string, slot: Slot, defaultTimeoutMs: number): Caller {
  const call = <T>(what: string, options: CallOptions, send: (driver: DriverCaller, options: AttemptOptions) => Promise<T>) => {
    const timeoutMs = requireTimeout(options.timeoutMs ?? defaultTimeoutMs);
    requireHeader("requestId", options.requestId);
    requireHeader("traceparent", options.traceparent);
    const settled = { ...options, timeoutMs, requestId: options.requestId ?? crypto.randomUUID() };
    return bounded(`${what} of plugin "${plugin}"`, plugin, settled, (left, signal) => attempt(slot, settled, left, signal, send));
  };
  return {
    ping: (options = {}) => call("ping", options, (driver, attemptOptions) => driver.ping(attemptOptions)),
    exec: (command, payload, options = {}): Promise<Bytes> =>
      call(`"${command}"`, options, (driver, attemptOptions) => driver.exec(command, payload, attemptOptions)),
  };
}

/**
 * Runs something until its deadline; the timer here is the only one of a call, so that a driver that ignores its signal cannot hold the caller.
 * @throws {PluginError} "caller.timeout", "caller.aborted", or what `run` throws.
 */
export function bounded<T>(
  what: string,
  plugin: string,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  run: (left: () => number, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeoutMs, signal } = options;
  const controller = new AbortController();
  const deadline = performance.now() + timeoutMs;
  return new Promise<T>((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const giveUp = (error: PluginError) => {
      finish();
      reject(error);
      controller.abort(error);
    };
    const onAbort = () => {
      giveUp(new PluginError("caller.aborted", `The call ${what} was aborted`, { plugin, cause: signal?.reason }));
    };
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (timeoutMs <= MAX_TIMER_MS) timer = setTimeout(() => giveUp(timeoutError(what, plugin, timeoutMs)), timeoutMs);
    run(() => deadline - performance.now(), controller.signal).then((value) => {
      finish();
      resolve(value);
    }, (error) => {
      finish();
      const late = isOwnTimeout(error) && deadline - performance.now() < TIMEOUT_SPREAD_MS;
      reject(late ? timeoutError(what, plugin, timeoutMs) : error);
    });
  });
}

/** Whether the plugin gave the call up by the deadline that it was told. */
function isOwnTimeout(error: unknown): boolean {
  return isPluginError(error) && error.code === "exec.timeout" && error.origin === "plugin";
}

/** Sends a call to the current launch, and again to a later one where `retry` allows it. */
async function attempt<T>(
  slot: Slot,
  options: CallOptions,
  left: () => number,
  signal: AbortSignal,
  send: (driver: DriverCaller, options: AttemptOptions) => Promise<T>,
): Promise<T> {
  for (let number = 1;; number++) {
    const launch = await slot.acquire(signal);
    try {
      return await launch.run((driver) => send(driver, { ...options, signal, timeoutMs: left(), attempt: number }));
    } catch (error) {
      // A process that still runs would refuse again; it is its exit that makes room for another.
      if (signal.aborted || !mayRetry(error, options.retry ?? "safe") || !(await hasExited(launch))) throw error;
    }
  }
}

function mayRetry(error: unknown, retry: "never" | "safe" | "idempotent"): boolean {
  if (!isPluginError(error) || retry === "never") return false;
  if (error.code === "caller.refused" || error.code === "exec.unavailable") return true;
  return retry === "idempotent" && error.code === "caller.lost";
}

async function hasExited(launch: Launch): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), EXIT_LAG_MS));
  const exited = await Promise.race([launch.exited.then(() => true), late]);
  clearTimeout(timer);
  return exited;
}

function requireTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new RangeError(`timeoutMs must be more than 0, not ${timeoutMs}; Infinity for none, ${DEFAULT_TIMEOUT_MS} by default`);
}

function requireHeader(option: string, value: string | undefined): void {
  if (value === undefined || isHeaderValue(value)) return;
  throw new TypeError(`${option} must be 1 to 255 visible ASCII characters, not ${JSON.stringify(value)}`);
}

function timeoutError(what: string, plugin: string, timeoutMs: number): PluginError {
  const hint = "Raise timeoutMs for this call, or timeout in the plugin's configuration";
  return new PluginError("caller.timeout", `The call ${what} was not answered within ${timeoutMs} ms`, { plugin, hint });
}
